"""A request as it arrives: its head, and a body that is still coming.

Rules of this file:

1. The parser feeds, the reader reads; between them there is a bound, and beyond it the
   connection stops reading.
2. A body ends in one of three ways: whole, cut by the client, or unreadable. The last two
   raise `BadBody`.

It must not import anything but the standard library and layer 0.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from ollama_simulator.acts import How
from ollama_simulator.clock import Interrupt

HIGH_WATER = 256 * 1024
"""Bytes of unread body at which the connection stops reading."""


class BadBody(Exception):
    """The body of a request can't be read. The text says why."""


class Body:
    """The body of a request, fed by the parser and read once."""

    def __init__(
        self, on_first_read: Callable[[], None] | None, on_drained: Callable[[], None]
    ) -> None:
        self.complete = False
        self._chunks: list[bytes] = []
        self._size = 0
        self._error: str | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._on_first_read = on_first_read
        self._on_drained = on_drained

    @property
    def full(self) -> bool:
        """Whether so much is unread that the connection should stop reading."""
        return self._size > HIGH_WATER

    @property
    def awaits_interim(self) -> bool:
        """Whether the client waits for 100 Continue before it sends the body."""
        return self._on_first_read is not None and not self.complete

    def feed(self, data: bytes) -> None:
        """Add bytes."""
        self._chunks.append(data)
        self._size += len(data)
        self._wake()

    def end(self) -> None:
        """Say that no more will come."""
        self.complete = True
        self._wake()

    def fail(self, error: str) -> None:
        """Say that it can't be read to its end."""
        if not self.complete:
            self._error = error
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes, as they come. Raises `BadBody`."""
        if self._on_first_read is not None and not self.complete:
            self._on_first_read()
        self._on_first_read = None
        while True:
            if self._chunks:
                data = b"".join(self._chunks)
                self._chunks.clear()
                self._size = 0
                self._on_drained()
                yield data
            elif self.complete:
                return
            elif self._error is not None:
                raise BadBody(self._error)
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter

    async def read(self) -> bytes:
        """All bytes. Raises `BadBody`."""
        return b"".join([data async for data in self.chunks()])

    async def discard(self, limit: int) -> bool:
        """Read and forget what is left. Returns False if there is more than `limit` bytes."""
        try:
            async for data in self.chunks():
                limit -= len(data)
                if limit < 0:
                    return False
        except BadBody:
            return False
        return True


class Request:
    """The head of a request, its body, and whether its client is still there."""

    def __init__(
        self,
        method: str,
        target: str,
        version: str,
        headers: list[tuple[str, str]],
        body: Body,
        *,
        keep_alive: bool,
        connection: int,
        abort: Callable[[], None],
    ) -> None:
        self.method = method
        self.target = target
        """Path and query, as sent."""
        self.version = version
        """`1.1` or `1.0`."""
        self.headers = headers
        """Names and values in order, as sent, decoded as Latin-1."""
        self.body = body
        self.keep_alive = keep_alive
        """Whether the client wants to go on with this connection."""
        self.connection = connection
        """The number of its connection."""
        self.left: How | None = None
        """How the client left; None while it is there."""
        self.gone = Interrupt()
        """Fires when the client shuts its side down, or the connection is lost."""
        self.abort = abort
        """Reset the connection and end whatever is being performed on it."""

    def leave(self, how: How) -> None:
        """Say that the client left. Only the first time counts."""
        if self.left is None:
            self.left = how
            self.gone.fire()

    def header(self, name: str) -> str | None:
        """The first header of this name, case-insensitively, or None."""
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None
