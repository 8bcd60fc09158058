"""Behaviours that change how fast a server works."""

from __future__ import annotations

import itertools

import pytest

from ollama_simulator.acts import Act, Body, End, Head, Tick
from ollama_simulator.answering import answer
from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.machine import DEFAULT_PACE, Pace
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.slow import Slow
from tests.engine.driving import Machine, virtual
from tests.faults.acting import CHAT, STREAM, collected, exchange, request, scripted


@pytest.mark.parametrize(
    ("fault", "pace"),
    [
        (Normal(), DEFAULT_PACE),
        (Normal(10.0, 100.0, 5, 1500), Pace(10.0, 100.0, 5, 1.5)),
        (Slow(2.0, 7), Pace(2.0, None, 7, 0.0)),
    ],
)
def test_the_pace_of_a_behaviour(fault: Fault, pace: Pace) -> None:
    """Its fields, in seconds; the acts are the handler's own."""

    async def main(clock: VirtualClock) -> tuple[list[Act], Pace]:
        made = exchange(Machine(clock))
        return await collected(fault.around(made, scripted(STREAM))), made.pace

    assert virtual(main) == (list(STREAM), pace)


def test_the_default_is_no_change() -> None:
    """`Normal()` says nothing of rates."""

    async def main(clock: VirtualClock) -> Pace:
        made = exchange(Machine(clock))
        Normal().around(made, scripted(STREAM))
        return made.pace

    assert virtual(main) == DEFAULT_PACE


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        (Normal(), 2 / 2900 + 20 / 65),
        (Normal(tokens_per_sec=10.0, num_tokens=5), 2 / 2900 + 0.5),
        (Normal(prompt_eval_tokens_per_sec=2.0, num_tokens=1), 1 + 1 / 65),
        (Normal(load_delay_ms=3000), 3 + 2 / 2900 + 20 / 65),
        (Slow(1.0, 30), 2 / 2900 + 30),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_answers_take_their_time(fault: Fault, end: float, stream: bool) -> None:
    """To the end of the answer, in both modes, and a tick for each token at its moment."""

    async def main(clock: VirtualClock) -> list[tuple[float, Act]]:
        made = exchange(Machine(clock), request(body={**CHAT, "stream": stream}))
        return [(clock.now(), act) async for act in fault.around(made, answer)]

    timed = virtual(main)
    assert timed[-1][0] == pytest.approx(end, abs=1e-9)
    assert isinstance(timed[-1][1], End)
    ticks = [at for at, act in timed if isinstance(act, Tick)]
    gaps = {round(b - a, 9) for a, b in itertools.pairwise(ticks)}
    assert len(gaps) <= 1
    bodies = [at for at, act in timed if isinstance(act, Body)]
    heads = [at for at, act in timed if isinstance(act, Head)]
    assert heads == ([ticks[0]] if stream else [ticks[-1]])
    assert bodies == ([*ticks, ticks[-1]] if stream else [ticks[-1]])
