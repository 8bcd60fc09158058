"""Bytes that go out little by little: which, and when, under the virtual clock."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.acts import Body, End, Head, Raw, Throttle, Wait
from ollama_simulator.clock import Clock, VirtualClock
from ollama_simulator.net.perform import Performer
from ollama_simulator.net.sink import Pen, Throttled
from tests.engine.driving import virtual
from tests.net.peers import TEXT, say
from tests.net.test_perform import Played


class Timed:
    """Keeps what is written, with the time."""

    pen: Pen | None = None

    def __init__(self, clock: Clock, *, blocked: float = 0.0) -> None:
        """Each write takes `blocked` seconds, as one to a reader who is slow."""
        self.writes: list[tuple[float, bytes]] = []
        self._clock = clock
        self._blocked = blocked

    async def write(self, data: bytes) -> None:
        """Keep it."""
        self.writes.append((round(self._clock.now(), 9), data))
        await self._clock.sleep_until(self._clock.now() + self._blocked)

    def put(self, data: bytes) -> bytes | None:
        """Nobody asks for that."""
        raise AssertionError("who is held back puts nothing")


def written(
    throttle: Throttle, *writes: tuple[float, bytes], blocked: float = 0.0
) -> list[tuple[float, bytes]]:
    """What comes of some writes, each begun at a time, or when the one before is over."""

    async def main(clock: VirtualClock) -> list[tuple[float, bytes]]:
        sink = Timed(clock, blocked=blocked)
        held = Throttled(sink, throttle, clock)
        for when, data in writes:
            await clock.sleep_until(when)
            await held.write(data)
        return sink.writes

    return virtual(main)


def test_a_pause_stands_between_writes() -> None:
    """None before the first, none behind the last; the last one is what is left."""
    found = written(Throttle(3, pause=0.5), (0, b"abcdefgh"), (0, b"ij"))
    assert found == [(0, b"abc"), (0.5, b"def"), (1.0, b"gh"), (1.5, b"ij")]


def test_who_is_idle_for_longer_than_a_pause_waits_for_none() -> None:
    found = written(Throttle(3, pause=0.5), (0, b"abcd"), (9, b"ef"))
    assert found == [(0, b"abc"), (0.5, b"d"), (9, b"ef")]


def test_each_byte_takes_its_time() -> None:
    """Before it is there, as on a line: 10 bytes in a second are there after a second."""
    found = written(Throttle(4, per_byte=0.1), (0, b"0123456789"))
    assert found == [(0.4, b"0123"), (0.8, b"4567"), (1.0, b"89")]


def test_a_small_write_costs_no_more_than_its_bytes() -> None:
    """Whatever one write may have at most."""
    found = written(Throttle(1000, per_byte=0.1), (0, b"01"), (0, b"2"), (5, b"34567"))
    assert found == [(0.2, b"01"), (0.3, b"2"), (5.5, b"34567")]


def test_nothing_is_saved_up() -> None:
    """A line that was idle for an hour is as narrow as before."""
    assert written(Throttle(9, per_byte=1.0), (3600, b"ab")) == [(3602, b"ab")]


def test_a_reader_who_is_slow_is_not_made_up_for() -> None:
    """What could not be written meanwhile comes at the line's pace afterwards, in no burst."""
    found = written(Throttle(1, per_byte=1.0), (0, b"abc"), blocked=5.0)
    assert found == [(1, b"a"), (7, b"b"), (13, b"c")]


def test_a_timer_that_is_late_makes_no_later_write_late() -> None:
    """Milliseconds of lateness don't add up."""
    found = written(Throttle(1, per_byte=1.0), (0, b"abc"), blocked=0.005)
    assert found == [(1, b"a"), (2, b"b"), (3, b"c")]


def test_nothing_is_handed_on_as_it_is() -> None:
    """Who writes nothing waits for what went before."""
    assert written(Throttle(1, pause=1.0), (0, b"")) == [(0, b"")]


def test_a_flow_has_to_wait() -> None:
    """Nothing goes at once: the performer has to write it."""

    async def main(clock: VirtualClock) -> bytes | None:
        return Throttled(Timed(clock), Throttle(1), clock).put(b"abc")

    assert virtual(main) == b"abc"


@pytest.mark.parametrize("size", [1, 7, 100])
def test_head_framing_and_raw_bytes_are_held_back_too(size: int) -> None:
    """All bytes behind the act, and in the end the same as without it."""
    acts = (Head(200, TEXT), Body(b"one"), Body(b"two"), Raw(b"!"), End())
    free, held = Played(*acts), Played(Throttle(size, pause=1.0), *acts)
    assert held.play() == free.play()
    assert b"".join(held.writes) == b"".join(free.writes)
    assert max(map(len, held.writes)) <= size
    whole = b"".join(held.writes)
    assert held.at == pytest.approx(len(held.writes) - 1)
    assert len(held.writes) >= len(whole) / size
    assert held.performer.body_bytes == free.performer.body_bytes == 6


def test_it_begins_where_it_stands() -> None:
    """What went out before it is as it was."""
    played = Played(Head(200, TEXT), Body(b"one"), Throttle(1), Body(b"t"), End())
    played.play()
    assert played.writes[0].endswith(b"3\r\none\r\n")
    assert [len(write) for write in played.writes[1:]] == [1] * (len(b"1\r\nt\r\n") + 5)


def test_two_hold_both() -> None:
    """The smaller size, and both waits."""

    async def main(clock: VirtualClock) -> list[tuple[float, bytes]]:
        sink = Timed(clock)
        performer = Performer(Played().request, sink, clock)
        acts: list[Any] = [Throttle(2, pause=1.0), Throttle(3, pause=0.1), Raw(b"abcdef"), End()]
        await performer.run(say(*acts), Played().request.gone)
        return sink.writes

    assert [data for _, data in virtual(main)] == [b"ab", b"c", b"de", b"f"]
    assert [at for at, _ in virtual(main)] == [0, 1, 2, 3]


def test_a_client_that_only_shuts_its_side_down_is_served() -> None:
    """Unlike a `Wait`, which ends with it: the answer goes on being written."""
    played = Played(Throttle(1, pause=1.0), Raw(b"abc"), Wait(0), End())
    played.play(leaves=0.5)
    assert b"".join(played.writes) == b"abc"


def test_nothing_is_put_at_once() -> None:
    """Nor is there a pen for it."""
    clock = VirtualClock()
    sink = Throttled(Timed(clock), Throttle(1), clock)
    assert sink.put(b"ab") == b"ab"
    assert sink.pen is None
