"""Asks over HTTP/1.1, and reports exactly how the answer ended.

Rules of this file:

1. One connection, one request. What ended it is never guessed: complete, cut (FIN too
   early), reset, silent, or not HTTP.
2. An answer is complete when its framing says so. Whether its content is whole is for who
   knows the content to say.

It must not import anything but layer 0 and its own package.

Longer than 300 lines because all of it shares the state of one connection.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Iterable
from enum import Enum
from typing import Self, cast

import httptools
import msgspec

from ollama_simulator.clock import Interrupt
from ollama_simulator.net import kernel
from ollama_simulator.net.perform import BODILESS

MOST_UNREAD = 1024 * 1024
"""Bytes of an answer that wait to be read, above which the peer has to wait."""


class End(Enum):
    """How an answer ended."""

    COMPLETE = "complete"
    REFUSED = "refused"
    """The kernel refused the connection."""
    UNREACHABLE = "unreachable"
    """No connection within the time allowed."""
    CUT = "cut"
    """The peer shut its side down before the answer was complete."""
    RESET = "reset"
    SILENT = "silent"
    """Nothing came for the time allowed; the connection was still there."""
    MALFORMED = "malformed"
    """What came is not HTTP."""
    LEFT = "left"
    """We left."""


class Broken(Exception):
    """An answer that did not complete."""

    def __init__(self, end: End, detail: str) -> None:
        super().__init__(detail)
        self.end = end


class ResponseHead(msgspec.Struct, frozen=True):
    """Status and headers of an answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """As they came; a name may be there twice."""
    interim: "tuple[ResponseHead, ...]" = ()
    """The answers below 200 that came before it."""

    def header(self, name: str) -> str | None:
        """The first header of this (lower-case) name, or None."""
        return next((value for key, value in self.headers if key.lower() == name), None)


class Client(asyncio.Protocol):
    """One connection to a server, for one request. Use as `async with await Client.connect(…)`."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[str, str]] = []
        self._head: ResponseHead | None = None
        self.bodiless = False
        """Whether the answer has no body, whatever its head says, as one to HEAD."""
        self._interim: list[ResponseHead] = []
        self._pieces: deque[bytes] = deque()
        self._unread = 0
        self._broken: Broken | None = None
        self._complete = False
        self._changed: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    @classmethod
    async def connect(
        cls, host: str, port: int, timeout: float | None, tls: ssl.SSLContext | None = None
    ) -> Self:
        """Connect. Raises `Broken` with `REFUSED`, `UNREACHABLE` or `RESET`."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                _, client = await loop.create_connection(cls, host, port, ssl=tls)
        except TimeoutError as error:
            # The kernel has a limit of its own, which it names.
            detail = str(error) or f"no connection within {timeout:g} s"
            raise Broken(End.UNREACHABLE, detail) from None
        except ConnectionRefusedError:
            raise Broken(End.REFUSED, f"connection refused by {host}:{port}") from None
        except ConnectionResetError:
            raise Broken(End.RESET, f"connection reset by {host}:{port}") from None
        except OSError as error:
            raise Broken(End.UNREACHABLE, f"{host}:{port}: {error}") from None
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection (FIN, or RST if something is unread)."""
        self._break(End.LEFT, "we left")
        self._transport.close()

    def reset(self) -> None:
        """Close the connection with RST."""
        self._break(End.LEFT, "we left")
        if not self._transport.is_closing():
            kernel.reset_on_close(self._transport.get_extra_info("socket"))
            self._transport.abort()

    async def ask(
        self,
        method: str,
        target: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | None = None,
        *,
        silence: float | None = None,
    ) -> None:
        """Send a request. `Host` and, for a body, `Content-Length` are added if absent.

        Returns when the kernel has taken it, which it must within `silence` seconds. A
        connection that ends meanwhile is told by `head`.
        """
        self.bodiless = method == "HEAD"
        sent = list(headers)
        named = {name.lower() for name, _ in sent}
        if "host" not in named:
            host, port = self._transport.get_extra_info("peername")[:2]
            sent.insert(0, ("Host", f"{host}:{port}"))
        if body is not None and "content-length" not in named:
            sent.append(("Content-Length", str(len(body))))
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent)]
        data = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")
        await self.send(data, silence=silence)

    async def send(self, data: bytes, *, silence: float | None = None) -> None:
        """Send bytes of a request as they are. As for `ask`."""
        if self.over:
            return
        self._transport.write(data)
        try:
            async with asyncio.timeout(silence):
                await self._writable.wait()
        except TimeoutError:
            self._break(End.SILENT, f"the request was not taken for {silence:g} s")

    def finish_sending(self) -> None:
        """Shut our side of the connection down (FIN), and go on reading; over TLS, which knows no
        such thing, leave."""
        if self._transport.is_closing():
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self.close()

    def read_little(self, size: int) -> None:
        """Let the kernel keep no more than about so many bytes that we have not read."""
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)

    @property
    def over(self) -> bool:
        """Whether nothing more will come: the answer is complete, or it broke."""
        return self._complete or self._broken is not None

    async def head(self, silence: float | None) -> ResponseHead:
        """The head of the answer. `silence` is the longest wait in seconds. Raises `Broken`."""
        while self._head is None:
            if self._broken is not None:
                raise self._broken
            await self._change(silence)
        return self._head

    async def body(self, silence: float | None) -> AsyncIterator[bytes]:
        """The bytes of the body, as they come, framing removed.

        `silence` is the longest wait for the next ones in seconds. Raises `Broken` after the
        last bytes if the answer did not complete.
        """
        while True:
            if self._pieces:
                data = self._pieces.popleft()
                if self._unread > MOST_UNREAD >= self._unread - len(data):
                    self._go_on_reading()
                self._unread -= len(data)
                yield data
            elif self._complete:
                return
            elif self._broken is not None:
                raise self._broken
            else:
                await self._change(silence)

    @property
    def trailers(self) -> tuple[tuple[str, str], ...]:
        """What came behind the body like headers, when the answer is complete."""
        return tuple(self._headers[len(self._head.headers) :]) if self._head is not None else ()

    def leave_when(self, gone: Interrupt) -> None:
        """Close at once when an interrupt fires."""
        gone.wakes(self.close)

    def _go_on_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    async def _change(self, silence: float | None) -> None:
        self._changed = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(silence):
                await self._changed
        except TimeoutError:
            self._break(End.SILENT, f"silence for {silence:g} s")

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    def _break(self, end: End, detail: str) -> None:
        if not self._complete and self._broken is None:
            self._broken = Broken(end, detail)
        self._writable.set()
        self._wake()

    # --- called by the event loop -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are transports by shape, not by class.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        if self._complete or self._broken is not None:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._break(End.MALFORMED, "the peer switched protocols")
        except httptools.HttpParserError as error:
            if not self._complete:
                self._break(End.MALFORMED, f"not HTTP: {error}")
        self._wake()

    def eof_received(self) -> None:
        head = self._head
        if head is not None and not self._complete and self._broken is None:
            coding = (head.header("transfer-encoding") or "").lower()
            if head.header("content-length") is None and "chunked" not in coding:
                # Nothing but the end of the connection ends such a body (RFC 9112, 6.3).
                self._complete = True
        self._break(End.CUT, "the connection ended before the answer was complete")

    def connection_lost(self, exc: Exception | None) -> None:
        self._break(End.RESET if exc else End.CUT, str(exc or "the connection ended early"))

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # --- called by the parser -----------------------------------------------------------------

    def on_message_begin(self) -> None:
        if not self._complete:
            self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._complete:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._complete:
            return
        if status < 200:
            self._interim.append(ResponseHead(status, tuple(self._headers)))
            return
        self._head = ResponseHead(status, tuple(self._headers), tuple(self._interim))
        if self.bodiless or status in BODILESS:
            self._complete = True

    def on_body(self, data: bytes) -> None:
        if not self._complete:
            self._pieces.append(data)
            self._unread += len(data)
            if self._unread > MOST_UNREAD and not self._transport.is_closing():
                self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._head is not None:
            self._complete = True
