"""Fetching what a worker recorded."""

from __future__ import annotations

import asyncio

from ollama_simulator.workers.fetching import Fetches
from ollama_simulator.workers.messages import Batch, Fetch
from tests.net.loops import on_each_loop


def handed_over(fetch: Fetch) -> Batch:
    """The answer to a fetch."""
    return Batch(fetch.number, 1.0, 0, [])


async def rest() -> None:
    """Let everybody come to where they wait."""
    for _ in range(5):
        await asyncio.sleep(0)


@on_each_loop
async def test_one_at_a_time() -> None:
    """Who asks while one is unanswered gets the next one, with all who asked meanwhile."""
    told: list[Fetch] = []
    fetches = Fetches(told.append)
    first = asyncio.ensure_future(fetches.recorded(expire=False))
    await rest()
    later = [asyncio.ensure_future(fetches.recorded(expire=each)) for each in (False, True, False)]
    await rest()
    assert told == [Fetch(False, 1)]
    fetches.answered(handed_over(told[0]))
    await rest()
    assert first.done()
    assert not any(each.done() for each in later), "something may have been recorded meanwhile"
    assert told[1:] == [Fetch(True, 2)]
    # What comes unasked answers nobody.
    fetches.answered(Batch(0, 1.0, 0, []))
    await rest()
    assert not any(each.done() for each in later)
    fetches.answered(handed_over(told[1]))
    assert [await each for each in (first, *later)] == [True] * 4
    assert len(told) == 2
    last = asyncio.ensure_future(fetches.recorded(expire=False))
    await rest()
    assert told[2:] == [Fetch(False, 3)]
    fetches.answered(handed_over(told[2]))
    assert await last


@on_each_loop
async def test_who_waits_no_longer() -> None:
    """However often somebody asks one that stands still, it is told once."""
    told: list[Fetch] = []
    fetches = Fetches(told.append)
    for _ in range(100):
        asking = asyncio.ensure_future(fetches.recorded(expire=False))
        await rest()
        asking.cancel()
        await rest()
        assert asking.cancelled()
    assert told == [Fetch(False, 1)]
    waits = asyncio.ensure_future(fetches.recorded(expire=False))
    await rest()
    fetches.answered(handed_over(told[0]))
    assert told[1:] == [Fetch(False, 2)]
    fetches.answered(handed_over(told[1]))
    assert await waits


@on_each_loop
async def test_the_end_of_a_worker() -> None:
    """All are told, and the next process is asked anew."""
    told: list[Fetch] = []
    fetches = Fetches(told.append)
    asking = [asyncio.ensure_future(fetches.recorded(expire=True)) for _ in range(3)]
    await rest()
    fetches.ended()
    assert [await each for each in asking] == [False] * 3
    again = asyncio.ensure_future(fetches.recorded(expire=False))
    await rest()
    # A late answer of the one that ended would be for nobody.
    fetches.answered(handed_over(told[0]))
    await rest()
    assert not again.done()
    fetches.answered(handed_over(told[-1]))
    assert await again
