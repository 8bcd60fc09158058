"""Asks another server, and knows when each piece of its answer came, and where its chunks ended.

Rules of this file:

1. The moment of a piece is that in which it came, however long nobody read it.
2. A chunk is one piece, unless it takes so long, or is so large, that waiting for its end would
   hold an answer up.

It must not import anything but layer 0 and its own package.
"""

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from ollama_simulator.net.client import MOST_UNREAD, Client, End

PATIENCE_S = 0.05
"""Real seconds that the first bytes of a chunk wait for its end."""
LARGEST_CHUNK = MOST_UNREAD // 2
"""Bytes of a chunk that are one piece."""


class Piece(msgspec.Struct, frozen=True):
    """A piece of an answer's body."""

    at: float
    """When it was there, by the clock of the client."""
    data: bytes


class TimedClient(Client):
    """A client that remembers times. `piece` takes the place of `body`."""

    def __init__(self) -> None:
        super().__init__()
        self.now: Callable[[], float] = asyncio.get_running_loop().time
        """The clock. Whoever wants another one says so before asking."""
        self.reason = ""
        """The reason phrase of the answer."""
        self.chunked = False
        """Whether the head says that the body comes in chunks."""
        self.headed_at = 0.0
        """When the head of the answer was there."""
        self.ended_at: float | None = None
        """When the answer was complete, or broke."""
        self._came: deque[Piece] = deque()
        self._part: list[bytes] = []
        self._part_size = 0

    @property
    def waiting(self) -> bool:
        """Whether a piece is there that nobody has read."""
        return bool(self._came)

    @property
    def answered(self) -> bool:
        """Whether the head of an answer is there."""
        return self._head is not None

    async def continued(self) -> None:
        """Return when the server wants the rest of the request, or has answered, or broke."""
        while not self._interim and self._head is None and not self.over:
            await self._change(None)

    async def send_unless_answered(self, data: bytes) -> None:
        """Send bytes of a request. Returns when the kernel has taken them, or an answer is there
        before it has; they may never be taken then."""
        if self.over:
            return
        self._transport.write(data)
        while not self._writable.is_set() and self._head is None and not self.over:
            await self._change(None)

    @property
    def stuck(self) -> bool:
        """Whether the server takes no more of the request for the moment."""
        return not self._writable.is_set()

    async def piece(self) -> Piece | None:
        """The next piece of the body; None when it is complete. Raises `Broken` after the last if
        it did not complete."""
        while True:
            if self._came:
                piece = self._came.popleft()
                self._read(len(piece.data))
                return piece
            if not self.over:
                await self._more()
            elif self._part:
                self._whole()
            elif self._broken is not None:
                raise self._broken
            else:
                return None

    async def _more(self) -> None:
        """Wait for a piece, or make one of what has waited too long for the rest of its chunk."""
        if not self._part:
            await self._change(None)
            return
        self._changed = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._changed
        except TimeoutError:
            self._whole()

    def _read(self, size: int) -> None:
        if self._unread > MOST_UNREAD >= self._unread - size:
            self._go_on_reading()
        self._unread -= size

    def _whole(self) -> None:
        if self._part:
            self._came.append(Piece(self.now(), b"".join(self._part)))
            self._part.clear()
            self._part_size = 0

    def _break(self, end: End, detail: str) -> None:
        if self.ended_at is None:
            self.ended_at = self.now()
        super()._break(end, detail)

    # --- called by the event loop and the parser ------------------------------------------------

    def resume_writing(self) -> None:
        super().resume_writing()
        self._wake()

    def on_status(self, status: bytes) -> None:
        """Take the reason phrase, in pieces."""
        self.reason += status.decode("latin-1")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head is None:
            self.reason = ""

    def on_headers_complete(self) -> None:
        before = self._head
        super().on_headers_complete()
        if before is None and self._head is not None:
            self.headed_at = self.now()
            self.chunked = "chunked" in (self._head.header("transfer-encoding") or "").lower()
            if self._complete:
                self.ended_at = self.headed_at

    def on_body(self, data: bytes) -> None:
        if self._complete:
            return
        self._part.append(data)
        self._part_size += len(data)
        self._unread += len(data)
        if not self.chunked or self._part_size >= LARGEST_CHUNK:
            self._whole()
        if self._unread > MOST_UNREAD and not self._transport.is_closing():
            self._transport.pause_reading()

    def on_chunk_complete(self) -> None:
        """Take the end of a chunk."""
        self._whole()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self._complete and self.ended_at is None:
            self.ended_at = self.now()
