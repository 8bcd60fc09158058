"""A request as it arrives: its head, and a body that is still coming.

Source: native specification 1.1 and 1.9.

Rules of this file:

1. The parser feeds, the reader reads; between them there is a bound, and beyond it the
   connection stops reading.
2. A body ends in one of three ways: whole, cut by the client, or unreadable. The last two
   raise `BadBody`.

It must not import anything but the standard library, `recorded` and layer 0.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from ollama_simulator.acts import How
from ollama_simulator.clock import Interrupt
from ollama_simulator.net.recorded import Recorded

HIGH_WATER = 256 * 1024
"""Bytes of unread body at which the connection stops reading."""
LARGEST_REMNANT = 256 * 1024
"""Bytes of a body that nobody read, above which the connection ends (1.1)."""


class BadBody(Exception):
    """The body of a request can't be read. The text says why."""

    status = 400
    """How it is answered."""


class TooLarge(BadBody):
    """It has more bytes than are borne."""

    status = 413

    def __init__(self) -> None:
        super().__init__("http: request body too large")


class Body:
    """The body of a request, fed by the parser and read once."""

    def __init__(
        self,
        on_first_read: Callable[[], None] | None,
        on_drained: Callable[[], None],
        length: int | None = None,
    ) -> None:
        """`on_first_read` is for a client that waits to be asked; `length` is None for chunks."""
        self.complete = False
        """Whether all of it has arrived."""
        self.length = length
        self.expects = on_first_read is not None
        """Whether its client waits for 100 Continue before it sends it."""
        self.taken = 0
        """Bytes that the handler took. It may say that it took less than it was given."""
        self.most = 0
        """Bytes above which it can't be read, for whoever keeps it; 0 for any number."""
        self._chunks: list[bytes] = []
        self._size = 0
        self._error: str | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._on_first_read = on_first_read
        self._cut = False
        self._on_drained = on_drained

    @property
    def full(self) -> bool:
        """Whether so much is unread that the connection should stop reading."""
        return self._size > HIGH_WATER

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

    def take(self) -> bytes:
        """The bytes of one that is `complete`. Raises `TooLarge`."""
        self._on_first_read = None
        return self._taken() if self._chunks else b""

    def _taken(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        self.taken += len(data)
        self._on_drained()
        if 0 < self.most < self.taken:
            raise TooLarge
        return data

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes, as they come. Raises `BadBody`."""
        if self._on_first_read is not None and not self.complete:
            self._on_first_read()
        self._on_first_read = None
        while True:
            if self._chunks:
                yield self._taken()
            elif self.complete:
                return
            elif self._error is not None:
                # Go takes the end of a connection for the end of a body of declared length.
                self._cut = self.length is not None
                raise BadBody(self._error)
            else:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter

    async def read(self) -> bytes:
        """All bytes. Raises `BadBody`."""
        return b"".join([data async for data in self.chunks()])

    @property
    def cut_short(self) -> bool:
        """Whether the client ended its side within it."""
        return self._cut

    @property
    def settled(self) -> bool:
        """Whether nothing is left of it."""
        return self.complete and not self._chunks and self.taken == (self.length or self.taken)

    async def settle(self) -> bool:
        """Let the rest arrive before the answer goes out, as Go does (1.1, 1.9).

        Returns whether the connection can go on behind this request: not if too much is left,
        or if the client was not asked for all of it, or if it can't be read.
        """
        if self.length is not None and self.length - self.taken >= LARGEST_REMNANT:
            return False
        if (self.complete and not self._chunks) or self._cut:
            return True
        return not self.expects and await self.discard(LARGEST_REMNANT)

    async def linger(self, closing: bool) -> None:
        """Let the rest arrive behind the last answer of a connection, as Go does.

        It doesn't if the client itself is `closing` it and has said how much there is.
        """
        self._on_first_read = None
        if self.length is None or not (closing or self.length - self.taken > LARGEST_REMNANT):
            await self.discard(LARGEST_REMNANT)

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
        headers: Sequence[tuple[str, str]],
        body: Body,
        *,
        keep_alive: bool,
        connection: int,
        abort: Callable[[], None],
        index: dict[str, list[str]] | None = None,
    ) -> None:
        """`index` is what the attribute of this name tells, if that is known already."""
        self.method = method
        self.target = target
        """Path and query, as sent."""
        self.version = version
        """`1.1` or `1.0`."""
        self.headers: Sequence[tuple[str, str]] = tuple(headers)
        """Names and values in order, as sent, decoded as Latin-1."""
        self.body = body
        self.closing = not keep_alive
        """Whether the client wants the connection to end."""
        self.keep_alive = keep_alive
        """Whether the connection can go on behind the answer."""
        self.reply_headers: tuple[tuple[str, str], ...] = ()
        """What every answer says, whatever it is."""
        self.connection = connection
        """The number of its connection."""
        self.left: How | None = None
        """How the client left; None while it is there."""
        self.gone = Interrupt()
        """Fires when the client shuts its side down, or the connection is lost."""
        self.answer_waits = False
        """Whether the answer waits for the rest of the body: its first write is blocked."""
        self.unwatched = False
        """Whether more has come behind it while it was answered. Go watches for the end of a
        connection by reading a byte, and has one then."""
        self.came_at = 0
        """Bytes that had come on its connection when its head was whole, a piece more or less."""
        self.recorded: Recorded | None = None
        """Target and headers as they are recorded, if that isn't as sent."""
        self._index = index
        self.abort = abort
        """Reset the connection and end whatever is being performed on it."""

    @property
    def seen_leaving(self) -> bool:
        """Whether a client that shuts its side down is noticed: only behind the body, which is
        read on by the first write of the answer."""
        return not self.unwatched and (self.body.complete or self.answer_waits)

    def leave(self, how: How, *, in_write: bool = False) -> None:
        """Say that the client left, maybe while a write to it was blocked. Only the first time
        counts."""
        if self.left is None:
            self.left = how
            self.gone.in_write = in_write or self.answer_waits
            self.gone.fire()

    @property
    def index(self) -> dict[str, list[str]]:
        """The values of the headers by their names in lower case."""
        if self._index is None:
            self._index = {}
            for key, value in self.headers:
                self._index.setdefault(key.lower(), []).append(value)
        return self._index

    def header(self, name: str) -> str | None:
        """The first header of this (lower-case) name, or None."""
        values = self.index.get(name)
        return values[0] if values else None
