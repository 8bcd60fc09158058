"""Whether the machine had time for us: without that, what a clock says accuses nobody.

Two signs are watched all the time: how late our own event loop is, and how much of the CPU was
left. The balancer is another process, and may be held up where we are not.

Rules of this file:

1. It never makes a failure a pass; it makes it inconclusive.

It must not import the scenarios or the player.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

import psutil

from ollama_simulator.clock import Clock

BEAT_S = 0.02
LOOK_S = 0.25
"""How often the CPU is looked at."""
KEPT_S = 120.0
"""For how long beats are remembered."""
LEFT = 0.08
"""The share of the CPU that must have been idle. Below, somebody waited for it."""


class Steadiness:
    """Watches the machine while cases are played."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._late: deque[tuple[float, float]] = deque(maxlen=int(KEPT_S / BEAT_S))
        self._idle: deque[tuple[float, float]] = deque(maxlen=int(KEPT_S / LOOK_S))

    @contextlib.asynccontextmanager
    async def watching(self) -> AsyncIterator["Steadiness"]:
        """Watch for a block."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._beat())
            try:
                yield self
            finally:
                task.cancel()

    async def _beat(self) -> None:
        clock = self._clock
        due = clock.now() + BEAT_S
        look = clock.now() + LOOK_S
        psutil.cpu_times_percent()  # what it says next is about the time from now on
        while True:
            await clock.sleep_until(due)
            now = clock.now()
            self._late.append((now, now - due))
            due = now + BEAT_S
            if now >= look:
                self._idle.append((now, psutil.cpu_times_percent().idle / 100))
                look = now + LOOK_S

    def trouble(self, since: float, until: float, tolerance: float) -> str:
        """What held things up between two moments of the clock, in words; empty for nothing.

        `tolerance` is by how many seconds whatever was judged may be late. We may be held up by
        a quarter of that, or by a tenth where the CPU had no time left: a balancer would be, too.
        """
        late = max((late for t, late in self._late if since <= t <= until + BEAT_S), default=0.0)
        if late > tolerance / 4:
            return f"our own clock was up to {late * 1000:.0f} ms late"
        looks = [idle for t, idle in self._idle if since <= t <= until + LOOK_S]
        if looks and min(looks) < LEFT and late > tolerance / 10:
            busy = (1 - min(looks)) * 100
            return f"the CPU was {busy:.0f} % busy, and our own clock {late * 1000:.0f} ms late"
        return ""
