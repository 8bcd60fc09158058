"""Clients that leave, or shut down their sending side, at each moment (6.7)."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.model import Abandoned, Origin
from ollama_simulator.script import Load
from tests.engine.visits import A, B, C, Office, Visit, named, office

CANCELED = (499, "request canceled")
BY = pytest.mark.parametrize("by", ["gone", "cancelled"])
MODELS = tuple(named(f"m{number}") for number in range(4))


def leave(visit: Visit, by: str) -> None:
    """Shut the sending side down, or lose the connection."""
    if by == "gone":
        visit.gone.fire()
    else:
        visit.task.cancel()


# --- in the queue of loads ----------------------------------------------------------------


@BY
def test_who_leaves_the_load_queue_is_passed_over(by: str) -> None:
    """Nothing is loaded for it. A half-closed client gets no answer, ever."""

    async def main(here: Office) -> None:
        await here.visit(A, load_s=2.0)
        left = await here.visit(B, load_s=2.0)
        behind = await here.visit(C, load_s=2.0)
        await here.at(1.0)
        leave(left, by)
        await here.over(behind)
        assert here.loads == [(2.0, "a"), (4.0, "c")]
        await here.at(100_000.0)
        assert left.refusal is None
        assert left.task.done() is (by == "cancelled")

    office(main)


@BY
def test_who_leaves_the_load_queue_keeps_its_place_until_it_is_reached(by: str) -> None:
    """It counts against the queue's capacity as long."""

    async def main(here: Office) -> None:
        await here.visit(A, load_s=2.0)
        left = await here.visit(B)
        leave(left, by)
        await here.at(1.0)
        assert (await here.visit(C)).refusal is not None
        await here.at(2.5)
        assert (await here.visit(C)).refusal is None

    office(main, max_queue=1)


def test_who_hangs_is_free_when_its_connection_goes() -> None:
    """It holds nothing."""

    async def main(here: Office) -> None:
        await here.visit(A, load_s=1.0)
        left = await here.visit(B)
        left.gone.fire()
        await here.over(here.visits[0])
        left.task.cancel()
        await here.over(left)
        assert left.task.cancelled()
        assert not here.scheduler.busy

    office(main)


@pytest.mark.parametrize("loaded", [False, True])
def test_who_left_at_once_is_never_answered(loaded: bool) -> None:
    """Even if the model is loaded: it is moved to the load queue, and passed over there."""

    async def main(here: Office) -> None:
        if loaded:
            await here.over(await here.visit(A))
        visit = await here.visit(A, left=True)
        await here.at(10_000.0)
        assert not visit.task.done()
        assert len(here.loads) == loaded

    office(main)


# --- while its load runs ------------------------------------------------------------------


@BY
@pytest.mark.parametrize("how", [None, Load(stall=True)])
def test_who_leaves_during_its_load_aborts_it(by: str, how: Load | None) -> None:
    """The others who wait for the model start from zero."""

    async def main(here: Office) -> None:
        first = await here.visit(A, load_s=3.0, load=how)
        second = await here.visit(A, load_s=3.0)
        third = await here.visit(A, load_s=3.0)
        await here.at(2.0)
        leave(first, by)
        await here.over()
        assert first.ended == 2.0
        assert here.loads == [(5.0, "a")]
        assert (second.leased, third.leased) == (5.0, 5.0)
        if by == "gone":
            assert isinstance(first.refusal, Abandoned)
            assert first.read == CANCELED
            assert first.refusal.origin is Origin.HANDLER

    office(main)


@BY
def test_an_aborted_load_may_be_the_last(by: str) -> None:
    """Nothing is in memory, and the next request starts a load."""

    async def main(here: Office) -> None:
        first = await here.visit(A, load_s=3.0)
        await here.at(1.0)
        leave(first, by)
        await here.over()
        assert here.names == []
        assert not here.scheduler.busy
        again = await here.visit(A, load_s=3.0)
        await here.over(again)
        assert again.load_s == 3.0

    office(main)


# --- while room is made for its load ------------------------------------------------------


@BY
def test_who_leaves_during_the_eviction_still_evicts(by: str) -> None:
    """The victim goes, nothing is loaded in its place, and those behind go on then."""

    async def main(here: Office) -> None:
        await here.visit(A, 5.0)
        left = await here.visit(B, load_s=1.0)
        behind = await here.visit(C, load_s=1.0)
        await here.at(2.0)
        leave(left, by)
        await here.at(3.0)
        assert behind.leased is None
        await here.over()
        assert here.unloads[0] == (5.0, "a", "replaced")
        assert here.loads == [(0.0, "a"), (6.0, "c")]
        assert left.ended == (5.0 if by == "gone" else 2.0)
        assert left.read == (CANCELED if by == "gone" else None)

    office(main, max_loaded_models=1)


# --- while it waits for a slot, and later -------------------------------------------------


@BY
def test_who_leaves_the_queue_for_a_slot(by: str) -> None:
    """It leaves at once, those behind move up, and the runner stays."""

    async def main(here: Office) -> None:
        await here.visit(A, 5.0)
        left, behind = await here.visit(A), await here.visit(A)
        await here.at(2.0)
        leave(left, by)
        await here.over(left)
        assert left.ended == 2.0
        if by == "gone":
            assert left.read == (500, "context canceled")
            assert left.refusal is not None
            assert left.refusal.origin is Origin.RUNNER
        await here.over()
        assert behind.began == 5.0
        assert here.unloads == []
        assert here.scheduler.memory.next_expiry == 306.0

    office(main)


@BY
def test_who_leaves_while_it_generates(by: str) -> None:
    """The slot is free at once, the runner stays, and its timer starts."""

    async def main(here: Office) -> None:
        visit, behind = await here.visit(A, 50.0), await here.visit(A)
        await here.at(2.0)
        leave(visit, by)
        await here.over()
        assert behind.began == 2.0
        assert here.scheduler.memory.next_expiry == 303.0

    office(main)


@BY
def test_who_leaves_in_the_instant_of_its_turn(by: str) -> None:
    """A runner that it was given goes back; a load that it was to begin is aborted."""

    async def main(here: Office) -> None:
        first = await here.visit(A, 0.0, load_s=1.0)
        same, other = await here.visit(A, 5.0), await here.visit(B, load_s=5.0)
        behind = await here.visit(C)

        def both() -> None:
            leave(same, by)
            leave(other, by)

        # The queue has moved on by then, and those whose turn it is have not run yet.
        first.when_leased = both
        await here.over(first, same, other, behind)
        assert (first.leased, behind.leased) == (1.0, 1.0)
        assert not any(runner.users for runner in here.scheduler.memory.runners)
        assert here.loads == [(1.0, "a"), (1.0, "c")]

    office(main)


PLANS = st.lists(
    st.tuples(
        st.integers(0, 40),  # when it comes, in tenths of a second
        st.integers(0, 3),  # which model
        st.sampled_from([None, 64]),  # its context
        st.sampled_from([None, 0.0, 0.7]),  # its keep-alive
        st.none() | st.integers(0, 40),  # when it leaves
        st.sampled_from(["gone", "cancelled"]),
    ),
    max_size=9,
)


@settings(deadline=None, max_examples=150)
@given(PLANS, st.integers(1, 3), st.integers(1, 2))
def test_whatever_happens_nothing_is_lost(
    plans: list[tuple[int, int, int | None, float | None, int | None, str]],
    most: int,
    parallel: int,
) -> None:
    """All who stay are served, the limits hold, and in the end all is free."""

    async def main(here: Office) -> None:
        memory = here.scheduler.memory

        async def come(number: int) -> None:
            at, model, context, keep_alive, leaves, by = plans[number]
            await here.clock.sleep_until(at / 10)
            visit = await here.visit(
                MODELS[model],
                0.5,
                load_s=0.3,
                options={} if context is None else {"num_ctx": context},
                keep_alive=keep_alive,
            )
            if leaves is not None:
                await here.clock.sleep_until((at + leaves) / 10)
                leave(visit, by)
                await here.clock.sleep_until((at + leaves) / 10 + 60)
                visit.task.cancel()
                await asyncio.wait([visit.task])
            else:
                await asyncio.wait([visit.task])
                assert visit.refusal is None
                assert visit.began is not None

        async with asyncio.TaskGroup() as group:
            for number in range(len(plans)):
                group.create_task(come(number))
            for moment in range(60):
                await here.clock.sleep_until(moment / 7)
                assert len(memory.runners) <= most
                for runner in memory.runners:
                    assert runner.slots.held_now <= parallel
                    assert runner.users or runner.expires > here.clock.now()
        assert not here.scheduler.busy
        await here.at(here.clock.now() + 300)
        assert memory.runners == ()
        times = [record.t for record in here.seen if type(record).__name__ == "ModelUnloaded"]
        assert times == sorted(times)
        assert len(here.loads) == len(here.unloads)

    office(main, max_loaded_models=most, num_parallel=parallel)
