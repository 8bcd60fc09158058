"""The batch of one runner under the clock: one timer, and those who wait for their tokens.

Rules of this file:

1. There is one timer for all slots of a runner, set for the first moment that somebody waits for.
2. Moments are those of the batch: a timer that is late makes nobody's later tokens late.

It must not import anything but layer 0 and its own package.
"""

import asyncio
import functools
import math
from collections.abc import Callable

from ollama_simulator.clock import Clock, Handle, Interrupt, finish, wait_for
from ollama_simulator.engine.batch import Batch
from ollama_simulator.engine.plan import Work
from ollama_simulator.wheel import Alarm


class Ticker:
    """Drives one batch."""

    def __init__(self, clock: Clock, batch: Batch, works: Callable[[bool], None]) -> None:
        """`works` is told when the batch is about to get its first job, and when it has lost its
        last one."""
        self.batch = batch
        self._clock = clock
        self._works = works
        self._waiting: dict[Callable[[], object], tuple[Work, int]] = {}
        self._alarm: Handle | None = None
        self._when = math.inf

    # --- who takes part ---------------------------------------------------------------------------

    def join(self, work: Work) -> None:
        """Take part."""
        if not self.batch.busy:
            self._works(True)
        self.batch.join(work, self._clock.now())
        self._tick()

    def leave(self, work: Work, at: float) -> None:
        """Take part no more from a moment on: now, or the end of an iteration before."""
        self.batch.leave(work, at, self._clock.now())
        self._left(work)

    def finish(self, work: Work, tokens: int) -> None:
        """Take part no more: the answer ended with this token."""
        self.batch.finish(work, tokens, self._clock.now())
        self._left(work)

    def read_again(self, work: Work, unread: int) -> None:
        """Read so many tokens more."""
        self.batch.read_again(work, unread, self._clock.now())
        self._tick()

    def slow(self, slowness: float) -> None:
        """Take so many times the time."""
        if slowness != self.batch.slowness:
            self.batch.slow(slowness, self._clock.now())
            self._tick()

    def delay(self, seconds: float) -> None:
        """Have all wait once."""
        self.batch.delay(seconds, self._clock.now())
        self._tick()

    def _left(self, gone: Work) -> None:
        for callback, (work, _) in list(self._waiting.items()):
            if work is gone:
                # Nobody comes for what is not made any more.
                del self._waiting[callback]
        if not self.batch.busy:
            self._works(False)
        self._tick()

    # --- who waits --------------------------------------------------------------------------------

    async def until(self, work: Work, token: int, gone: Interrupt) -> bool:
        """Wait for a token, or for the end of the prompt (0).

        Returns False if `gone` came first.
        """
        if gone.fired:
            return False
        now = self._clock.now()
        self.batch.want(work, now)
        if self.batch.there(work, token, now):
            return True
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        callback = functools.partial(finish, future, True)
        self._waiting[callback] = (work, token)
        self._set(self.batch.time_of(work, token))
        try:
            return await wait_for(future, gone)
        finally:
            self._waiting.pop(callback, None)

    def tell(self, work: Work, token: int, alarm: Alarm) -> None:
        """Call an alarm when a token is there."""
        now = self._clock.now()
        self.batch.want(work, now)
        self._waiting[alarm] = (work, token)
        there = self.batch.made(work, now) >= token
        self._set(now if there else self.batch.time_of(work, token))

    def tell_not(self, alarm: Alarm) -> None:
        """Don't call it after all."""
        self._waiting.pop(alarm, None)

    def when_read(self, work: Work, callback: Callable[[float], None]) -> None:
        """Call back when a prompt is read to its end, with that moment."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: callback(work.read_at))
        self._waiting[functools.partial(finish, future, True)] = (work, 0)
        self._tick()

    def at_boundary(self, when: float, callback: Callable[[float], None]) -> None:
        """Call back at the end of the iteration that is in progress at a moment, with that end."""

        def boundary(_: float) -> None:
            self._at(self.batch.boundary(self._clock.now()), callback)

        self._at(when, boundary)

    def _at(self, when: float, callback: Callable[[float], None]) -> None:
        if self._clock.now() >= when:
            callback(when)
        else:
            self._clock.alarm(when, lambda: self._at(when, callback))

    def _tick(self) -> None:
        """Wake whose token is there, and set the timer for the next."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._when = math.inf
        if not self._waiting:
            return
        now = self._clock.now()
        self.batch.pause(now)
        next_one = math.inf
        there = []
        for callback, (work, token) in self._waiting.items():
            if self.batch.there(work, token, now):
                there.append(callback)
            else:
                next_one = min(next_one, self.batch.time_of(work, token))
        for callback in there:
            del self._waiting[callback]
        self._set(next_one)
        for callback in there:
            callback()

    def _set(self, when: float) -> None:
        if when < self._when:
            if self._alarm is not None:
                self._alarm.cancel()
            self._when = when
            self._alarm = self._clock.alarm(when, self._tick)
