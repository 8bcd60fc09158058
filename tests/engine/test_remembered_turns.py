"""What the next request of a conversation finds in the slots, under each engine.

Source: engine model, 1.3 to 1.8.
"""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.clock import Interrupt, VirtualClock
from ollama_simulator.engine.caching.overflow import held
from ollama_simulator.engine.caching.tokens import Words
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.model import Abandoned, Done, Infer, Message
from ollama_simulator.records import CacheMoved, Evaluated, Released
from ollama_simulator.script import Script, Step
from ollama_simulator.settings import Caching, Settings
from tests.engine.driving import NAME, OTHER_MODEL, Machine, chat, prompt, text_of, virtual

RTX = "rtx-5090-qwen3-32b"


def follows(answer: str, *before: str) -> Infer:
    """The next turn of a conversation that began with `before`."""
    said = [Message(("user", "assistant")[i % 2], text) for i, text in enumerate(before)]
    messages = (*said, Message("assistant", answer), Message("user", "and"))
    return Infer(NAME, messages, options={"num_predict": 1}, uses_cache=True)


def cached(engine: Caching, *jobs: Infer, profile: str = "seed") -> list[tuple[int, int]]:
    """Tokens of each prompt, and how many of them were cached."""

    async def main(clock: VirtualClock) -> list[tuple[int, int]]:
        machine = Machine(clock, settings=Settings(engine=engine, profile=profile))
        for job in jobs:
            await machine.done(job)
        return [(seen.prompt, seen.cached) for seen in machine.saw(Evaluated)]

    return virtual(main)


@pytest.mark.parametrize(("engine", "spared"), [("seed", 0), ("legacy", 1), ("current", 1)])
def test_the_same_prompt_again(engine: Caching, spared: int) -> None:
    """The seed's engine evaluates nothing, the others at least one token."""
    first, again = cached(engine, chat("a b c d", limit=1), chat("a b c d", limit=1))
    assert first == (8, 0)
    assert again == (8, 8 - spared)


@pytest.mark.parametrize("engine", ["legacy", "current"])
@pytest.mark.parametrize("limit", [5, None])
def test_prompt_and_answer_stay(engine: Caching, limit: int | None) -> None:
    """But for a token that nobody fed back, since the limit came."""

    async def main(clock: VirtualClock) -> tuple[Evaluated, int]:
        machine = Machine(clock, settings=Settings(engine=engine))
        answer = text_of(await machine.done(chat("a b c d", limit=limit)))
        made = len(machine.cache)
        await machine.done(follows(answer, "a b c d"))
        assert made == 8 + 1 + (20 if limit is None else limit - 1)
        return machine.saw(Evaluated)[1], made

    evaluated, made = virtual(main)
    assert evaluated.cached == made
    assert evaluated.prompt > made


@pytest.mark.parametrize(("engine", "shared"), [("seed", 0), ("legacy", 9), ("current", 9)])
def test_every_endpoint_that_generates(engine: Caching, shared: int) -> None:
    """Takes part under the engines of a real server, and only `/api/chat` under the seed's."""
    asked = Infer(NAME, prompt="a b c d", kind="generate", options={"num_predict": 1})
    sizes = cached(engine, asked, follows("", "a b c d"))
    assert sizes[1][1] == shared


def test_the_setting_says_whose_requests() -> None:
    """Whatever the engine."""
    asked = Infer(NAME, prompt="a b c d", kind="generate", options={"num_predict": 1})

    async def main(clock: VirtualClock) -> list[int]:
        found = []
        every = Settings(engine="seed", cache_endpoints="all")
        for settings in (every, Settings(engine="legacy", cache_endpoints="chat")):
            machine = Machine(clock, settings=settings)
            await machine.done(asked)
            await machine.done(asked)
            found.append(machine.saw(Evaluated)[1].cached)
        return found

    assert virtual(main) == [8, 0]


def test_each_model_has_slots_of_its_own() -> None:
    """Only the seed's engine has one memory for all."""
    jobs = [chat("a b c d", limit=1, model=model) for model in (NAME, OTHER_MODEL.name, NAME)]
    assert [count for _, count in cached("legacy", *jobs)] == [0, 0, 7]
    assert [count for _, count in cached("seed", *jobs)] == [0, 0, 0]


def test_another_conversation_comes_back_from_the_hosts_memory() -> None:
    """Under `current`; `legacy` with one slot remembers one conversation."""
    a, b = chat(prompt(500), limit=1), chat("b " * 250, limit=1)
    assert [count for _, count in cached("legacy", a, b, a, profile=RTX)] == [0, 1, 1]
    assert [count for _, count in cached("current", a, b, a, profile=RTX)] == [0, 1, 499]


def test_every_slot_waits_for_what_is_copied() -> None:
    """As long as its bytes take. It is no part of the time for the prompt."""

    async def main(clock: VirtualClock) -> tuple[list[CacheMoved], list[Evaluated], list[float]]:
        machine, took = Machine(clock, settings=Settings(engine="current", profile=RTX)), []
        for job in (chat(prompt(500), limit=1), chat("b " * 250, limit=1)):
            await machine.done(Infer(NAME, uses_cache=False))
            began = clock.now()
            await machine.done(job)
            took.append(clock.now() - began)
        return machine.saw(CacheMoved), machine.saw(Evaluated), took

    (moved,), (first, second), took = virtual(main)
    assert (moved.how, moved.tokens, moved.size) == ("saved", 501, 501 * 262_144)
    assert moved.seconds == moved.size / 1e9
    assert took[1] - took[0] == pytest.approx(moved.seconds, abs=2e-3)
    assert second.seconds == pytest.approx(first.seconds, abs=2e-3)


@pytest.mark.parametrize("engine", ["legacy", "current"])
def test_a_prefill_that_was_given_up_leaves_its_prefix(engine: Caching) -> None:
    """`legacy` even finishes it; and the slot is free only then (1.11)."""

    async def main(clock: VirtualClock) -> tuple[Released, float, Evaluated]:
        machine = Machine(clock, settings=Settings(engine=engine, profile=RTX))
        gone = Interrupt()
        options = {"num_ctx": 16384, "num_predict": 1}
        await machine.done(Infer(NAME, options=options))
        begun = clock.now()
        clock.alarm(begun + 0.5, gone.fire)
        job = Infer(NAME, chat(prompt(8000)).messages, options=options)
        with pytest.raises(Abandoned):
            await machine.done_until(job, gone)
        await machine.done(job)
        released = machine.saw(Released)[0]
        return released, released.t - begun, machine.saw(Evaluated)[0]

    released, when, evaluated = virtual(main)
    read = evaluated.cached
    if engine == "legacy":
        assert (read, released.wasted_prompt > 6000) == (7999, True)
        assert when == pytest.approx(0.045 + 16 * 0.0149 + 8000 / 3100)
    else:
        # It looks once a second: so long after the job came, and to the end of the iteration.
        assert 1.045 <= when < 1.045 + 0.0149 + 512 / 3100
        assert read == 512 * 6 + 1 or read % 512 == 0
        assert 0 < released.wasted_prompt < read
    assert released.wasted_tokens == (engine == "legacy")


@pytest.mark.parametrize("engine", ["seed", "legacy", "current"])
def test_a_scripted_prompt_that_was_given_up(engine: Caching) -> None:
    """Has been read as far as the machine came, whatever the script says of its time."""

    async def main(clock: VirtualClock) -> int:
        machine = Machine(clock, settings=Settings(engine=engine, profile=RTX))
        machine.engine.scripts.replace([Script(answer=(Step(content="a"),), prompt_ms=3000)])
        gone = Interrupt()
        await machine.done(Infer(NAME))
        clock.alarm(clock.now() + 1.0, gone.fire)
        with pytest.raises(Abandoned):
            await machine.done_until(chat(prompt(100)), gone)
        await clock.sleep_until(clock.now() + 5.0)
        return len(machine.cache)

    assert virtual(main) == 100


@pytest.mark.parametrize(
    ("engine", "sees", "ends"),
    [("legacy", True, 60), ("current", False, 60), ("current", True, 24), ("seed", True, 60)],
)
def test_an_answer_that_fills_its_context(engine: Caching, sees: bool, ends: int) -> None:
    """Goes on, but under `current` not with a model that has a projector for pictures."""

    async def main(clock: VirtualClock) -> tuple[int, str]:
        model = OTHER_MODEL if not sees else msgspec.structs.replace(TEST_MODEL, name="sees")
        machine = Machine(clock, settings=Settings(engine=engine), models=(model,))
        options = {"num_ctx": 2048 if sees else 32, "num_predict": 60}
        said = prompt(2024 if sees else 8)
        job = Infer(model.name, (Message("user", said),), options=options, truncate=False)
        done = (await machine.done(job))[-1]
        assert isinstance(done, Done)
        assert done.usage is not None
        return done.usage.tokens, done.reason

    assert virtual(main) == (ends, "length")


@given(
    st.sampled_from(["legacy", "current"]),
    st.integers(1, 400),
    st.integers(8, 100),
    st.integers(0, 200),
)
def test_a_slot_never_holds_more_than_its_window(
    engine: Caching, count: int, context: int, keep: int
) -> None:
    """It begins with what is kept, and ends with the newest."""
    assert engine != "seed"
    tokens = Words([str(i) for i in range(count)])
    keep = min(keep, context - 4)
    inside = held(engine, tokens, context, keep).words
    assert len(inside) <= context
    assert inside[-1] == str(count - 1)
    assert inside[: min(keep, count)] == tokens.words[: min(keep, count)]
    if count < context:
        assert inside == tokens.words
