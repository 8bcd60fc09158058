"""The slot and the queue before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.clock import Interrupt, VirtualClock
from ollama_simulator.engine.slots import Interrupted, Slots
from tests.engine.driving import virtual


@asynccontextmanager
async def held(slots: Slots, gone: Interrupt) -> AsyncIterator[None]:
    """Have a slot for a while."""
    await slots.take(gone)
    try:
        yield
    finally:
        slots.give()


@dataclass
class Visit:
    """Somebody who wants the slot."""

    arrives: int
    stays: int
    leaves: int | None = None
    """After how long it leaves, if it has not gone by itself."""
    by: str = "gone"
    """How it leaves: by its interrupt, or cancelled."""
    outcome: str = ""


@dataclass
class Watch:
    """What was seen of a slot."""

    inside: int = 0
    most: int = 0
    asked: list[Visit] = field(default_factory=list)
    served: list[Visit] = field(default_factory=list)


async def visit(clock: VirtualClock, slot: Slots, who: Visit, watch: Watch) -> None:
    """Ask for the slot, hold it for a while, and give it back."""
    gone = Interrupt()

    async def hold() -> None:
        watch.asked.append(who)
        async with held(slot, gone):
            watch.served.append(who)
            watch.inside += 1
            watch.most = max(watch.most, watch.inside)
            try:
                await clock.sleep_until(clock.now() + who.stays, gone)
            finally:
                watch.inside -= 1

    await clock.sleep_until(who.arrives)
    task = asyncio.create_task(hold())
    if who.leaves is not None:
        leave = gone.fire if who.by == "gone" else task.cancel
        asyncio.get_running_loop().call_later(who.leaves, leave)
    await asyncio.wait([task])
    if task.cancelled():
        who.outcome = "cancelled"
    else:
        error = task.exception()
        assert error is None or isinstance(error, Interrupted), error
        who.outcome = "interrupted" if error else "done"


VISITS = st.builds(
    Visit,
    arrives=st.integers(0, 6),
    stays=st.integers(0, 4),
    leaves=st.none() | st.integers(0, 8),
    by=st.sampled_from(["gone", "cancelled"]),
)


@settings(deadline=None, max_examples=200)
@given(st.lists(VISITS, max_size=9))
def test_the_slot_is_fair_and_never_lost(visits: list[Visit]) -> None:
    """Never two inside; in order of coming; all who stay are served; free at the end."""

    async def main(clock: VirtualClock) -> None:
        slot, watch = Slots(), Watch()
        # asyncio's timers of one moment end in any order: what counts is who asked first.
        async with asyncio.TaskGroup() as group:
            for who in visits:
                group.create_task(visit(clock, slot, who, watch))
        assert watch.most <= 1
        assert watch.inside == 0
        assert [id(who) for who in watch.served] == [
            id(who) for who in watch.asked if any(who is other for other in watch.served)
        ]
        for who in visits:
            served = any(who is other for other in watch.served)
            assert served or who.leaves is not None
            assert who.leaves is not None or who.outcome == "done"
            assert served or who.outcome in ("interrupted", "cancelled")
        assert not (slot.held_now > 0)
        assert slot.ahead == 0
        # Nobody waits longer than all before it could take.
        assert clock.now() <= 6 + sum(max(who.stays, who.leaves or 0) for who in visits) + 8

    virtual(main)


def test_first_come_first_served() -> None:
    """Ten who wait get the slot in the order in which they came."""

    async def main(clock: VirtualClock) -> None:
        slot, watch = Slots(), Watch()
        visits = [Visit(number, 5) for number in range(10)]
        async with asyncio.TaskGroup() as group:
            for who in reversed(visits):
                group.create_task(visit(clock, slot, who, watch))
        assert watch.served == visits
        assert clock.now() == 50

    virtual(main)


def test_ahead_counts_who_is_before() -> None:
    """The holder and the waiting count, who left does not."""

    async def main(clock: VirtualClock) -> list[int]:
        slot, watch = Slots(), Watch()
        seen = [slot.ahead]
        visits = [Visit(0, 10), Visit(1, 10), Visit(2, 10, leaves=2), Visit(3, 10)]
        async with asyncio.TaskGroup() as group:
            for who in visits:
                group.create_task(visit(clock, slot, who, watch))
            for moment in (0.5, 1.5, 2.5, 3.5, 4.5, 10.5):
                await clock.sleep_until(moment)
                seen.append(slot.ahead)
        return seen

    assert virtual(main) == [0, 1, 2, 3, 4, 3, 2]


def test_nobody_slips_in_between() -> None:
    """Who comes in the very turn in which the slot is passed on waits behind the next."""

    async def main(clock: VirtualClock) -> list[str]:
        slot, order = Slots(), list[str]()

        async def wants(name: str) -> None:
            async with held(slot, Interrupt()):
                order.append(name)

        async with asyncio.TaskGroup() as group:
            async with held(slot, Interrupt()):
                group.create_task(wants("waiting"))
                await clock.sleep_until(1)
            # The slot is given back; "waiting" has it but has not run yet.
            assert slot.held_now > 0
            group.create_task(wants("late"))
        return order

    assert virtual(main) == ["waiting", "late"]


@pytest.mark.parametrize("first", ["grant", "leave"])
@pytest.mark.parametrize("by", ["gone", "cancelled"])
def test_granted_and_leaving_in_one_turn(first: str, by: str) -> None:
    """The slot passes on to the third, however close the second's grant and leaving are."""

    async def main(clock: VirtualClock) -> tuple[list[str], bool]:
        slot, order = Slots(), list[str]()
        gone = Interrupt()

        async def wants(name: str, signal: Interrupt) -> None:
            async with held(slot, signal):
                order.append(name)

        holder = held(slot, Interrupt())
        await holder.__aenter__()
        second = asyncio.create_task(wants("second", gone))
        third = asyncio.create_task(wants("third", Interrupt()))
        await clock.sleep_until(1)
        leave = gone.fire if by == "gone" else second.cancel
        if first == "leave":
            leave()
        await holder.__aexit__(None, None, None)
        if first == "grant":
            leave()
        await asyncio.wait([second, third])
        return order, (slot.held_now > 0)

    order, busy = virtual(main)
    # A grant that came first stands against an interrupt; a cancellation ends the task anyway.
    heard = first == "grant" and by == "gone"
    assert order == (["second", "third"] if heard else ["third"])
    assert not busy


def test_who_is_gone_already_still_gets_a_free_slot() -> None:
    """The slot looks at the signal only where there is something to wait for."""

    async def main(clock: VirtualClock) -> bool:
        slot, gone = Slots(), Interrupt()
        gone.fire()
        async with held(slot, gone):
            inside = slot.held_now > 0
            with pytest.raises(Interrupted):
                async with held(slot, gone):
                    raise AssertionError("the slot was given twice")
        assert not (slot.held_now > 0)
        return inside

    assert virtual(main) is True


def test_an_error_inside_frees_the_slot() -> None:
    """Whatever is raised while the slot is held."""

    async def main(clock: VirtualClock) -> bool:
        slot = Slots()
        with pytest.raises(ZeroDivisionError):
            async with held(slot, Interrupt()):
                raise ZeroDivisionError
        return slot.held_now > 0

    assert virtual(main) is False
