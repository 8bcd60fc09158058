"""Fetches what a worker recorded, for all who wait for it.

Rules of this file:

1. No fetch is told while one is unanswered: one that stands still isn't told more and more.
2. Who waits gets what was recorded until they asked, together with all who asked meanwhile.

It must not import the fleet or anything above.
"""

import asyncio
import itertools
from collections.abc import Callable

from ollama_simulator.workers.messages import Batch, Fetch


class _Coming:
    """One fetch."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.expire = False
        """Whether one of those who wait wants that, see `Fetch`."""
        self.came: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Whether it was answered; False is for a worker that ended before."""


class Fetches:
    """Those of one worker."""

    def __init__(self, tell: Callable[[Fetch], None]) -> None:
        self._tell = tell
        # 0 is what a worker hands over unasked.
        self._numbers = itertools.count(1)
        self._told: _Coming | None = None
        self._next: _Coming | None = None

    async def recorded(self, *, expire: bool) -> bool:
        """Wait until what was recorded until now has come. False if the worker ended before."""
        if self._next is None:
            self._next = _Coming(next(self._numbers))
        coming = self._next
        coming.expire = coming.expire or expire
        if self._told is None:
            self._tell_next()
        # Whoever waits no longer leaves it to the others.
        return await asyncio.shield(coming.came)

    def _tell_next(self) -> None:
        self._told, self._next = self._next, None
        if self._told is not None:
            self._tell(Fetch(self._told.expire, self._told.number))

    def answered(self, batch: Batch) -> None:
        """Some records came."""
        if self._told is not None and self._told.number == batch.number:
            self._told.came.set_result(True)
            self._tell_next()

    def ended(self) -> None:
        """The worker has ended: nothing comes any more."""
        for coming in (self._told, self._next):
            if coming is not None:
                coming.came.set_result(False)
        self._told = self._next = None
