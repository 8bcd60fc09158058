"""The virtual clock without sockets: the same results as the one with them, in less time."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.clock import Clock, Deadlock, Handle, Interrupt, VirtualClock
from ollama_simulator.virtual import MANY_CANCELLED, FastClock

CLOCKS = [VirtualClock, FastClock]
both = pytest.mark.parametrize("kind", CLOCKS)
Log = list[tuple[float, str]]


async def bustle(clock: Clock, seed: int) -> Log:
    """Tasks that wait, share moments, cancel each other and call back: who did what when."""
    chance = random.Random(seed)
    log: Log = []
    moments = [0.0, 0.1, 0.1 + 1e-10, 0.3, 1 / 3, 1.0, 100_000.0]
    interrupts = [Interrupt() for _ in range(5)]
    timers: list[Handle] = []

    def note(word: str) -> None:
        log.append((clock.now(), word))

    async def work(number: int) -> None:
        for step in range(8):
            interrupt = chance.choice([None, *interrupts])
            match chance.randrange(6):
                case 0:
                    await clock.breathe()
                case 1:
                    chance.choice(interrupts).fire()
                case 2:
                    when = clock.now() + chance.choice(moments)
                    timers.append(clock.alarm(when, lambda s=step: note(f"alarm {number}.{s}")))  # type: ignore[misc]
                case 3 if timers:
                    timers.pop(chance.randrange(len(timers))).cancel()
                case _:
                    await clock.sleep_until(clock.now() + chance.choice(moments), interrupt)
            note(f"{number}.{step}")

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work(number)) for number in range(6)]
        await clock.sleep_until(chance.choice(moments))
        chance.choice(tasks).cancel()
    return log


def run(kind: type[VirtualClock], seed: int) -> Log:
    clock = kind()
    return clock.run(bustle(clock, seed))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_both_clocks_do_the_same_in_the_same_order(seed: int) -> None:
    """Whatever waits for whatever: equal moments, moments a tenth of a nanosecond apart, days."""
    log = run(VirtualClock, seed)
    assert len(log) > 30
    assert run(FastClock, seed) == log


@both
def test_of_equal_moments_the_first_one_set_is_the_first_one_due(kind: type[VirtualClock]) -> None:
    """For any number of them, which a heap of times alone does not do."""

    async def main(clock: VirtualClock) -> list[int]:
        order: list[int] = []
        for number in range(50):
            clock.alarm(5.0, lambda n=number: order.append(n))  # type: ignore[misc]
            clock.alarm(5.0 - number / 100, lambda: None)
        await clock.sleep_until(6.0)
        return order

    clock = kind()
    assert clock.run(main(clock)) == list(range(50))


@both
def test_a_cancelled_timer_moves_no_clock(kind: type[VirtualClock]) -> None:
    """Nor does it keep a program from its deadlock."""

    async def main(clock: VirtualClock) -> None:
        clock.alarm(5.0, lambda: None).cancel()
        await asyncio.get_running_loop().create_future()

    clock = kind()
    with pytest.raises(Deadlock, match=r"^every task waits and no timer is set$"):
        clock.run(main(clock))
    assert clock.now() == 0


def test_cancelled_timers_are_thrown_out() -> None:
    """A timer that is set anew for each event leaves no heap of old ones behind."""

    async def main(clock: FastClock) -> int:
        loop: Any = asyncio.get_running_loop()
        for _ in range(10 * MANY_CANCELLED):
            clock.alarm(1000.0, lambda: None).cancel()
            await clock.breathe()
        return len(loop._timers)

    clock = FastClock()
    assert clock.run(main(clock)) <= 2 * MANY_CANCELLED


@both
def test_a_generator_that_is_thrown_away_is_ended(kind: type[VirtualClock]) -> None:
    """Its `finally` runs, and may wait."""

    async def main(clock: VirtualClock) -> list[float]:
        ended: list[float] = []

        async def numbers() -> Any:
            try:
                yield 1
                yield 2
            finally:
                await clock.sleep_until(3.0)
                ended.append(clock.now())

        async for _ in numbers():
            break
        await clock.sleep_until(5.0)
        return ended

    clock = kind()
    assert clock.run(main(clock)) == [3.0]


@both
def test_what_goes_wrong_in_a_callback_is_logged(
    kind: type[VirtualClock], caplog: pytest.LogCaptureFixture
) -> None:
    """The program goes on, as under asyncio's own loops."""

    async def main(clock: VirtualClock) -> float:
        clock.alarm(1.0, lambda: [][0])
        await clock.sleep_until(2.0)
        return clock.now()

    clock = kind()
    assert clock.run(main(clock)) == 2.0
    (entry,) = caplog.records
    assert entry.exc_info is not None
    assert isinstance(entry.exc_info[1], IndexError)


@both
def test_a_time_out_ends_a_wait(kind: type[VirtualClock]) -> None:
    """What asyncio itself builds on timers works."""

    async def main(clock: VirtualClock) -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(7.0):
                await asyncio.get_running_loop().create_future()
        return clock.now()

    clock = kind()
    assert clock.run(main(clock)) == 7.0


def test_there_are_no_sockets() -> None:
    """Who wants one is told, and does not wait for ever."""

    async def main() -> None:
        await asyncio.open_connection("127.0.0.1", 1)

    with pytest.raises(NotImplementedError):
        FastClock().run(main())
