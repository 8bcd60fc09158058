"""Whether the machine had time, by what was seen of it."""

import asyncio
import io
import re
import time

from ollama_simulator.clock import WallClock
from ollama_simulator.conformance.balancers.adapter import Running, Setup
from ollama_simulator.conformance.balancers.reference import Reference
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.steadiness import Steadiness
from ollama_simulator.fleet import Fleet


def test_a_stall_of_ours_is_seen() -> None:
    """Within the time that was judged, and not outside."""
    clock = WallClock()

    async def main() -> None:
        async with Steadiness(clock).watching() as watch:
            began = clock.now()
            await asyncio.sleep(0.1)
            before = clock.now()
            time.sleep(0.4)  # noqa: ASYNC251 - a stall is the point
            await asyncio.sleep(0.1)
            ended = clock.now()
        seen = re.fullmatch(
            r"our own clock was up to (\d+) ms late", watch.trouble(began, ended, 1.0)
        )
        assert seen is not None
        assert int(seen[1]) >= 350
        assert watch.trouble(began, before - 0.05, 10.0) == ""
        assert watch.trouble(began, ended, 100.0) == ""

    asyncio.run(main())


def test_a_busy_machine_counts_where_we_were_late_too() -> None:
    """A tenth of the tolerance is enough then."""
    watch = Steadiness(WallClock())
    watch._late.append((10.0, 0.15))
    assert watch.trouble(9.0, 11.0, 1.0) == ""
    watch._idle.append((10.0, 0.01))
    assert watch.trouble(9.0, 11.0, 1.0) == "the CPU was 99 % busy, and our own clock 150 ms late"
    assert watch.trouble(9.0, 11.0, 2.0) == ""
    assert watch.trouble(20.0, 21.0, 1.0) == ""


def test_a_check_that_is_sure_is_not_excused() -> None:
    """Whoever was tried for half a minute did not fail for a stall of half a second."""
    clock = WallClock()
    watch = Steadiness(clock)
    run = Run(Fleet([]), Running(Reference(), Setup((), 1.0), 1, io.BytesIO()), 1.0, "0/a", watch)
    watch._late.append((clock.now(), 5.0))
    run.note("who answers", False, "somebody", "nobody")
    assert run.stalled() == "our own clock was up to 5000 ms late"
    run.note("who answers", True, "somebody", "s1", sure=True)
    assert run.stalled() != ""
    run.note("who answers", False, "somebody", "nobody", sure=True)
    assert run.stalled() == ""


def test_a_sure_check_of_time_looks_at_its_own_time_alone() -> None:
    """What held the machine up before it explains nothing; what did meanwhile does."""
    clock = WallClock()
    watch = Steadiness(clock)
    run = Run(Fleet([]), Running(Reference(), Setup((), 1.0), 1, io.BytesIO()), 1.0, "0/a", watch)
    now = clock.now()
    run.began = now - 9.0
    watch._late.append((now - 5.0, 1.0))

    def left(since: float, tolerance: float, held: bool = False) -> None:
        run.in_time("the end", held, "soon", "never", tolerance=tolerance, since=since, sure=True)

    left(now - 2.0, 3.0, held=True)
    left(now - 8.0, 3.0)
    assert run.stalled() != ""
    left(now - 2.0, 3.0)
    assert run.stalled() == ""
