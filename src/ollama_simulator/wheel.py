"""Many waits behind one timer of the event loop.

A timer of an event loop costs as much as a token. So what is due within the same millisecond,
which is as exact as uvloop's timers are, shares one.

Rules of this file:

1. Nobody is told before the moment. Earlier milliseconds come first; within one it is the order in
   which the waits began.

It must not import anything of this package.
"""

import asyncio
import heapq
import sys
from collections.abc import Callable
from math import ceil, floor

TICKS_PER_S = 1000
LONGEST_S = 86_400.0
"""Longest single timer, as event loops bound theirs."""


class Alarm:
    """A callback that can be cancelled."""

    __slots__ = ("_callback",)

    def __init__(self, callback: Callable[[], object] | None = None) -> None:
        self._callback = callback

    def __call__(self) -> None:
        """The moment has come."""
        if self._callback is not None:
            self._callback()

    def cancel(self) -> None:
        """Don't call back."""
        self._callback = None


class Wheel:
    """The waits and the alarms of one event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], float],
        delay: Callable[[float], float],
    ) -> None:
        """`now` tells the time in real seconds; `delay` what the loop's timer is told of them."""
        self.loop = loop
        self._now = now
        self._delay = delay
        self._waiting: dict[int, list[Callable[[], object]]] = {}
        """By their milliseconds."""
        self._ticks: list[int] = []
        """Those milliseconds, as a heap."""
        self._timer: asyncio.TimerHandle | None = None

    def add(self, when: float, callback: Callable[[], object]) -> None:
        """Call back at a moment of `now`."""
        try:
            tick = ceil(when * TICKS_PER_S)
        except OverflowError:  # never
            tick = sys.maxsize
        together = self._waiting.get(tick)
        if together is not None:
            together.append(callback)
            return
        self._waiting[tick] = [callback]
        heapq.heappush(self._ticks, tick)
        if self._ticks[0] == tick:
            self._set()

    def _set(self) -> None:
        """Set the timer for the first millisecond."""
        if self._timer is not None:
            self._timer.cancel()
        delay = min(max(self._ticks[0] / TICKS_PER_S - self._now(), 0.0), LONGEST_S)
        self._timer = self.loop.call_later(self._delay(delay), self._turn)

    def _turn(self) -> None:
        """Call whoever is due, and nobody who becomes due by that."""
        self._timer = None
        tick = floor(self._now() * TICKS_PER_S)
        due: list[Callable[[], object]] = []
        while self._ticks and self._ticks[0] <= tick:
            due += self._waiting.pop(heapq.heappop(self._ticks))
        for callback in due:
            try:
                callback()
            except Exception as error:
                # The others are called all the same.
                self.loop.call_exception_handler(
                    {"message": "Exception in an alarm", "exception": error}
                )
        if self._ticks and self._timer is None:
            self._set()
