"""The only source of time, and the only place that sleeps.

Rules of this file:

1. `now()` is monotonic seconds; it is compared, never shown. `wall_ns()` is shown, never compared.
2. Deadlines are absolute. A wait that began late ends on time.
3. Every wait can be ended early by an `Interrupt`: the client left.

It must not import anything of this package but `interrupt`, whose names are ours, too, `lateness`
and `wheel`.
"""

import asyncio
import functools
import math
import selectors
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol, TypeVar, TypeVarTuple

from ollama_simulator.interrupt import NEVER as NEVER
from ollama_simulator.interrupt import Interrupt as Interrupt
from ollama_simulator.interrupt import finish as finish
from ollama_simulator.interrupt import wait_for as wait_for
from ollama_simulator.lateness import Lateness
from ollama_simulator.wheel import LONGEST_S, Alarm, Wheel

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SLOWEST, FASTEST = 1e-6, 1e6
"""How fast a wall clock may go: beyond, its numbers are too coarse, or its dates are none."""


class Handle(Protocol):
    """An alarm that was set."""

    def cancel(self) -> None:
        """Don't call back."""


class Clock(ABC):
    """Tells the time and waits for it."""

    def __init__(self) -> None:
        self.speed = 1.0
        """How many of its seconds pass in a real one."""
        self.lateness = Lateness()
        """Of tokens that were due by this clock, until they were written."""

    @abstractmethod
    def now(self) -> float:
        """Monotonic time in seconds."""

    @abstractmethod
    def wall_ns(self) -> int:
        """Time of day in nanoseconds since 1970."""

    def wall_ns_at(self, moments: Iterable[float]) -> list[int]:
        """What `wall_ns()` says at moments of `now()`, as far as that is known."""
        now, wall = self.now(), self.wall_ns()
        return [wall + round((moment - now) * 1e9) for moment in moments]

    async def sleep_until(self, when: float, interrupt: Interrupt | None = None) -> bool:
        """Wait for a moment of `now()`. Returns False if the interrupt came first."""
        if interrupt is not None and interrupt.fired:
            return False
        loop = asyncio.get_running_loop()
        while (delay := when - self.now()) > 0:
            future: asyncio.Future[bool] = loop.create_future()
            timer = loop.call_later(self._delay(min(delay, LONGEST_S)), finish, future, True)
            try:
                if not await (future if interrupt is None else wait_for(future, interrupt)):
                    return False
            finally:
                timer.cancel()
        return True

    def alarm(self, when: float, callback: Callable[[], object]) -> Handle:
        """Call back at a moment of `now()`, or before: who is called has to look again."""
        delay = min(max(when - self.now(), 0.0), LONGEST_S)
        return asyncio.get_running_loop().call_later(self._delay(delay), callback)

    def _delay(self, seconds: float) -> float:
        """What the event loop's timer is told."""
        return seconds

    async def breathe(self) -> None:
        """Let others have their turn."""
        await asyncio.sleep(0)


class WallClock(Clock):
    """Real time, or time that runs `speed` times as fast.

    `now()` counts from the start of the machine, so processes with the same speed can compare it.
    `wall_ns()` is right at first, and gains or loses from there as `now()` does.
    """

    def __init__(self, speed: float = 1.0, began_ns: tuple[int, int] | None = None) -> None:
        """`began_ns` is that of a clock in another process with which this one is to agree."""
        if not SLOWEST <= speed <= FASTEST:
            raise ValueError(f"time can't run {speed} times as fast")
        super().__init__()
        self.speed = speed
        self.began_ns = began_ns or (time.monotonic_ns(), time.time_ns())
        """A moment by the machine's monotonic clock, and its time of day, at which `wall_ns()` was
        right."""
        self._wheel: Wheel | None = None
        if speed == 1 and type(self) is WallClock:
            # Each token asks several times, so it is spared a step.
            self.now, self.wall_ns = time.monotonic, time.time_ns  # type: ignore[method-assign]

    def now(self) -> float:
        return time.monotonic() * self.speed

    def wall_ns(self) -> int:
        # At its own speed the time of day is whatever the machine is told that it is.
        if self.speed == 1:
            return time.time_ns()
        monotonic, wall = self.began_ns
        return wall + round((time.monotonic_ns() - monotonic) * self.speed)

    async def sleep_until(self, when: float, interrupt: Interrupt | None = None) -> bool:
        if interrupt is not None and interrupt.fired:
            return False
        while when > self.now():
            wheel = self._turning()
            future: asyncio.Future[bool] = wheel.loop.create_future()
            wheel.add(when / self.speed, functools.partial(finish, future, True))
            # Who gives up waiting is left in the wheel, which passes by those that are done.
            if not await (future if interrupt is None else wait_for(future, interrupt)):
                return False
        return True

    def alarm(self, when: float, callback: Callable[[], object]) -> Handle:
        alarm = callback if isinstance(callback, Alarm) else Alarm(callback)
        wheel = self._wheel
        if wheel is None or wheel.loop is not asyncio.get_running_loop():
            wheel = self._turning()
        wheel.add(when / self.speed, alarm)
        return alarm

    def _turning(self) -> Wheel:
        """The wheel of the event loop that runs."""
        loop = asyncio.get_running_loop()
        if self._wheel is None or self._wheel.loop is not loop:
            self._wheel = Wheel(loop, time.monotonic, self._delay)
        return self._wheel

    def _delay(self, seconds: float) -> float:
        # uvloop's timers count whole milliseconds: rounded up, none fires early and has to
        # be set again.
        return math.ceil(seconds * 1000) / 1000


class VirtualClock(Clock):
    """Time that jumps to the next deadline whenever the event loop would otherwise wait.

    `VirtualClock().run(main(clock))` runs a coroutine on an event loop of its own. An hour
    of waiting takes no time and the same program repeats exactly.
    """

    EPOCH_NS = 1_767_225_600_000_000_000
    """What `wall_ns()` says at time 0: 2026-01-01T00:00:00Z."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def wall_ns(self) -> int:
        return self.EPOCH_NS + round(self._now * 1e9)

    def wall_ns_at(self, moments: Iterable[float]) -> list[int]:
        return [self.EPOCH_NS + round(moment * 1e9) for moment in moments]

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Run `main` to its end. Raises `Deadlock` if everything waits for nothing."""
        with asyncio.Runner(loop_factory=self.new_loop) as runner:
            return runner.run(main)

    def new_loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that `run` runs on."""
        return _VirtualLoop(self)

    def advance(self, seconds: float) -> None:
        """Move on. Called by the event loop; a program under this clock has no need to.

        Raises `OverflowError` after 194 days: beyond, the event loop's resolution of a
        nanosecond is lost in the size of the number, and no timer would ever be due.
        """
        self._now += seconds
        if self._now > 2**24:
            raise OverflowError("a virtual clock ends after 194 days")


class Deadlock(RuntimeError):
    """Every task waits and no timer is set: the program would hang for ever."""


class _VirtualSelector(selectors.BaseSelector):
    """A real selector that never sleeps: it moves the clock instead."""

    def __init__(self, clock: VirtualClock) -> None:
        self._real = selectors.DefaultSelector()
        self._clock = clock

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def close(self) -> None:
        self._real.close()

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            # The loop's own wake-up pipe is always registered; it alone wakes nobody.
            if len(self.get_map()) <= 1:
                raise Deadlock("every task waits and no timer is set")
            return self._real.select(None)
        self._clock.advance(timeout)
        return ready


class _Moment(float):
    """The time of a timer. Of equal ones the first one set is the first one due: asyncio's heap
    compares times alone, and leaves it open."""

    number: int

    def __lt__(self, other: float) -> bool:
        if isinstance(other, _Moment) and self == other:
            return self.number < other.number
        return super().__lt__(other)


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualClock) -> None:
        self._virtual = clock
        self._timers = 0
        super().__init__(_VirtualSelector(clock))

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Any = None
    ) -> asyncio.TimerHandle:
        moment = _Moment(when)
        self._timers += 1
        moment.number = self._timers
        return super().call_at(moment, callback, *args, context=context)

    def time(self) -> float:
        return self._virtual.now()
