"""When scripted answers come, and what a runner's death leaves behind."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import pytest

from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.machine import Pace
from ollama_simulator.model import Done, Event, Infer, Refusal
from ollama_simulator.records import ModelLoaded
from ollama_simulator.script import Load, Refuse, Script, Step
from tests.engine.answering import MODELS, chat, raw
from tests.engine.driving import Machine, virtual

PACE = Pace(decode_tps=10.0, prefill_tps=1.0)


def timed(job: Infer, *scripts: Script) -> list[tuple[float, Event | Refusal]]:
    """What is said, and when."""

    async def main(clock: VirtualClock) -> list[tuple[float, Event | Refusal]]:
        machine = Machine(clock, models=MODELS)
        machine.engine.scripts.replace(scripts)
        said: list[tuple[float, Event | Refusal]] = []
        try:
            async for event in machine.run(job, PACE):
                said.append((clock.now(), event))
        except Refusal as refusal:
            said.append((clock.now(), refusal))
        return said

    return virtual(main)


def times(steps: Sequence[Step], **fields: Any) -> list[Any]:
    """When each event comes, to be compared approximately."""
    script = Script(answer=tuple(steps), **fields)
    return [pytest.approx(at) for at, _ in timed(chat("plain"), script)]


def test_without_gaps_the_pace_is_the_servers() -> None:
    """Two tokens of prompt take 2 s, each token 0.1 s; the end comes with the last one."""
    assert times(raw("a", "b")) == [2.1, 2.2, 2.2]


def test_with_gaps_the_first_token_has_none_before_it() -> None:
    """The end has two, as in the recordings."""
    assert times(raw("a", "b"), prompt_ms=500, gap_ms=1000) == [0.5, 1.5, 3.5]
    assert times((), prompt_ms=500, gap_ms=1000) == [1.5]
    assert times(raw("a", "b"), prompt_ms=0, gap_ms=0) == [0.0, 0.0, 0.0]


def test_pauses() -> None:
    """They come on top, wherever they stand."""
    steps = (Step(wait_ms=1000), *raw("a"), Step(wait_ms=500), *raw("b"), Step(wait_ms=250))
    assert times(steps) == [3.1, 3.7, 3.95]
    assert times(steps, prompt_ms=0, gap_ms=100) == [1.0, 1.6, 2.05]


def test_what_an_answer_cost() -> None:
    """Pauses are generation; a prompt that took no time is told as one that took some."""
    script = Script(answer=(*raw("a"), Step(wait_ms=1000), *raw("b")), prompt_ms=0)
    done = timed(chat("plain"), script)[-1][1]
    assert isinstance(done, Done)
    assert done.usage is not None
    assert done.usage.generation_s == pytest.approx(1.2)
    assert done.usage.prompt_s == pytest.approx(2.0)


def test_the_total_begins_with_the_request() -> None:
    """Whenever that came."""

    async def main(clock: VirtualClock) -> float:
        machine = Machine(clock, models=MODELS)
        await clock.sleep_until(100.0)
        machine.engine.scripts.replace([Script(answer=raw("a"))])
        done = [event async for event in machine.run(chat("plain"), PACE)][-1]
        assert isinstance(done, Done)
        assert done.usage is not None
        return done.usage.total_s

    assert virtual(main) == pytest.approx(2.1)


def test_others_have_their_turn() -> None:
    """However many tokens are due at once."""

    async def main(clock: VirtualClock) -> int:
        machine = Machine(clock, models=MODELS)
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        task = asyncio.create_task(other())
        await machine.done(Infer("plain", chat("plain").messages), Pace(math.inf, math.inf, 6400))
        task.cancel()
        return turns

    # At a virtual instant each turn of the others is one breath of ours.
    assert 100 <= virtual(main) <= 110


def test_a_refusal_takes_the_time_of_the_prompt() -> None:
    """It comes before any token."""
    script = Script(refuse=Refuse(500, "no"), prompt_ms=700)
    ((at, refusal),) = timed(chat("plain"), script)
    assert at == pytest.approx(0.7)
    assert isinstance(refusal, Refusal)


def test_a_failure_comes_when_the_next_token_would() -> None:
    """After the pauses before it."""
    assert times((*raw("a"), Step(wait_ms=50), Step(crash="")), prompt_ms=0, gap_ms=10) == [
        0.0,
        0.06,
    ]


@pytest.mark.parametrize(
    ("step", "reloads"),
    [(Step(crash=""), True), (Step(reset=True), False), (Step(error="x"), False)],
)
def test_a_runner_that_died_is_loaded_again(step: Step, reloads: bool) -> None:
    """By the next request, which notices nothing else."""

    async def main(clock: VirtualClock) -> int:
        machine = Machine(clock, models=MODELS)
        machine.engine.scripts.replace([Script(answer=(*raw("a"), step), times=1)])
        with pytest.raises(Refusal):
            await machine.done(chat("plain"))
        assert isinstance((await machine.done(chat("plain")))[-1], Done)
        return len(machine.saw(ModelLoaded))

    assert virtual(main) == (2 if reloads else 1)


def test_a_scripted_load() -> None:
    """It is used by who loads the model, even if that is all."""
    load = Script(load=Load(delay_ms=3000), times=1)
    assert [at for at, _ in timed(Infer("plain"), load)] == [3.0]
    other = Script(answer=raw("a"), prompt_ms=0, gap_ms=0, times=1)

    async def main(clock: VirtualClock) -> list[Event]:
        machine = Machine(clock, models=MODELS)
        machine.engine.scripts.replace([other])
        await machine.done(Infer("plain"))
        return await machine.done(chat("plain"))

    # A script that says nothing of the load isn't used up by it.
    assert len(virtual(main)) == 2
