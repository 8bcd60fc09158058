"""The queue of the requests that need a load (6.2, 6.7)."""

from __future__ import annotations

import pytest

from ollama_simulator.clock import Interrupt, VirtualClock
from ollama_simulator.engine.queue import Entry, LoadQueue
from ollama_simulator.engine.shape import shape
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.model import Origin, Refusal
from ollama_simulator.settings import Settings
from tests.engine.driving import virtual


def entry(gone: Interrupt | None = None) -> Entry:
    """A request that needs a load."""
    return Entry(TEST_MODEL, shape(TEST_MODEL, {}, None, Settings()), None, gone or Interrupt())


def full(queue: LoadQueue) -> bool:
    """Whether nobody can join."""
    try:
        queue.join(entry())
    except Refusal as refusal:
        said = (refusal.status, refusal.origin, refusal.message)
    else:
        return False
    words = "server busy, please try again.  maximum pending requests exceeded"
    assert said == (503, Origin.HANDLER, words)
    return True


@pytest.mark.parametrize("capacity", [0, 1, 3])
def test_one_is_worked_on_and_as_many_wait_as_are_allowed(capacity: int) -> None:
    """N + 1 in all."""

    async def main(clock: VirtualClock) -> int:
        queue, inside = LoadQueue(capacity), 0
        while not full(queue):
            inside += 1
            if queue.current is None:
                queue.advance()
        assert queue.ahead == inside
        return inside

    assert virtual(main) == capacity + 1


def test_they_are_reached_in_order() -> None:
    """First come, first served."""

    async def main(clock: VirtualClock) -> None:
        queue = LoadQueue(9)
        entries = [entry() for _ in range(4)]
        for each in entries:
            queue.join(each)
        reached = []
        while (current := queue.advance()) is not None:
            reached.append(current)
            assert queue.current is current
            queue.current = None
        assert reached == entries

    virtual(main)


def test_who_left_is_passed_over_but_keeps_its_place_until_then() -> None:
    """By its interrupt or by its cancellation."""

    async def main(clock: VirtualClock) -> None:
        queue, gone = LoadQueue(3), Interrupt()
        first, left, cancelled, last = entry(), entry(gone), entry(), entry()
        queue.join(first)
        queue.advance()
        for each in (left, cancelled, last):
            queue.join(each)
        gone.fire()
        cancelled.turn.cancel()
        assert (left.left, cancelled.left, last.left) == (True, True, False)
        assert full(queue)
        assert queue.ahead == 4
        queue.current = None
        assert queue.advance() is last
        assert not full(queue)
        assert not left.turn.done()

    virtual(main)


def test_an_empty_queue_has_nobody_to_work_on() -> None:
    """Nor has one in which all have left."""

    async def main(clock: VirtualClock) -> None:
        queue, gone = LoadQueue(3), Interrupt()
        assert queue.advance() is None
        gone.fire()
        queue.join(entry(gone))
        assert queue.advance() is None
        assert queue.ahead == 0

    virtual(main)
