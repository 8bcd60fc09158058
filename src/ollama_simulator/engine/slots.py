"""The slots of one runner, and the wait for them.

Source: native specification 6.2 and 6.7.

Rules of this file:

1. First come, first served; nobody overtakes.
2. Who leaves the queue leaves no trace: a slot is never given to a client that is gone.
3. Who got one gives it back, whatever happens (`engine.seat`).

It must not import anything but layer 0.
"""

import asyncio
import contextlib
from collections import deque

from ollama_simulator.clock import Interrupt, finish, wait_for


class Interrupted(Exception):
    """The client left while its job waited."""


class Slots:
    """A number of places, each held by one job at a time."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.held_now = 0
        """How many are held."""
        self.idle = list(range(count))
        """Which ones nobody is in, the one that was left last at the end."""
        self._waiting: deque[asyncio.Future[bool]] = deque()

    @property
    def waiting(self) -> int:
        """How many jobs wait."""
        return sum(not future.done() for future in self._waiting)

    @property
    def ahead(self) -> int:
        """How many jobs a newcomer has to wait for; 0 if there is a free slot."""
        return 0 if self.held_now < self.count else self.held_now + self.waiting

    async def take(self, gone: Interrupt) -> None:
        """Wait for a slot. Raises `Interrupted` if `gone` fires first."""
        if self.held_now < self.count:
            self.held_now += 1
        else:
            await self._turn(gone)

    def give(self) -> None:
        """Pass a slot on."""
        while self._waiting:
            # The count stays: a slot goes from hand to hand, so nobody can slip in between.
            if finish(self._waiting.popleft(), True):
                return
        self.held_now -= 1

    async def _turn(self, gone: Interrupt) -> None:
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            granted = await wait_for(turn, gone)
        except asyncio.CancelledError:
            # The turn may have come in the very instant of the cancellation.
            if turn.done() and not turn.cancelled() and turn.result():
                self.give()
            self._forget(turn)
            raise
        if not granted:
            self._forget(turn)
            raise Interrupted

    def _forget(self, turn: "asyncio.Future[bool]") -> None:
        with contextlib.suppress(ValueError):
            self._waiting.remove(turn)
