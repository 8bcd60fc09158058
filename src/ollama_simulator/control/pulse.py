"""Wakes those who follow a journal, when there is something for them.

Rules of this file:

1. Nothing is buffered for anybody: a follower reads the journal at its own pace, and sees by the
   indices what was dropped before it came to it.
2. Who waits for the same records is looked after together, and not more often than every
   `REST_S`. A follower for whom there is nothing sleeps on, whatever happens on the servers.
3. Its seconds are real ones, as its followers are: it paces the network, not the fleet.

It must not import the servers' insides.
"""

import asyncio

from ollama_simulator.journal import Filter, Journal

REST_S = 0.02
"""Seconds between two looks at least: a burst of records is one look."""


class Pulse:
    """The followers of one journal who wait."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.closed = False
        """Whether there will be no more."""
        self._waiting: dict[Filter, set[asyncio.Future[None]]] = {}
        self._seen = 0
        """The index up to which was looked."""
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    async def more(self, wanted: Filter, patience: float) -> bool:
        """Wait until a wanted record is added, from now on. Returns whether it may have been:
        False after so many seconds, or when there will be no more."""
        if self.closed:
            return False
        if not self._waiting:
            self.journal.heard.append(self._heard)
            self._seen = self.journal.total
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        together = self._waiting.setdefault(wanted, set())
        together.add(future)
        try:
            async with asyncio.timeout(patience):
                await future
                return not self.closed
        except TimeoutError:
            return False
        finally:
            together.discard(future)
            if not together and self._waiting.get(wanted) is together:
                del self._waiting[wanted]
                self._idle()

    def close(self) -> None:
        """End all waits."""
        self.closed = True
        for wanted in list(self._waiting):
            self._wake(wanted)

    def _heard(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._last + REST_S), self._look)

    def _look(self) -> None:
        """Wake those for whom something came."""
        self._timer, self._last = None, asyncio.get_running_loop().time()
        since, self._seen = self._seen, self.journal.total
        for wanted in list(self._waiting):
            if since < self.journal.dropped or self.journal.page(since, 1, wanted).records:
                self._wake(wanted)

    def _wake(self, wanted: Filter) -> None:
        for future in self._waiting.pop(wanted):
            if not future.done():
                future.set_result(None)
        self._idle()

    def _idle(self) -> None:
        """Listen to the journal only while somebody waits."""
        if not self._waiting and self._heard in self.journal.heard:
            self.journal.heard.remove(self._heard)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
