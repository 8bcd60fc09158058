"""A stream whose reader can't be written to any more."""

from __future__ import annotations

from ollama_simulator.clock import Interrupt, VirtualClock
from ollama_simulator.model import Event, Token
from ollama_simulator.script import Script
from tests.engine.answering import MODELS, chat, raw
from tests.engine.driving import Machine, virtual


def test_it_ends_without_a_word() -> None:
    """Not even with that of the error; and its slot is lost (6.7)."""

    async def main(clock: VirtualClock) -> None:
        machine = Machine(clock, models=MODELS)
        machine.engine.scripts.replace([Script(answer=raw("a", "b", "c"))])
        gone = Interrupt()
        said: list[Event] = []
        async for event in machine.run(chat("plain"), gone=gone):
            said.append(event)
            gone.in_write = True
            gone.fire()
        assert said == [Token("a")]
        (runner,) = machine.memory.runners
        assert (runner.slots.held_now, runner.users) == (1, 0)

    virtual(main)
