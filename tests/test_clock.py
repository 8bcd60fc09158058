"""Time: the virtual clock, the wall clock, and what ends a wait early."""

from __future__ import annotations

import asyncio
import itertools
import math
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.clock import (
    Clock,
    Deadlock,
    Interrupt,
    VirtualClock,
    WallClock,
    finish,
    wait_for,
)
from ollama_simulator.wheel import LONGEST_S
from tests.engine.driving import virtual

try:
    import uvloop

    LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [
        asyncio.SelectorEventLoop,
        uvloop.new_event_loop,
    ]
except ImportError:  # Windows
    LOOPS = [asyncio.SelectorEventLoop]


# --- the virtual clock --------------------------------------------------------------------


def test_an_hour_takes_no_time() -> None:
    """3,600 waits of a second are over in a moment, and the clock says 3,600."""

    async def main(clock: VirtualClock) -> float:
        for second in range(1, 3601):
            await clock.sleep_until(second)
        return clock.now()

    begun = time.monotonic()
    assert virtual(main) == 3600
    assert time.monotonic() - begun < 3


def test_the_same_program_repeats_exactly() -> None:
    """Three tasks whose waits interleave give the same 300 events in every run."""

    def run() -> list[tuple[float, int]]:
        events: list[tuple[float, int]] = []

        async def worker(clock: Clock, number: int, pause: float) -> None:
            for k in range(1, 101):
                await clock.sleep_until(k * pause)
                events.append((clock.now(), number))

        async def main(clock: VirtualClock) -> None:
            async with asyncio.TaskGroup() as group:
                for number, pause in enumerate((0.1, 0.3, 1 / 7)):
                    group.create_task(worker(clock, number, pause))

        virtual(main)
        return events

    first = run()
    assert len(first) == 300
    assert first == sorted(first, key=lambda event: event[0])
    assert [run(), run()] == [first, first]


def test_everything_waiting_is_a_deadlock() -> None:
    """A program that would hang for ever is told so."""

    async def main(clock: VirtualClock) -> None:
        await clock.sleep_until(5)
        await asyncio.get_running_loop().create_future()

    clock = VirtualClock()
    with pytest.raises(Deadlock, match=r"^every task waits and no timer is set$"):
        clock.run(main(clock))
    assert clock.now() == 5


def test_a_timer_is_no_deadlock() -> None:
    """As long as somebody has a deadline, whoever waits for them may wait."""

    async def main(clock: VirtualClock) -> bool:
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        async def later() -> None:
            await clock.sleep_until(1000)
            finish(future, True)

        async with asyncio.TaskGroup() as group:
            group.create_task(later())
            return await future

    assert virtual(main) is True


def test_sockets_wait_under_the_virtual_clock() -> None:
    """A client waits an hour for a server's answer: at once, and at 3,600."""

    async def main(clock: VirtualClock) -> tuple[bytes, float]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            await clock.sleep_until(3600)
            writer.write(b"late\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"hello\n")
            line = await reader.readline()
            writer.close()
            await writer.wait_closed()
        return line, clock.now()

    line, now = virtual(main)
    assert line == b"late\n"
    assert now == 3600


def test_with_a_socket_it_waits_for_the_world() -> None:
    """Without timers but with a socket, the loop waits for real, and no time passes."""

    async def main(clock: VirtualClock) -> tuple[bytes, float]:
        import socket

        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            timer = threading.Timer(0.02, theirs.sendall, (b"x",))
            timer.start()
            data = await asyncio.get_running_loop().sock_recv(ours, 1)
            timer.join()
        return data, clock.now()

    assert virtual(main) == (b"x", 0.0)


def test_wall_time_begins_at_a_fixed_epoch() -> None:
    """`wall_ns` is 2026-01-01T00:00:00Z and moves with the clock."""

    async def main(clock: VirtualClock) -> tuple[int, int]:
        before = clock.wall_ns()
        await clock.sleep_until(1.5)
        return before, clock.wall_ns()

    before, after = virtual(main)
    assert time.gmtime(before // 10**9)[:6] == (2026, 1, 1, 0, 0, 0)
    assert after - before == 1_500_000_000


def test_advance_moves_on() -> None:
    """`advance` adds seconds."""
    clock = VirtualClock()
    clock.advance(2.5)
    clock.advance(0.5)
    assert clock.now() == 3.0


# --- deadlines ----------------------------------------------------------------------------


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(min_value=0, max_value=1e5), max_size=20))
def test_deadlines_are_exact(moments: list[float]) -> None:
    """A wait ends at its moment: never before, and at most a rounding error later."""

    async def main(clock: VirtualClock) -> None:
        for moment in sorted(moments):
            assert await clock.sleep_until(moment) is True
            assert moment <= clock.now() <= math.nextafter(moment, math.inf)

    virtual(main)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(min_value=0, max_value=1e4), max_size=30))
def test_timers_end_in_the_order_of_their_deadlines(moments: list[float]) -> None:
    """However the waits were begun, they end by deadline."""

    async def main(clock: VirtualClock) -> list[float]:
        ended: list[float] = []

        async def one(moment: float) -> None:
            await clock.sleep_until(moment)
            ended.append(moment)

        async with asyncio.TaskGroup() as group:
            for moment in moments:
                group.create_task(one(moment))
        return ended

    # Deadlines closer than a nanosecond are one to the event loop.
    ended = virtual(main)
    assert sorted(ended) == sorted(moments)
    assert all(a <= b + 1e-9 for a, b in itertools.pairwise(ended))


def test_equal_deadlines_end_in_the_same_order_each_time() -> None:
    """Ten tasks that wait for one moment go on in an order that repeats."""

    async def main(clock: VirtualClock) -> list[int]:
        ended: list[int] = []

        async def one(number: int) -> None:
            await clock.sleep_until(1.0)
            ended.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(10):
                group.create_task(one(number))
        return ended

    first = virtual(main)
    assert sorted(first) == list(range(10))
    assert all(virtual(main) == first for _ in range(5))


def test_a_wait_that_began_late_ends_on_time() -> None:
    """Deadlines are absolute: 100 waits with work between them don't drift."""

    async def main(clock: VirtualClock) -> float:
        for k in range(1, 101):
            clock.advance(0.004)  # work
            await clock.sleep_until(k / 100)
        return clock.now()

    assert virtual(main) == 1.0


def test_a_moment_that_is_past_is_no_wait() -> None:
    """`sleep_until` a moment in the past returns at once, without giving way to others."""

    async def main(clock: VirtualClock) -> bool:
        others: list[str] = []
        asyncio.get_running_loop().call_soon(others.append, "ran")
        clock.advance(10)
        heard = await clock.sleep_until(3)
        assert not others
        return heard

    assert virtual(main) is True


def test_a_wait_of_weeks_takes_several_timers() -> None:
    """No timer is longer than a day, and the end is exact all the same."""
    longest: list[float] = []

    class Watched(VirtualClock):
        def _delay(self, seconds: float) -> float:
            longest.append(seconds)
            return super()._delay(seconds)

    async def main(clock: Clock) -> float:
        await clock.sleep_until(20 * 86_400.0)
        return clock.now()

    clock = Watched()
    assert clock.run(main(clock)) == 20 * 86_400.0
    assert len(longest) == 20
    assert max(longest) == LONGEST_S


@pytest.mark.parametrize(
    ("when", "called"),
    [(5.0, 5.0), (1.0, 2.0), (2.0 + 3 * LONGEST_S, 2.0 + LONGEST_S)],
)
def test_an_alarm(when: float, called: float) -> None:
    """At the moment; at once if it is past; before if it is further away than a timer reaches."""

    async def main(clock: VirtualClock) -> list[float]:
        calls: list[float] = []
        await clock.sleep_until(2.0)
        clock.alarm(when, lambda: calls.append(clock.now()))
        clock.alarm(when, lambda: calls.append(-1.0)).cancel()
        await clock.sleep_until(2.0 + 2 * LONGEST_S)
        return calls

    assert virtual(main) == [called]


def test_a_virtual_clock_ends_with_an_error() -> None:
    """Where its resolution is lost it says so, instead of spinning for ever."""

    async def main(clock: Clock) -> None:
        await clock.sleep_until(365 * 86_400.0)

    clock = VirtualClock()
    with pytest.raises(OverflowError, match="194 days"):
        clock.run(main(clock))


def test_a_cancelled_wait_leaves_no_timer() -> None:
    """Nobody jumps to the deadline of a wait that was given up."""

    async def main(clock: VirtualClock) -> float:
        task = asyncio.create_task(clock.sleep_until(1000))
        await clock.sleep_until(1)
        task.cancel()
        await asyncio.wait([task])
        await clock.sleep_until(2)
        return clock.now()

    assert virtual(main) == 2


# --- interrupts ---------------------------------------------------------------------------


def test_an_interrupt_ends_a_wait() -> None:
    """The wait returns False at the moment of the interrupt."""

    async def main(clock: VirtualClock) -> tuple[bool, float]:
        gone = Interrupt()
        asyncio.get_running_loop().call_later(3, gone.fire)
        return await clock.sleep_until(100, gone), clock.now()

    assert virtual(main) == (False, 3.0)


def test_an_interrupt_ends_every_wait() -> None:
    """Several waits on one interrupt all end."""

    async def main(clock: VirtualClock) -> list[tuple[bool, float]]:
        gone = Interrupt()
        asyncio.get_running_loop().call_later(3, gone.fire)

        async def one() -> tuple[bool, float]:
            return await clock.sleep_until(100, gone), clock.now()

        return list(await asyncio.gather(one(), one(), one()))

    assert virtual(main) == [(False, 3.0)] * 3


def test_a_fired_interrupt_ends_waits_before_they_begin() -> None:
    """Once fired, even a moment that is past counts as interrupted."""

    async def main(clock: VirtualClock) -> tuple[bool, bool, float]:
        gone = Interrupt()
        gone.fire()
        return (
            await clock.sleep_until(100, gone),
            await clock.sleep_until(0, gone),
            clock.now(),
        )

    assert virtual(main) == (False, False, 0.0)


def test_an_interrupt_after_the_wait_changes_nothing() -> None:
    """A wait that ended well stays so, and leaves nothing behind in the interrupt."""

    async def main(clock: VirtualClock) -> tuple[bool, list[Any]]:
        gone = Interrupt()
        for k in range(1, 4):
            assert await clock.sleep_until(k, gone)
        left = list(gone._wake)
        gone.fire()
        return gone.fired, left

    assert virtual(main) == (True, [])


def test_interrupt_wait_returns_when_fired() -> None:
    """`Interrupt.wait` waits for the signal, and not at all for one that was given."""

    async def main(clock: VirtualClock) -> tuple[float, float]:
        gone = Interrupt()
        asyncio.get_running_loop().call_later(7, gone.fire)
        await gone.wait()
        first = clock.now()
        await gone.wait()
        return first, clock.now()

    assert virtual(main) == (7.0, 7.0)


def test_firing_twice_wakes_once() -> None:
    """An interrupt is one-shot."""
    gone = Interrupt()
    calls: list[str] = []
    gone.wakes(lambda: calls.append("woken"))
    assert not gone.fired
    gone.fire()
    gone.fire()
    assert gone.fired
    assert calls == ["woken"]


def test_wakes_at_once_when_fired_already() -> None:
    """Who comes after the signal is told at once."""
    gone = Interrupt()
    gone.fire()
    calls: list[str] = []
    gone.wakes(lambda: calls.append("woken"))
    assert calls == ["woken"]


def test_forget_undoes_wakes() -> None:
    """A callback that was taken back is not called; one that is unknown does no harm."""
    gone = Interrupt()
    calls: list[str] = []

    def callback() -> None:
        calls.append("woken")

    gone.wakes(callback)
    gone.forget(callback)
    gone.forget(callback)
    gone.fire()
    assert calls == []


def test_a_callback_that_forgets_itself_hides_nobody() -> None:
    """Whoever waits is woken, whatever a callback before it does."""
    gone = Interrupt()
    calls: list[str] = []

    def first() -> None:
        calls.append("first")
        gone.forget(first)

    gone.wakes(first)
    gone.wakes(lambda: calls.append("second"))
    gone.fire()
    assert calls == ["first", "second"]


@pytest.mark.parametrize("granted_first", [True, False])
def test_granted_and_interrupted_in_one_turn(granted_first: bool) -> None:
    """Of a grant and an interrupt in one loop turn, the first counts, and both sides know it."""

    async def main(clock: VirtualClock) -> tuple[bool, bool]:
        gone = Interrupt()
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(wait_for(turn, gone))
        await clock.sleep_until(1)
        if granted_first:
            given = finish(turn, True)
            gone.fire()
        else:
            gone.fire()
            given = finish(turn, True)
        return given, await waiting

    assert virtual(main) == (granted_first, granted_first)


def test_a_grant_before_the_wait_is_heard() -> None:
    """A future that has its result gives it, even if the interrupt fired before the wait."""

    async def main(clock: VirtualClock) -> tuple[bool, bool]:
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        gone = Interrupt()
        gone.fire()
        given = finish(turn, True)
        return given, await wait_for(turn, gone)

    assert virtual(main) == (True, True)


def test_finish_refuses_a_future_that_is_over() -> None:
    """One that has a result or was cancelled can't be given another."""

    async def main(clock: VirtualClock) -> list[bool]:
        loop = asyncio.get_running_loop()
        fresh: asyncio.Future[bool] = loop.create_future()
        cancelled: asyncio.Future[bool] = loop.create_future()
        cancelled.cancel()
        return [finish(fresh, False), finish(fresh, True), fresh.result(), finish(cancelled, True)]

    assert virtual(main) == [True, False, False, False]


def test_a_cancelled_wait_forgets_its_interrupt() -> None:
    """Cancellation goes through `wait_for`, and a later signal finds nobody."""

    async def main(clock: VirtualClock) -> tuple[bool, list[Any]]:
        gone = Interrupt()
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        waiting = asyncio.create_task(wait_for(turn, gone))
        await clock.sleep_until(1)
        waiting.cancel()
        await asyncio.wait([waiting])
        return waiting.cancelled(), list(gone._wake)

    assert virtual(main) == (True, [])


# --- the wall clock -----------------------------------------------------------------------


@pytest.mark.parametrize("loop", LOOPS)
def test_the_wall_clock_is_never_early(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """60 short waits: none ends before its moment."""

    async def main() -> None:
        clock = WallClock()
        for k in range(60):
            when = clock.now() + 0.0003 * (k % 11)
            assert await clock.sleep_until(when) is True
            assert clock.now() >= when

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_wait_is_one_timer(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Timers that fire early would have to be set again: hardly one has to."""
    timers: list[float] = []

    class Watched(WallClock):
        def _delay(self, seconds: float) -> float:
            timers.append(seconds)
            return super()._delay(seconds)

    async def main() -> None:
        clock = Watched()
        for k in range(30):
            await clock.sleep_until(clock.now() + 0.0021 + 0.0001 * (k % 9))

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())
    assert 30 <= len(timers) <= 45


@pytest.mark.parametrize("loop", LOOPS)
def test_an_interrupt_ends_a_real_wait(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """A wait of a minute ends with the signal."""

    async def main() -> bool:
        clock, gone = WallClock(), Interrupt()
        asyncio.get_running_loop().call_later(0.01, gone.fire)
        async with asyncio.timeout(5):
            return await clock.sleep_until(clock.now() + 60, gone)

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(main()) is False


def test_the_wall_clock_tells_the_machines_time() -> None:
    """`now` is the system-wide monotonic clock, `wall_ns` the time of day."""
    clock = WallClock()
    assert time.monotonic() <= clock.now() <= time.monotonic()
    assert abs(clock.wall_ns() - time.time_ns()) < 1_000_000_000


@pytest.mark.parametrize("loop", LOOPS)
def test_fast_time_is_waited_for_less(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """An hour at 36,000 times the speed is a tenth of a second, and the clock says an hour."""

    async def main() -> tuple[float, float]:
        clock, real = WallClock(36_000), time.monotonic()
        began = clock.now()
        await clock.sleep_until(began + 3600)
        return clock.now() - began, time.monotonic() - real

    with asyncio.Runner(loop_factory=loop) as runner:
        told, took = runner.run(main())
    assert told >= 3600
    assert 0.1 <= took < 3
    assert told <= took * 36_000


def test_a_wait_in_fast_time_is_one_timer() -> None:
    """It is not set for the whole time and then again."""
    timers: list[float] = []

    class Watched(WallClock):
        def _delay(self, seconds: float) -> float:
            timers.append(super()._delay(seconds))
            return timers[-1]

    async def main() -> None:
        clock = Watched(100)
        await clock.sleep_until(clock.now() + 2)

    asyncio.run(main())
    assert 0.02 <= timers[0] <= 0.021
    assert len(timers) <= 2


@pytest.mark.parametrize("speed", [0.5, 1.0, 60.0])
def test_processes_with_the_same_speed_can_compare_their_times(speed: float) -> None:
    """Clocks that were made at different moments agree on what it is now."""
    first = WallClock(speed)
    time.sleep(0.01)
    second = WallClock(speed)
    assert first.now() <= second.now() <= first.now()
    assert time.monotonic() * speed <= first.now() <= time.monotonic() * speed


@pytest.mark.parametrize("speed", [0.5, 60.0])
def test_the_time_of_day_runs_as_fast_as_the_clock(speed: float) -> None:
    """It begins with the right one, and both have moved on alike since."""
    start, before = time.monotonic(), time.time_ns()
    clock = WallClock(speed)
    after, end = time.time_ns(), time.monotonic()
    time.sleep(0.02)
    low, wall, high = clock.now(), clock.wall_ns(), clock.now()
    rounding = 1e-6 * speed
    assert (wall - before) / 1e9 >= low - end * speed - rounding
    assert (wall - after) / 1e9 <= high - start * speed + rounding


@pytest.mark.parametrize("speed", [0.0, -1.0, math.inf, math.nan])
def test_time_that_can_not_run_like_that(speed: float) -> None:
    with pytest.raises(ValueError, match="time can't run"):
        WallClock(speed)


def test_the_time_of_day_of_moments() -> None:
    """A virtual clock knows it exactly, a real one as far as nobody sets the time."""
    virtual_clock = VirtualClock()
    epoch = VirtualClock.EPOCH_NS
    assert virtual_clock.wall_ns_at([0.0, 1.5]) == [epoch, epoch + 1_500_000_000]
    clock = WallClock(60.0)
    now, wall = clock.now(), clock.wall_ns()
    (then,) = clock.wall_ns_at([now + 3600])
    assert 3_600_000_000_000 - 1_000_000 <= then - wall < 3_600_000_000_000 + 60_000_000_000
