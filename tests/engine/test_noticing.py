"""Clients that leave while their prompts are read: what is left of them when the runner notices."""

from __future__ import annotations

import asyncio
import gc

import pytest

from ollama_simulator.clock import Interrupt, VirtualClock
from ollama_simulator.engine.seat import Seat
from ollama_simulator.hardware import HardwareProfile, Prefill, Step
from ollama_simulator.model import Abandoned
from ollama_simulator.records import Released
from ollama_simulator.settings import Caching, Settings
from tests.engine.driving import Machine, chat, prompt, virtual

READS = HardwareProfile(
    name="slow",
    hardware="a slow reader",
    source="the tests",
    trust="C",
    synthetic=True,
    step=Step(t0_ms=0.001),
    prefill=Prefill(r_tps=100.0),
)


async def leaves(machine: Machine, words: str, after: float) -> None:
    """A client that leaves so many seconds after it came."""
    gone = Interrupt()
    task = asyncio.ensure_future(machine.done_until(chat(words), gone))
    await machine.clock.sleep_until(machine.clock.now() + after)
    gone.fire()
    await asyncio.wait([task])
    assert isinstance(task.exception(), Abandoned)


@pytest.mark.parametrize("engine", ["seed", "legacy", "current"])
def test_nothing_waits_for_who_left(engine: Caching) -> None:
    """Not for the end of a prompt that is read no further, either: a server may run for days."""

    async def main(clock: VirtualClock) -> None:
        machine = Machine(clock, settings=Settings(profile=READS, engine=engine))
        for number in range(3):
            await leaves(machine, f"{number} {prompt(1000)}", 1.5)
            await clock.sleep_until(clock.now() + 20.0)
        (runner,) = machine.memory.runners
        assert runner.slots.idle == [0]
        gc.collect()
        # Some things that others imported would load more to say of what class they are.
        assert Seat not in map(type, gc.get_objects())

    virtual(main)


def test_the_next_one_begins_where_an_iteration_ends() -> None:
    """The runner looks every second, between two iterations: none is burned after that."""

    async def main(clock: VirtualClock) -> tuple[float, float]:
        machine = Machine(clock, settings=Settings(profile=READS, engine="current"))
        await leaves(machine, "a" + prompt(3000), 0.5)
        answer = await machine.timed(chat(prompt(100), limit=1))
        return machine.saw(Released)[0].t, answer[0][0]

    # 512 tokens are read at once; of the other prompt's, one is there already.
    assert virtual(main) == pytest.approx((5.12, 5.12 + 0.99))
