"""How long answers take, by the formulas: alone, beside others, and after clients left.

Source: engine model, 1.6, 1.9, 1.10, 1.11 and 2.1.
"""

from __future__ import annotations

import itertools
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.batch import Batch
from ollama_simulator.engine.jitter import factors
from ollama_simulator.engine.plan import Work
from ollama_simulator.engine.timing import timing
from ollama_simulator.hardware import (
    Decode,
    HardwareProfile,
    Jitter,
    Prefill,
    Step,
)
from ollama_simulator.model import Event, Token, Usage
from ollama_simulator.settings import Caching, Settings
from tests.engine.driving import Machine, chat, prompt, usage_of, virtual

MACHINE = HardwareProfile(
    name="p",
    hardware="h",
    source="s",
    trust="A",
    step=Step(t0_ms=10.0),
    prefill=Prefill(r_tps=2_000.0, q_ns=20.0),
    decode=Decode(c_us=0.5, b_ms=3.0, g=0.7),
)
machines = st.builds(
    lambda t0, r, q, c: replace(
        MACHINE, step=Step(t0_ms=t0), prefill=Prefill(r_tps=r, q_ns=q), decode=Decode(c_us=c)
    ),
    st.floats(0.5, 300),
    st.floats(50, 20_000),
    st.floats(0, 200),
    st.floats(0, 10),
)
SIZE = 512
BIG = 1e9


def batch(machine: HardwareProfile = MACHINE, *, rotates: bool = False) -> Batch:
    """A batch of 512 on it."""
    return Batch(timing(machine), SIZE, factors=factors(machine.jitter), rotates=rotates)


def times(of: Batch, work: Work, tokens: int) -> list[float]:
    """When each token of a job is made, from the first on."""
    found = []
    for token in range(1, tokens + 1):
        when = of.time_of(work, token)
        while of.made(work, when) < token:
            when = of.time_of(work, token)
        found.append(when)
    return found


def gaps(of: list[float]) -> list[float]:
    """What lies between them."""
    return [later - earlier for earlier, later in itertools.pairwise(of)]


# --- alone ------------------------------------------------------------------------------------


@given(machines, st.integers(1, 40_000), st.integers(0, 40_000))
def test_a_prompt_alone(machine: HardwareProfile, unread: int, cached: int) -> None:
    """ceil(u / batch) t0 + u / r + q (u p + u² / 2)."""
    here, work = batch(machine), Work(0, unread, cached)
    here.join(work, 0.0)
    here.advance(BIG)
    exact = -(-unread // SIZE) * machine.step.t0_ms / 1e3 + unread / machine.prefill.r_tps
    exact += machine.prefill.q_ns / 1e9 * (unread * cached + unread**2 / 2)
    assert work.read_at == pytest.approx(exact, rel=0.01)
    assert work.read_at == pytest.approx(machine.prefill_s(unread, depth=cached), rel=1e-9)
    assert work.begun_at == 0.0


@given(machines, st.integers(0, 40_000), st.integers(2, 5_000))
def test_an_answer_alone(machine: HardwareProfile, depth: int, tokens: int) -> None:
    """n (t0 + c (p + n / 2))."""
    here, work = batch(machine), Work(0, 1, depth, total=tokens + 1)
    here.join(work, 0.0)
    here.advance(BIG)
    took = work.last_at - work.read_at
    exact = tokens * (
        machine.step.t0_ms / 1e3 + machine.decode.c_us / 1e6 * (depth + 1 + tokens / 2)
    )
    assert took == pytest.approx(exact, rel=0.01)
    assert took == pytest.approx(machine.decode_s(tokens, depth=depth + 1), rel=1e-9)


# --- beside others ----------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [1, 2, 4, 8])
def test_slots_slow_each_other(slots: int) -> None:
    """t0 + b (G - 1)^g + c times the contexts of all."""
    here = batch()
    works = [Work(slot, 1, 999) for slot in range(slots)]
    for work in works:
        here.join(work, 0.0)
    made = times(here, works[0], 3)
    crowd = 0.003 * (slots - 1) ** 0.7 if slots > 1 else 0.0
    # When the first one has two tokens, the others have been read, and have their first.
    contexts = 1_000 * slots + 1
    assert gaps(made)[1] == pytest.approx(0.010 + crowd + 0.5e-6 * contexts)


def test_a_prompt_stretches_the_gaps_of_its_neighbour() -> None:
    """To the time of a whole batch, until it is read. It has all of the batch but one token."""
    here, answer, prompt = batch(), Work(0, 1, 99), Work(1, 5 * 511, 0)
    here.join(answer, 0.0)
    made = times(here, answer, 3)
    here.join(prompt, made[-1])
    # The iteration in progress is one without it.
    longer = gaps(times(here, answer, 12)[2:])
    reading = [i for i, gap in enumerate(longer) if gap > 0.2]
    assert reading == [1, 2, 3, 4, 5]
    for nth, i in enumerate(reading):
        depth, context = nth * 511, 100 + 3 + nth
        exact = 0.010 + 511 / 2_000 + 20e-9 * (511 * depth + 511**2 / 2) + 0.5e-6 * context
        assert longer[i] == pytest.approx(exact, rel=1e-3)
    assert longer[0] == pytest.approx(0.010, rel=0.01)
    assert longer[6] == pytest.approx(0.013, rel=0.2)


def test_two_prompts_are_read_one_after_the_other() -> None:
    """By their slots, however they came; what is left of a batch is the second one's."""
    here = batch(replace(MACHINE, prefill=Prefill(r_tps=2_000.0), decode=Decode()))
    second, first = Work(3, 1_000, 0, total=1), Work(1, 1_000, 0, total=1)
    here.join(second, 0.0)
    here.join(first, 0.0)
    here.advance(BIG)
    # The first iteration had begun with the one that was there: 512, 512, 488 and 24, 464.
    full = 0.010 + 512 / 2_000
    assert first.read_at == pytest.approx(3 * full)
    assert second.read_at == pytest.approx(3 * full + 0.010 + 464 / 2_000)
    assert second.begun_at == 0.0
    assert first.begun_at == pytest.approx(full)


def test_the_old_engine_leaves_an_answer_out_of_every_other_iteration() -> None:
    """A prompt that has the first place fills the batch."""
    here, answer, prompt = batch(rotates=True), Work(0, 1, 99), Work(1, 10_000, 0)
    here.join(answer, 0.0)
    first = times(here, answer, 1)[0]
    here.join(prompt, first)
    made = times(here, answer, 8)
    assert [round(gap / 0.266) for gap in gaps(made)[2:7]] == [2, 2, 2, 2, 2]


# --- what is told -----------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["legacy", "current"])
def test_what_an_answer_says_of_its_time(engine: Caching) -> None:
    """The reading of its prompt, and the steps from the first token to the last one."""

    async def main(clock: VirtualClock) -> Usage:
        machine = Machine(clock, settings=Settings(engine=engine, profile=MACHINE))
        return usage_of(await machine.done(chat(prompt(600), limit=20)))

    usage = virtual(main)
    assert (usage.prompt_tokens, usage.tokens) == (600, 20)
    assert usage.prompt_s == pytest.approx(MACHINE.prefill_s(600))
    assert usage.generation_s == pytest.approx(MACHINE.decode_s(19, depth=600))
    assert usage.total_s == pytest.approx(usage.prompt_s + usage.generation_s)


@pytest.mark.parametrize(("engine", "steps"), [("legacy", 0.75), ("current", 1.0), ("seed", 1.0)])
def test_the_drawing_of_tokens(engine: Caching, steps: float) -> None:
    """Is time that the old engine doesn't report."""
    step = replace(MACHINE.step, sampling_ms=MACHINE.step.t0_ms / 4)
    machine = replace(MACHINE, step=step, decode=Decode())

    async def main(clock: VirtualClock) -> Usage:
        made = Machine(clock, settings=Settings(engine=engine, profile=machine))
        return usage_of(await made.done(chat(prompt(600), limit=20)))

    assert virtual(main).generation_s == pytest.approx(19 * steps * MACHINE.step.t0_ms / 1000)


@pytest.mark.parametrize(("engine", "told"), [("legacy", 6), ("current", 7), ("seed", 7)])
def test_the_token_that_reaches_the_limit(engine: Caching, told: int) -> None:
    """Is counted, and never told by the old engine; one that ends by itself is told whole."""

    async def main(clock: VirtualClock) -> tuple[int, int, int]:
        made = Machine(clock, settings=Settings(engine=engine))
        events = await made.done(chat("hi", limit=7))
        whole = await made.done(chat("hi"))
        return len(tokens_of(events)), usage_of(events).tokens, len(tokens_of(whole))

    assert virtual(main) == (told, 7, 20)


def tokens_of(events: list[Event]) -> list[Token]:
    """What was told."""
    return [event for event in events if isinstance(event, Token)]


# --- irregular --------------------------------------------------------------------------------


def test_iterations_are_as_irregular_as_they_are_said_to_be() -> None:
    """A log-normal factor of mean 1: the mean stays, and the spread is sigma."""
    flat = replace(MACHINE, decode=Decode(), jitter=Jitter(sigma=0.05))
    here, work = batch(flat), Work(0, 1, 0, total=4_098)
    here.join(work, 0.0)
    found = gaps(times(here, work, 4_098))
    assert statistics.fmean(found) == pytest.approx(0.010, rel=1e-4)
    assert statistics.pstdev(found) / 0.010 == pytest.approx(0.05, rel=0.05)


def test_stalls() -> None:
    """As rare and as long as they are said to be."""
    flat = replace(MACHINE, decode=Decode(), jitter=Jitter(stall_p=0.01, stall_ms=40.0))
    here, work = batch(flat), Work(0, 1, 0, total=4_098)
    here.join(work, 0.0)
    found = gaps(times(here, work, 4_098))
    stalled = [gap for gap in found if gap > 0.03]
    assert 20 < len(stalled) < 65
    assert stalled == pytest.approx([0.05] * len(stalled))


# --- a full window ----------------------------------------------------------------------------


def test_a_full_window_loses_half_of_what_it_need_not_keep() -> None:
    """So an answer in a small window gets no slower for ever."""
    here, work = batch(), Work(0, 100, 0, window=128, kept=4)
    here.join(work, 0.0)
    found = gaps(times(here, work, 200))
    steps = [round((gap - 0.010) / 0.5e-6) for gap in found]
    assert steps[:28] == list(range(100, 128))
    assert steps[28:31] == [128 - 62, 128 - 61, 128 - 60]
    assert max(steps) == 127
