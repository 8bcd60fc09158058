"""Bytes to requests: heads and bodies, put together as Go's library does it.

Source: native specification 1.1.

Rules of this file:

1. A request exists as soon as its head is read; its body goes on arriving.
2. After bytes that are not HTTP nothing more is read from a connection.

It must not import anything but `limits` and its own package.
"""

from collections.abc import Callable

from ollama_simulator.limits import USUAL, Limits
from ollama_simulator.net.chunks import BadChunks, Chunks
from ollama_simulator.net.head import BadRequest, Head, HeadReader, kept
from ollama_simulator.net.request import Body, Request

SHORTEST_START = 4
"""Bytes of a later request with which Go begins to read it; fewer are nobody's mistake."""


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
        limits: Limits = USUAL,
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
        self._limits = limits
        self._heads = HeadReader(limits=limits)
        self._chunks: Chunks | None = None
        self._left = 0
        """Bytes of the body that are still to come, if its length was declared."""
        self._last_method = ""
        self._deaf = False

    def note_alone(self, data: bytes) -> Head | None:
        """The head that is all of these bytes, if it is one that came before, and a whole request
        behind which the connection goes on. It counts as read then; but the bytes may still be fed,
        if nobody wants it so, as `feed` notes the same of it."""
        if self.receiving is not None or self._deaf or self._heads.begun:
            return None
        head = kept(data)
        if head is None or not head.alone or self._heads.refuses(head, len(data)):
            return None
        if not self._last_method:
            self._heads = HeadReader(SHORTEST_START, self._limits)
        self._last_method = head.method
        return head

    def feed(self, data: bytes) -> None:
        """Take bytes. Raises `BadRequest` if they are none of a request's head."""
        while data and not self._deaf:
            if self.receiving is not None:
                data = self._body(self.receiving, data)
                continue
            if self._last_method == "POST" and not self._heads.begun:
                # Old clients send an empty line behind a body, and Go bears two.
                data = data[:SHORTEST_START].lstrip(b"\r\n") + data[SHORTEST_START:]
                if not data:
                    return
            try:
                found = self._heads.feed(data)
            except BadRequest:
                self._deaf = True
                raise
            if found is None:
                return
            if self._heads.begun or not self._last_method:
                self._heads = HeadReader(SHORTEST_START, self._limits)
            data = found[1]
            self._begin(found[0])

    @property
    def within_head(self) -> bool:
        """Whether a head has begun and is not whole, or the first one is waited for."""
        return not self._last_method or self._heads.begun > 0

    def end(self) -> None:
        """Say that no more bytes will come. Raises `BadRequest` if a head is not complete."""
        if self.receiving is not None:
            self.receiving.fail("unexpected EOF")
        begun = self._heads.begun
        if begun and not self._deaf:
            self._deaf = True
            if not self._last_method or begun >= SHORTEST_START:
                raise BadRequest

    def _begin(self, head: Head) -> None:
        self._last_method = head.method
        length = None if head.chunked else head.length
        expects = head.expects and length != 0
        body = Body(self._say_continue if expects else None, self._drained, length)
        request = Request(
            head.method,
            head.target,
            head.version,
            head.headers,
            body,
            keep_alive=not head.closing,
            connection=self._connection,
            abort=self._abort,
            index=head.index,
        )
        request.recorded = head.recorded
        if length == 0:
            body.end()
        else:
            self.receiving = body
            self._chunks = Chunks(body.feed) if head.chunked else None
            self._left = head.length
        self._arrived(request)

    def _body(self, body: Body, data: bytes) -> bytes:
        """Take bytes of a body. Returns what follows it."""
        if self._chunks is None:
            body.feed(data[: self._left])
            rest = data[self._left :]
            self._left -= len(data) - len(rest)
            if self._left:
                return b""
        else:
            try:
                after = self._chunks.feed(data)
            except BadChunks as bad:
                self._deaf = True
                body.fail(str(bad))
                return b""
            if after is None:
                return b""
            rest = after
        self.receiving = None
        body.end()
        return rest
