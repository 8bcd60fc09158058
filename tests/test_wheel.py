"""The wheel: many waits behind one timer."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from typing import Any

from ollama_simulator.wheel import Alarm, Wheel


class Hand:
    """A wheel whose time and timers are moved by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.told: list[str] = []
        self.errors: list[dict[str, Any]] = []
        self.timers: list[tuple[float, Callable[[], object]]] = []
        self.wheel = Wheel(self, lambda: self.now, lambda seconds: seconds)  # type: ignore[arg-type]

    def call_later(self, delay: float, callback: Callable[[], object]) -> Alarm:
        """As the event loop does."""
        alarm = Alarm(callback)
        self.timers.append((self.now + delay, alarm))
        return alarm

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """As the event loop does."""
        self.errors.append(context)

    def add(self, when: float, word: str) -> None:
        """Have a word told at a moment."""
        self.wheel.add(when, lambda: self.told.append(word))

    def to(self, when: float) -> list[str]:
        """Move on. What is told then."""
        self.now = when
        due, self.timers = (
            [t for t in self.timers if t[0] <= when],
            [t for t in self.timers if t[0] > when],
        )
        self.told.clear()
        for _, callback in due:
            callback()
        return list(self.told)


def test_nobody_is_told_before_the_moment() -> None:
    """And everybody within a millisecond of it."""
    hand = Hand()
    hand.add(100.0103, "a")
    assert hand.to(100.0102) == []
    assert hand.to(100.0105) == []
    assert hand.to(100.0110) == ["a"]


def test_earlier_milliseconds_come_first() -> None:
    """However late they are told, and whoever was first to wait."""
    hand = Hand()
    for word, when in (("c", 100.03), ("a", 100.01), ("d", 100.0301), ("b", 100.02)):
        hand.add(when, word)
    assert hand.to(100.5) == ["a", "b", "c", "d"]


def test_within_a_millisecond_it_is_the_order_of_the_waits() -> None:
    """So it doesn't depend on fractions that nobody can rely on."""
    hand = Hand()
    for word, when in (("a", 100.0109), ("b", 100.0101), ("c", 100.0105)):
        hand.add(when, word)
    assert hand.to(100.011) == ["a", "b", "c"]


def test_a_thousand_waits_of_one_millisecond_set_one_timer() -> None:
    """That is what it is for."""
    hand = Hand()
    for number in range(1000):
        hand.add(100.0101 + number / 2e6, str(number))
    assert len(hand.timers) == 1
    assert len(hand.to(100.011)) == 1000


def test_who_becomes_due_by_that_comes_in_the_next_turn() -> None:
    """Who is late and waits again does not keep the others out."""
    hand = Hand()

    def again() -> None:
        hand.told.append("again")
        hand.wheel.add(90.0, again)

    hand.wheel.add(99.0, again)
    hand.add(100.0, "other")
    assert hand.to(100.1) == ["again", "other"]
    assert hand.to(100.1) == ["again"]


def test_a_failing_callback_keeps_nobody_from_being_told() -> None:
    """It is reported to the event loop."""
    hand = Hand()
    hand.wheel.add(100.01, lambda: 1 // 0)
    hand.add(100.01, "b")
    hand.add(100.02, "c")
    assert hand.to(100.015) == ["b"]
    assert [type(error["exception"]) for error in hand.errors] == [ZeroDivisionError]
    assert hand.to(100.03) == ["c"]


def test_never_is_a_moment() -> None:
    """It just doesn't come."""
    hand = Hand()
    hand.add(math.inf, "never")
    hand.add(100.01, "a")
    assert hand.to(200_000.0) == ["a"]


def test_a_cancelled_alarm() -> None:
    """It stays in the wheel, and tells nobody."""
    hand = Hand()
    alarm = Alarm(lambda: hand.told.append("a"))
    hand.wheel.add(100.01, alarm)
    alarm.cancel()
    assert hand.to(101.0) == []


def test_an_earlier_wait_sets_the_timer_anew() -> None:
    """On a real event loop the order is that of the moments."""
    told: list[float] = []

    async def main() -> None:
        wheel = Wheel(asyncio.get_running_loop(), time.monotonic, lambda seconds: seconds)
        begun = time.monotonic()
        done = asyncio.get_running_loop().create_future()
        wheel.add(begun + 0.05, lambda: done.set_result(None))
        for delay in (0.04, 0.01, 0.02):
            wheel.add(begun + delay, lambda d=delay: told.append(d))  # type: ignore[misc]
        await done
        assert time.monotonic() >= begun + 0.05

    asyncio.run(main())
    assert told == [0.01, 0.02, 0.04]
