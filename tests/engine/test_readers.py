"""Readers that take their tokens late, and a machine that tells them late.

Source: the design's rule that a full outbox pauses its own slot only.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ollama_simulator.clock import Interrupt, VirtualClock
from ollama_simulator.engine.batch import Batch
from ollama_simulator.engine.plan import OUTBOX, Work
from ollama_simulator.engine.ticker import Ticker
from ollama_simulator.engine.timing import Timing
from tests.engine.driving import virtual

STEP = Timing(1.0, 0.0, 0.0, 0.0, 1.0, 1.0)
"""One second for one slot, two for two, whatever their contexts are."""


@asynccontextmanager
async def running(clock: VirtualClock, *works: Work) -> AsyncIterator[Ticker]:
    """A batch in which these take part."""
    ticker = Ticker(clock, Batch(STEP, 512), lambda begins: None)
    for work in works:
        ticker.join(work)
    yield ticker
    for work in works:
        ticker.leave(work, clock.now())


def generating(slot: int = 0) -> Work:
    """A job whose prompt is read already."""
    return Work(slot, 0, 0)


@pytest.mark.parametrize("away", [3.0, float(OUTBOX), 100.0])
def test_a_reader_that_stays_away_pauses_its_slot(away: float) -> None:
    """It finds what fits in the outbox; the next token is made when it is back."""

    async def main(clock: VirtualClock) -> list[float]:
        work = generating()
        times = []
        async with running(clock, work) as ticker:
            await ticker.until(work, 1, Interrupt())
            await clock.sleep_until(1.0 + away)
            work.held = True
            for token in range(2, OUTBOX + 4):
                await ticker.until(work, token, Interrupt())
                times.append(clock.now())
        return times

    back = 1.0 + away
    made = [1.0 + token for token in range(1, OUTBOX + 1)]
    if away > OUTBOX:
        made += [back + 1.0, back + 2.0]
    else:
        made += [OUTBOX + 2.0, OUTBOX + 3.0]
    assert virtual(main) == [max(back, when) for when in made]


def test_a_paused_slot_holds_nobody_up() -> None:
    """Its neighbour is alone from the iteration on in which its reader fell behind."""

    async def main(clock: VirtualClock) -> float:
        away, there = generating(0), generating(1)
        async with running(clock, away, there) as ticker:
            await ticker.until(away, 1, Interrupt())
            for token in range(1, OUTBOX + 12):
                await ticker.until(there, token, Interrupt())
            return clock.now()

    crowded = 1 + OUTBOX
    assert virtual(main) == crowded * 2.0 + 10.0


def test_lateness_of_ours_is_caught_up() -> None:
    """Who asks gets all that would have been made meanwhile, and none is late after that."""

    async def main(clock: VirtualClock) -> list[float]:
        work = generating()
        times = []
        async with running(clock, work) as ticker:
            for token in range(1, 60):
                if token == 5:
                    # The event loop stands still for 40 s while the reader waits.
                    clock.advance(40.0)
                await ticker.until(work, token, Interrupt())
                times.append(clock.now())
        return times

    late = 4.0 + 40.0
    assert virtual(main) == [max(float(token), late if token >= 5 else 0) for token in range(1, 60)]
