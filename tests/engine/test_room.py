"""Making room for another model (6.5), and models that are told to go (6.6)."""

from __future__ import annotations

import math

import pytest

from ollama_simulator.model import Installed
from ollama_simulator.script import Load
from tests.engine.visits import A, B, C, D, Office, named, office


@pytest.mark.parametrize(("most", "room"), [(0, 3), (-1, 3), (1, 1), (2, 2), (4, 4)])
def test_so_many_models_are_in_memory(most: int, room: int) -> None:
    """Three unless the settings say otherwise (6.1)."""

    async def main(here: Office) -> None:
        for number in range(5):
            await here.over(await here.visit(named(f"m{number}")))
            assert len(here.names) == min(number + 1, room)

    office(main, max_loaded_models=most)


def test_the_shortest_keep_alive_goes_first() -> None:
    """Though it was used a second ago, and the others long before."""

    async def main(here: Office) -> None:
        for model, keep_alive in ((A, 600.0), (B, math.inf), (C, 300.0)):
            await here.over(await here.visit(model, keep_alive=keep_alive))
        visit = await here.visit(D, load_s=1.0)
        assert here.unloads == [(3.0, "c", "replaced")]
        await here.over(visit)
        # Now D has the shortest, and A is left in peace again.
        await here.over(await here.visit(C))
        assert [name for _, name, _ in here.unloads] == ["c", "d"]

    office(main)


def test_an_idle_one_goes_before_a_busy_one() -> None:
    """Even if it has a longer keep-alive."""

    async def main(here: Office) -> None:
        await here.visit(A, 50.0, keep_alive=1.0)
        await here.over(await here.visit(B, keep_alive=900.0))
        assert (await here.visit(C)).leased == 1.0
        assert here.unloads == [(1.0, "b", "replaced")]

    office(main, max_loaded_models=2)


def test_a_busy_victim_is_waited_for() -> None:
    """It goes right after its last request, those that came meanwhile included."""

    async def main(here: Office) -> None:
        await here.visit(A, 5.0)
        waits = await here.visit(B, load_s=1.0)
        await here.at(4.0)
        more = await here.visit(A, 5.0)
        await here.over()
        assert more.leased == 4.0
        assert here.unloads == [(10.0, "a", "replaced")]
        assert (waits.leased, waits.load_s) == (11.0, 11.0)

    office(main, max_loaded_models=1)


def test_a_load_can_starve() -> None:
    """As long as requests for the victim keep coming."""

    async def main(here: Office) -> None:
        waits = None
        for second in range(20):
            await here.at(float(second))
            await here.visit(A, 1.5)
            waits = waits or await here.visit(B)
        assert waits is not None
        assert waits.leased is None
        await here.over()
        assert waits.leased == 30.0

    office(main, max_loaded_models=1)


def test_a_request_with_a_keep_alive_overrules_the_eviction() -> None:
    """The victim stays for all of that idle time, and everything behind the load is blocked."""

    async def main(here: Office) -> None:
        await here.visit(A, 2.0)
        waits, behind = await here.visit(B), await here.visit(C)
        await here.at(1.0)
        await here.visit(A, 2.0, keep_alive=3.0)
        await here.at(5.0)
        # It is idle since 4.0, and may be used.
        assert (await here.visit(A, 0.0)).leased == 5.0
        await here.over(waits, behind)
        assert here.unloads[0] == (8.0, "a", "expired")
        assert (waits.leased, behind.leased) == (8.0, 9.0)

    office(main, max_loaded_models=1)


def test_a_victim_that_is_kept_for_ever_blocks_for_ever() -> None:
    """Until somebody unloads it."""

    async def main(here: Office) -> None:
        await here.visit(A, 2.0)
        waits = await here.visit(B)
        await here.visit(A, 0.0, keep_alive=math.inf)
        await here.at(10_000.0)
        assert waits.leased is None
        here.scheduler.unload(Installed(A, 0))
        await here.over()
        assert waits.leased == 10_000.0

    office(main, max_loaded_models=1)


def test_room_made_by_another_model_will_do() -> None:
    """A load that waits for a victim goes on when any model leaves; the victim stays marked."""

    async def main(here: Office) -> None:
        await here.visit(A, 10.0, keep_alive=20.0)
        await here.visit(B, 5.0, keep_alive=30.0)
        waits = await here.visit(C)
        await here.at(1.0)
        here.scheduler.unload(Installed(B, 0))
        await here.over()
        assert waits.leased == 5.0
        assert here.unloads == [(5.0, "b", "asked"), (10.0, "a", "replaced")]

    office(main, max_loaded_models=2)


def test_an_expiry_in_the_past_makes_room() -> None:
    """Nobody looked meanwhile; the record has the true time, and no other model has to go."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A, keep_alive=10.0))
        await here.over(await here.visit(B, keep_alive=5.0))
        await here.at(50.0)
        visit = await here.visit(C)
        assert visit.leased == 50.0
        assert here.unloads == [(7.0, "b", "expired"), (11.0, "a", "expired")]

    office(main, max_loaded_models=2)


def test_a_failed_load_takes_no_room() -> None:
    """But what it evicted is gone."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A))
        await here.over(await here.visit(B, load=Load(exit=1)))
        assert here.names == []
        assert here.unloads == [(1.0, "a", "replaced")]

    office(main, max_loaded_models=1)


# --- models that are told to go (6.6) -----------------------------------------------------


def test_unloading_an_idle_model() -> None:
    """At once; unloading what is not loaded does nothing."""

    async def main(here: Office) -> None:
        here.scheduler.unload(Installed(A, 0))
        await here.over(await here.visit(A))
        await here.at(5.0)
        here.scheduler.unload(Installed(B, 0))
        assert here.names == ["a"]
        here.scheduler.unload(Installed(named("other", weights="a"), 0))
        assert here.names == []
        assert here.unloads == [(5.0, "a", "asked")]

    office(main)


@pytest.mark.parametrize(
    ("keep_alive", "unloads"),
    [(None, [(4.0, "a", "asked")]), (60.0, []), (0.0, [(4.0, "a", "asked")])],
)
def test_unloading_a_busy_model(
    keep_alive: float | None, unloads: list[tuple[float, str, str]]
) -> None:
    """After its last request; those that come meanwhile are served, and cancel it only if they
    carry a keep-alive."""

    async def main(here: Office) -> None:
        await here.visit(A, 2.0)
        await here.at(1.0)
        here.scheduler.unload(Installed(A, 0))
        assert here.names == ["a"]
        (entry,) = here.scheduler.listed()
        assert entry.expires_ns == here.clock.wall_ns()
        later = await here.visit(A, 2.0, keep_alive=keep_alive)
        await here.over()
        assert (later.began, later.ended) == (2.0, 4.0)
        assert here.unloads == unloads

    office(main)


def test_a_new_request_stops_the_timer() -> None:
    """And the end of the last one starts it anew."""

    async def main(here: Office) -> None:
        await here.over(await here.visit(A, keep_alive=10.0))
        await here.at(10.0)
        await here.visit(A, 100.0)
        await here.at(110.0)
        await here.over()
        assert here.loads == [(0.0, "a")]
        await here.at(119.0)
        assert here.names == ["a"]
        await here.at(121.0)
        assert here.unloads == []
        assert here.names == []
        assert here.unloads == [(120.0, "a", "expired")]

    office(main)


def test_a_mere_lease_counts_as_use() -> None:
    """A request that only loads takes no slot, and restarts the timer (6.6)."""

    async def main(here: Office) -> None:
        await here.visit(A, 10.0)
        probe = await here.visit(A, slot=False)
        assert (probe.leased, probe.ended) == (0.0, 0.0)
        await here.over()
        await here.at(100.0)
        await here.over(await here.visit(A, slot=False))
        assert here.scheduler.memory.next_expiry == 400.0

    office(main)
