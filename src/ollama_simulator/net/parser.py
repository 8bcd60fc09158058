"""Bytes to requests: llhttp's events, put together.

Rules of this file:

1. A request exists as soon as its head is read; its body goes on arriving.
2. After bytes that are not HTTP nothing more is read from a connection.

It must not import anything but its own package.
"""

from collections.abc import Callable

import httptools

from ollama_simulator.net.request import Body, Request

LARGEST_HEAD = 1024 * 1024
"""Bytes of a request's head above which it is refused (native specification, 1.1)."""


_FRAMING = ("content-length", "transfer-encoding")


class BadRequest(Exception):
    """Bytes that are no request. Carries the status and the words of Go's library (1.1)."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Parser:
    """Reads the requests of one connection."""

    def __init__(
        self,
        connection: int,
        *,
        arrived: Callable[[Request], None],
        say_continue: Callable[[], None],
        drained: Callable[[], None],
        abort: Callable[[], None],
    ) -> None:
        """`arrived` is told of each request. The other three are what a request and its body
        call: to send an interim answer, to say that the body was read, to reset."""
        self.receiving: Body | None = None
        """The body that is arriving."""
        self._connection = connection
        self._arrived = arrived
        self._say_continue = say_continue
        self._drained = drained
        self._abort = abort
        self._llhttp = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: list[tuple[str, str]] = []
        self._head_size = 0
        self._deaf = False
        self._resuming = False

    def feed(self, data: bytes) -> None:
        """Take bytes. Raises `BadRequest` if they are none of a request's head."""
        if self._deaf:
            return
        if self.receiving is None:
            self._head_size += len(data)
            if self._head_size > LARGEST_HEAD:
                self._deaf = True
                raise BadRequest(431, "Request Header Fields Too Large")
        while data:
            try:
                self._llhttp.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._go_on()
            except httptools.HttpParserError as error:
                self._deaf = True
                if isinstance(error.__context__, BadRequest):
                    raise error.__context__ from None
                if self.receiving is None:
                    raise BadRequest(400, "Bad Request") from None
                self.receiving.fail("invalid byte in chunk length")
                return

    def end(self) -> None:
        """Say that no more bytes will come."""
        if self.receiving is not None:
            self.receiving.fail("unexpected EOF")

    def _go_on(self) -> None:
        """Go on after a request to upgrade: Ollama answers it as if it had not asked (1.1).

        llhttp takes its body for the other protocol, so a new parser is told a head without
        the wish, and reads the body.
        """
        self._llhttp = httptools.HttpRequestParser(self)
        framing = [p for p in self._headers if p[0].lower() in _FRAMING]
        if not framing:
            self.on_message_complete()
            return
        lines = ["POST / HTTP/1.1", *(f"{name}: {value}" for name, value in framing)]
        self._resuming = True
        self._llhttp.feed_data(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        self._resuming = False

    # --- called by llhttp -----------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if not self._resuming:
            self._target = b""
            self._headers = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes after the head are trailers, which nobody here needs.
        if self.receiving is None:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if self._resuming:
            return
        version = self._llhttp.get_http_version()
        if version not in ("1.0", "1.1"):
            # llhttp reads a line without a version as HTTP/0.9.
            words = "HTTP Version Not Supported: unsupported protocol version"
            raise BadRequest(400, "Bad Request") if version == "0.9" else BadRequest(505, words)
        expects = ("expect", "100-continue") in {(n.lower(), v.lower()) for n, v in self._headers}
        request = Request(
            self._llhttp.get_method().decode("latin-1"),
            self._target.decode("latin-1"),
            version,
            self._headers,
            Body(self._say_continue if expects else None, self._drained),
            keep_alive=self._llhttp.should_keep_alive(),
            connection=self._connection,
            abort=self._abort,
        )
        self.receiving = request.body
        self._head_size = 0
        self._arrived(request)

    def on_body(self, data: bytes) -> None:
        if self.receiving is not None:
            self.receiving.feed(data)

    def on_message_complete(self) -> None:
        if self.receiving is not None and not self._llhttp.should_upgrade():
            self.receiving.end()
            self.receiving = None
