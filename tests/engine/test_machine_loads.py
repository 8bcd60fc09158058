"""What a load costs on a machine: time, memory, and whoever has to leave for it."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.hardware import Load
from ollama_simulator.model import Model
from ollama_simulator.records import ModelLoaded
from ollama_simulator.script import Load as Scripted
from tests.engine.cards import GIB, MIB, card
from tests.engine.visits import Office, Visit, office

DISK = Load(fixed_s=1.0, disk_Bps=GIB, pagecache_Bps=8 * GIB, unload_s=0.5, poll_s=0.25)
SHORT = Scripted(delay_ms=1000, stderr=("cudaMalloc failed: out of memory",), exit=1)


def large(name: str, gib: int = 4, **fields: Any) -> Model:
    """A model of so many GiB, cache and all."""
    return Model(name, gib * GIB, name, "llama", "1B", "Q4", memory_bytes=gib * GIB, **fields)


A, B, C, D = (large(name) for name in "abcd")


async def used(here: Office, *models: Model, **want: Any) -> list[Visit]:
    """Visit one model after the other."""
    visits = []
    for model in models:
        visits.append(await here.visit(model, 0.0, **want))
        await here.over(visits[-1])
    return visits


def seconds(here: Office) -> list[float]:
    """How long the loads took."""
    return [record.seconds for record in here.saw(ModelLoaded)]


# --- time ---------------------------------------------------------------------------------


def test_a_file_is_read_from_the_disk_once() -> None:
    """Then it is in the page cache, though its model left memory."""

    async def main(here: Office) -> None:
        visits = await used(here, A, A, keep_alive=0.0)
        assert seconds(here) == [5.0, 1.5]
        assert [visit.load_s for visit in visits] == [5.0, 1.5]

    office(main, profile=card(load=DISK))


def test_who_is_evicted_takes_time_to_go() -> None:
    """Its memory comes back later; who went by itself costs nobody time."""

    async def main(here: Office) -> None:
        await used(here, A, B, C)
        await used(here, A, keep_alive=0.0)
        await used(here, D)
        assert seconds(here) == [5.0, 5.0, 5.5, 2.0, 5.0]
        assert [name for _, name, _ in here.unloads] == ["a", "b", "a"]

    office(main, profile=card(load=DISK), max_loaded_models=2)


def test_a_reload_reads_what_is_cached() -> None:
    """After the old runner has gone."""

    async def main(here: Office) -> None:
        await used(here, A)
        await used(here, A, options={"num_ctx": 64})
        assert seconds(here) == [5.0, 2.0]

    office(main, profile=card(load=DISK))


@pytest.mark.parametrize(
    ("pace", "script", "took"),
    [
        (2.0, None, 5.0),
        (9.0, None, 9.0),
        (9.0, Scripted(delay_ms=100), 0.1),
        (2.0, Scripted(delay_ms=9000), 9.0),
    ],
)
def test_the_slower_of_machine_and_pace_counts(
    pace: float, script: Scripted | None, took: float
) -> None:
    """But a script is always right."""

    async def main(here: Office) -> None:
        await used(here, A, load_s=pace, load=script)
        assert seconds(here) == [took]
        # However long it took, the file was read.
        await used(here, A, options={"num_ctx": 64})
        assert seconds(here) == [took, 2.0]

    office(main, profile=card(load=DISK))


def test_a_slow_disk_is_no_stall() -> None:
    """`OLLAMA_LOAD_TIMEOUT` is for those who say nothing."""

    async def main(here: Office) -> None:
        (visit,) = await used(here, A)
        assert (visit.refusal, visit.load_s) == (None, 4001.0)

    office(main, profile=card(load=Load(fixed_s=1.0, disk_Bps=GIB / 1000)), load_timeout=2.0)


def test_who_leaves_has_the_file_half_read() -> None:
    """The process is killed, and what it read stays in the page cache."""

    async def main(here: Office) -> None:
        visit = await here.visit(A)
        await here.at(3.0)
        visit.gone.fire()
        await here.over(visit)
        assert visit.read == (499, "request canceled")
        assert here.loads == []
        await used(here, A)
        # 2 of 4 GiB come from the page cache.
        assert seconds(here) == [3.25]

    office(main, profile=card(load=DISK))


def test_a_load_that_is_cut_leaves_the_same() -> None:
    """As when a connection is lost."""

    async def main(here: Office) -> None:
        visit = await here.visit(A)
        await here.at(3.0)
        visit.task.cancel()
        await here.over(visit)
        await used(here, A)
        assert seconds(here) == [3.25]

    office(main, profile=card(load=DISK))


def test_the_page_cache_forgets_what_was_read_long_ago() -> None:
    async def main(here: Office) -> None:
        await used(here, A, B, C, C, B, A, keep_alive=0.0)
        # 10 GiB hold two files and a half.
        assert seconds(here) == [5.0, 5.0, 5.0, 1.5, 1.5, 3.25]

    office(main, profile=card(load=DISK, ram=10 * GIB))


def test_a_model_may_have_a_profile_of_its_own() -> None:
    async def main(here: Office) -> None:
        await used(here, A, B)
        assert seconds(here) == [5.0, 2.0]

    faster = card(load=Load(disk_Bps=2 * GIB))
    office(main, profile=card(load=DISK), model_profiles={"b": faster})


def test_by_hand_it_takes_no_time() -> None:
    """But it is read."""

    async def main(here: Office) -> None:
        here.scheduler.load(A)
        here.scheduler.empty()
        assert here.clock.now() == 0.0
        await used(here, A)
        assert seconds(here) == [1.5]
        here.scheduler.clear()
        here.scheduler.pages.clear()
        await used(here, A)
        assert seconds(here) == [1.5, 5.0]

    office(main, profile=card(load=DISK))


# --- memory -------------------------------------------------------------------------------


def test_models_share_the_gpu_while_they_fit() -> None:
    """The third is predicted not to; the idle one with the shortest keep-alive goes (6.5)."""

    async def main(here: Office) -> None:
        await used(here, A)
        await used(here, B, keep_alive=60.0)
        await used(here, C)
        assert sorted(here.names) == ["a", "c"]
        assert [(name, why) for _, name, why in here.unloads] == [("b", "replaced")]

    office(main, profile=card(10 * GIB))


@pytest.mark.parametrize(("gpus", "stay"), [(0, 3), (1, 3), (2, 6)])
def test_three_models_for_each_gpu(gpus: int, stay: int) -> None:
    """Unless the settings say how many."""

    async def main(here: Office) -> None:
        await used(here, *(large(name, 1) for name in "abcdefgh"))
        assert len(here.names) == stay

    office(main, profile=card(99 * GIB, gpus=gpus))


def test_as_many_go_as_have_to() -> None:
    """One after the other."""

    async def main(here: Office) -> None:
        await used(here, A, B, large("e", 8))
        assert here.names == ["e"]
        assert [name for _, name, _ in here.unloads] == ["a", "b"]

    office(main, profile=card(10 * GIB))


def test_a_busy_one_is_waited_for() -> None:
    """Loaded models go on being served, other loads wait behind."""

    async def main(here: Office) -> None:
        await here.visit(A, 5.0)
        other = await here.visit(B, 7.0)
        third = await here.visit(C)
        behind = await here.visit(large("small", 1))
        await here.at(1.0)
        more = await here.visit(B, 0.0)
        assert (more.leased, third.leased) == (1.0, None)
        await here.over()
        assert (other.ended, third.leased, behind.leased) == (7.0, 5.0, 5.0)

    office(main, profile=card(10 * GIB), num_parallel=2)


def test_alone_it_is_loaded_whatever_its_size() -> None:
    """What doesn't fit is left to the CPU, and `/api/ps` says so."""

    async def main(here: Office) -> None:
        await used(here, A, large("huge", 40))
        (shown,) = here.scheduler.listed()
        assert (shown.model.name, shown.size, shown.vram) == ("huge", 40 * GIB, 9 * GIB)
        assert [record.vram for record in here.saw(ModelLoaded)] == [4 * GIB, 9 * GIB]

    office(main, profile=card(10 * GIB))


def test_what_a_load_says() -> None:
    """Slots, the context of each, and its memory."""

    async def main(here: Office) -> None:
        model = Model("m", GIB, "d", "llama", "1B", "Q4", kv_bytes_per_token=1024)
        await used(here, model, options={"num_ctx": 8192})
        (record,) = here.saw(ModelLoaded)
        assert (record.slots, record.context) == (3, 8192)
        assert record.vram == GIB + 3 * 8 * MIB + 5 * MIB
        assert here.scheduler.memory.vram == record.vram

    office(main, profile=card(10 * GIB, graph=5 * MIB), num_parallel=3)


def test_room_that_was_taken_by_hand_is_gone() -> None:
    """The load that was planned before gets what is left."""

    async def main(here: Office) -> None:
        await here.visit(large("e", 8))
        await here.at(2.0)
        here.scheduler.load(A)
        await here.over()
        found = {shown.model.name: shown.vram for shown in here.scheduler.listed()}
        assert found == {"a": 4 * GIB, "e": 5 * GIB}

    office(main, profile=card(10 * GIB, load=DISK))


def test_a_context_that_nobody_asked_for_shrinks_when_memory_is_short() -> None:
    """Once; the load is tried again with it, though nobody could leave."""

    async def main(here: Office) -> None:
        model = large("m", context_length=0)
        short = await here.visit(model, load=SHORT)
        await here.over(short)
        assert short.ended == 2.0
        asked = await here.visit(model, load=SHORT, options={"num_ctx": 32_768})
        await here.over(asked)
        assert asked.ended == 3.0
        await used(here, model)
        assert [shown.context for shown in here.scheduler.listed()] == [32_768]

    office(main, profile=card(24 * GIB))


# --- the lock of the old server -----------------------------------------------------------


def test_of_old_who_wants_what_loads_waits_outside_the_queue() -> None:
    """However many they are; others are counted, and get their 503."""

    async def main(here: Office) -> None:
        first = await here.visit(A, load_s=2.0)
        same = [await here.visit(A) for _ in range(3)]
        other = await here.visit(B, load_s=2.0)
        late = await here.visit(C)
        assert late.refusal is not None
        assert late.refusal.status == 503
        await here.over()
        assert [visit.leased for visit in (first, *same)] == [2.0] * 4
        assert [visit.began for visit in (first, *same)] == [2.0, 3.0, 4.0, 5.0]
        assert other.leased == 4.0
        assert here.waits[:4] == [("load", 1), ("load", 2), ("load", 3), ("load", 1)]

    office(main, wire="0.13.5", max_queue=1)


def test_of_old_they_all_load_anew_if_it_fails() -> None:
    """The first of them does it, the others wait in the queue now."""

    async def main(here: Office) -> None:
        bad = await here.visit(A, load_s=1.0, load=Scripted(exit=3))
        same = [await here.visit(A, load_s=1.0) for _ in range(2)]
        await here.over()
        assert bad.ended == 1.0
        assert [visit.leased for visit in same] == [2.0, 2.0]
        assert here.loads == [(2.0, "a")]

    office(main, wire="0.13.5")


def test_of_old_who_leaves_meanwhile_is_missed_when_it_has_loaded() -> None:
    """And then never answered, like all who are gone before their turn."""

    async def main(here: Office) -> None:
        await here.visit(A, load_s=2.0)
        left = await here.visit(A)
        cut = await here.visit(A)
        stays = await here.visit(A)
        await here.at(1.0)
        left.gone.fire()
        cut.task.cancel()
        await here.over(stays)
        assert (stays.leased, stays.began) == (2.0, 3.0)
        assert (left.leased, left.ended) == (None, None)
        await here.at(50.0)
        assert not here.scheduler.busy
        assert left.ended is None

    office(main, wire="0.13.5")
