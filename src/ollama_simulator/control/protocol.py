"""How much the control API bears of who isn't known yet: a head that is too large, or too slow.

Rules of this file:

1. The data of a body are the business of the application, which has a limit of its own. What
   stands between them is borne up to a limit, too, and trailers aren't kept.
2. It is looked at before a head is whole: nobody has shown a token by then.

It must not import anything of this package.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LARGEST_HEAD = 64 * 1024
"""Bytes of a request's head."""
LARGEST_GAP = 64 * 1024
"""Bytes in a body, such as trailers, behind which there must be data, or its end."""
HEAD_S = 10.0
"""Seconds in which a head must have come."""
PIECE = 8 * 1024
"""Bytes after which its size is looked at."""
TOO_LARGE = b"\r\n".join(
    (
        b"HTTP/1.1 431 Request Header Fields Too Large",
        b"content-length: 0",
        b"connection: close",
        b"",
        b"",
    )
)


class Protocol(HttpToolsProtocol):
    """A connection to the control API."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._in_body = False
        self._head_size = 0
        self._gap = 0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._have_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes, as long as a head is not too large."""
        for at in range(0, len(data), PIECE):
            if self.transport.is_closing():
                return
            if not self._in_body and self._timer is None:
                self._await_head()
            piece = data[at : at + PIECE]
            self._gap += len(piece)
            super().data_received(piece)
            if self._in_body and self._gap > LARGEST_GAP:
                self.transport.abort()
            if self._timer is None:
                continue
            self._head_size += len(piece)
            if self._head_size > LARGEST_HEAD and not self.transport.is_closing():
                self.transport.write(TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """Have the beginning of a head."""
        if self._timer is None:
            self._await_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Have a header. A trailer isn't one (RFC 9110, 6.5.1), and nobody asks for it."""
        if not self._in_body:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Have a head."""
        self._in_body = True
        self._gap = 0
        self._have_head()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Have data of a body."""
        self._gap = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Have a whole request."""
        self._in_body = False
        super().on_message_complete()

    def _await_head(self) -> None:
        self._head_size = 0
        self._timer = self.loop.call_later(HEAD_S, self.transport.close)

    def _have_head(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
