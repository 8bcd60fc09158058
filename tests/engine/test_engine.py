"""One machine: rates, the cache, loading, the slot, and the numbers it gives.

All of it under the virtual clock, so times are exact: no assertion here has a tolerance but
for the rounding of floating point numbers.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.clock import Interrupt, VirtualClock
from ollama_simulator.engine.generate import STALL_S
from ollama_simulator.engine.machine import DEFAULT_PACE, Pace, Rates
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.engine.text import pieces, prompt_tokens, tokenize
from ollama_simulator.model import (
    Abandoned,
    Answer,
    Done,
    Embed,
    Event,
    Infer,
    Installed,
    Job,
    ListLoaded,
    ListModels,
    Loaded,
    Message,
    ModelMissing,
    Nothing,
    Origin,
    Show,
    Token,
)
from ollama_simulator.records import (
    Admitted,
    Evaluated,
    ModelLoaded,
    ModelUnloaded,
    Queued,
)
from ollama_simulator.settings import Settings
from tests.engine.driving import (
    NAME,
    OTHER_MODEL,
    Machine,
    chat,
    prompt,
    text_of,
    usage_of,
    virtual,
)

ONE_MODEL = Settings(max_loaded_models=1)
ROUNDING = 1e-9
"""What floating point rounds away, in seconds; no event is that close to another."""


def exactly(expected: Any) -> Any:
    """Equal but for rounding."""
    return pytest.approx(expected, rel=0, abs=ROUNDING)


# --- rates --------------------------------------------------------------------------------


def test_195_tokens_take_three_seconds_after_the_prefill() -> None:
    """2,900 tokens a second in, 65 out: token k of 195 at 1 s + k/65, without drift."""

    async def main(clock: VirtualClock) -> tuple[Machine, list[tuple[float, Event]]]:
        machine = Machine(clock)
        return machine, await machine.timed(chat(prompt(2900), limit=195))

    machine, events = virtual(main)
    *tokens, (end, done) = events
    assert [at for at, _ in tokens] == exactly([1 + k / 65 for k in range(1, 196)])
    assert all(isinstance(event, Token) for _, event in tokens)
    assert end == exactly(4.0)
    assert isinstance(done, Done)
    assert machine.saw(Evaluated)[0].t == exactly(1.0)


def test_an_hour_of_tokens_does_not_drift() -> None:
    """Token 3,600 of a server that makes one a second comes after an hour."""

    async def main(clock: VirtualClock) -> float:
        machine = Machine(clock)
        job = chat(prompt(1), limit=3600)
        return (await machine.timed(job, Pace(decode_tps=1.0, prefill_tps=1.0)))[-2][0]

    assert virtual(main) == exactly(3601.0)


@pytest.mark.parametrize(("tokens", "prefill", "decode"), [(1, 10, 1), (29, 290, 7), (1000, 1, 3)])
def test_the_pace_is_obeyed(tokens: int, prefill: float, decode: float) -> None:
    """Prompt and answer take what the pace says."""

    async def main(clock: VirtualClock) -> list[float]:
        pace = Pace(decode_tps=decode, prefill_tps=prefill, tokens=5)
        return [at for at, _ in await Machine(clock).timed(chat(prompt(tokens)), pace)]

    first = tokens / prefill
    last = first + 5 / decode
    assert virtual(main) == exactly([*(first + k / decode for k in range(1, 6)), last])


def test_the_numbers_of_an_answer() -> None:
    """Durations add up, and the counts are those of prompt and answer."""

    async def main(clock: VirtualClock) -> list[Event]:
        return await Machine(clock).done(chat(prompt(1450), limit=130), Pace(load_s=2.5))

    usage = usage_of(virtual(main))
    assert usage.load_s == exactly(2.5)
    assert usage.prompt_s == exactly(0.5)
    assert usage.generation_s == exactly(2.0)
    assert usage.total_s == exactly(5.0)
    assert (usage.prompt_tokens, usage.tokens) == (1450, 130)


def test_waiting_counts_as_total_but_not_as_load() -> None:
    """The second of two has the time in the queue in its total alone."""

    async def main(clock: VirtualClock) -> list[list[Event]]:
        machine = Machine(clock)
        job = chat(prompt(29), limit=65)
        return list(await asyncio.gather(machine.done(job), machine.done(job)))

    first, second = map(usage_of, virtual(main))
    assert first.total_s == exactly(1.01)
    assert second.total_s == exactly(2.01)  # its prompt is cached
    assert second.load_s == exactly(0.0)


# --- length and text ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "count", "reason"),
    [(None, 20, "stop"), (1, 1, "length"), (20, 20, "length"), (21, 21, "length")],
)
def test_the_request_limits_the_answer(limit: int | None, count: int, reason: str) -> None:
    """`num_tokens` bounds an answer that the request does not; the reason tells which it was."""

    async def main(clock: VirtualClock) -> list[Event]:
        return await Machine(clock).done(chat(limit=limit))

    events = virtual(main)
    assert sum(isinstance(event, Token) for event in events) == count
    assert usage_of(events).tokens == count
    assert isinstance(events[-1], Done)
    assert events[-1].reason == reason


def test_an_answer_of_no_tokens() -> None:
    """`num_tokens` 0: the prompt is evaluated, and that is all."""

    async def main(clock: VirtualClock) -> list[tuple[float, Event]]:
        return await Machine(clock).timed(chat(prompt(29)), Pace(tokens=0))

    ((at, done),) = virtual(main)
    assert at == exactly(0.01)
    assert isinstance(done, Done)
    assert done.usage is not None
    assert (done.reason, done.usage.tokens, done.usage.generation_s) == ("stop", 0, 0.0)


def test_the_text_is_that_of_seed_model_and_prompt() -> None:
    """Whoever knows these can say what the answer must be, whatever the name's spelling."""

    async def main(clock: VirtualClock) -> list[Event]:
        return await Machine(clock, seed=7).done(chat("hello", model="TEST-Model", limit=30))

    expected = pieces(7, NAME, prompt_tokens([Message("user", "hello")]), 30)
    assert text_of(virtual(main)) == "".join(expected)


# --- the reader ---------------------------------------------------------------------------


def stalled(pause: float, speed: float = 1.0) -> list[float]:
    """When tokens come to a reader who pauses after the fifth."""

    async def main(clock: VirtualClock) -> list[float]:
        clock.speed = speed
        times: list[float] = []
        async for event in Machine(clock).run(chat(prompt(29), limit=40)):
            if isinstance(event, Token):
                times.append(clock.now())
                if len(times) == 5:
                    await clock.sleep_until(clock.now() + pause)
        return times

    return virtual(main)


def test_a_stalled_reader_gets_no_burst() -> None:
    """After 10 s without reading the tokens go on from there, at the rate."""
    times = stalled(10)
    assert times[5] - times[4] == exactly(10 + 1 / 65)
    gaps = [b - a for a, b in itertools.pairwise(times[5:])]
    assert gaps == exactly([1 / 65] * 34)


def test_a_short_delay_is_caught_up() -> None:
    """What is below the threshold is our own lateness: the original times are met again."""
    times = stalled(STALL_S * 0.8)
    assert times[5] == times[4] + STALL_S * 0.8
    assert times[30:] == exactly([0.01 + k / 65 for k in range(31, 41)])


def test_a_short_delay_in_fast_time_is_caught_up() -> None:
    """What counts is how long it really was."""
    pause = STALL_S * 0.8 * 20
    times = stalled(pause, speed=20.0)
    assert times[5:] == [times[4] + pause] * 35


def test_a_stall_is_no_generation() -> None:
    """The numbers leave the time out in which nobody read, but for the total."""

    async def main(clock: VirtualClock) -> list[Event]:
        events: list[Event] = []
        async for event in Machine(clock).run(chat(prompt(29), limit=65)):
            events.append(event)
            if len(events) == 10:
                await clock.sleep_until(clock.now() + 100)
        return events

    usage = usage_of(virtual(main))
    assert usage.generation_s == exactly(1.0)
    assert usage.total_s == exactly(101.01)


# --- the cache ----------------------------------------------------------------------------


def cached(machine: Machine) -> list[int]:
    """How many tokens of each prompt were found in the cache."""
    return [record.cached for record in machine.saw(Evaluated)]


def test_a_full_match_evaluates_nothing() -> None:
    """The same prompt again: no prefill at all, the first token after 1/65 s."""

    async def main(clock: VirtualClock) -> tuple[Machine, float, list[tuple[float, Event]]]:
        machine = Machine(clock)
        await machine.done(chat(prompt(2900)))
        begun = clock.now()
        return machine, begun, await machine.timed(chat(prompt(2900)))

    machine, begun, events = virtual(main)
    assert cached(machine) == [0, 2900]
    assert machine.saw(Evaluated)[1].seconds == 0
    assert events[0][0] - begun == exactly(1 / 65)
    usage = usage_of([event for _, event in events])
    # It took no time; what is told is the least that a runner's timer tells.
    assert (usage.prompt_tokens, usage.prompt_s) == (2900, 1e-6)


def test_only_uncached_tokens_are_evaluated() -> None:
    """A prompt that goes on where the last ended costs what is new."""

    async def main(clock: VirtualClock) -> Machine:
        machine = Machine(clock)
        await machine.done(chat(prompt(1000)))
        await machine.done(chat(prompt(1000) + "x " * 145))
        return machine

    machine = virtual(main)
    (_, second) = machine.saw(Evaluated)
    assert (second.prompt, second.cached) == (1290, 1000)
    assert second.seconds == exactly(0.1)


def test_a_conversation_goes_on_in_the_cache() -> None:
    """Question, answer and marker of the first turn are all found by the second."""

    async def main(clock: VirtualClock) -> tuple[Machine, list[Message]]:
        machine = Machine(clock)
        first = await machine.done(chat("What is it?"))
        said = [Message("user", "What is it?"), Message("assistant", text_of(first))]
        await machine.done(Infer(NAME, (*said, Message("user", "Why?")), uses_cache=True))
        return machine, said

    machine, said = virtual(main)
    second = machine.saw(Evaluated)[1]
    assert second.cached == len(prompt_tokens(said))
    assert second.prompt - second.cached == len(["<|user|>", "Why", "?"])


def test_another_prompt_finds_its_common_prefix() -> None:
    """The cache of the last request serves as far as both agree, and then is the new one's."""

    async def main(clock: VirtualClock) -> Machine:
        machine = Machine(clock)
        for text in ("one two three", "one two four", "one two three"):
            await machine.done(chat(text))
        return machine

    assert cached(virtual(main)) == [0, 5, 5]


def test_the_cache_holds_prompt_and_answer() -> None:
    """After an answer: the prompt, the marker of the assistant, what was said."""

    async def main(clock: VirtualClock) -> tuple[list[str], list[Event]]:
        machine = Machine(clock)
        events = await machine.done(chat("Hello you"))
        return machine.cache, events

    cache, events = virtual(main)
    said = tokenize(text_of(events))
    assert len(said) == 20
    assert cache == ["<|user|>", "Hello", " ", "you", "<|assistant|>", *said]


def test_without_uses_cache_it_is_neither_read_nor_written() -> None:
    """`/api/generate` passes the cache by."""

    async def main(clock: VirtualClock) -> tuple[Machine, list[str], list[str]]:
        machine = Machine(clock)
        await machine.done(chat(prompt(100)))
        before = list(machine.cache)
        await machine.done(chat(prompt(100), uses_cache=False))
        return machine, before, list(machine.cache)

    machine, before, after = virtual(main)
    assert cached(machine) == [0, 0]
    assert machine.saw(Evaluated)[1].seconds == exactly(100 / 2900)
    assert before == after != []


def leave(
    when: float, *, first: str | None = None, by: str = "gone", uses_cache: bool = True
) -> tuple[list[str], Machine]:
    """The cache after a job of 2,900 prompt tokens whose client leaves `when` s after its start."""

    async def main(clock: VirtualClock) -> tuple[list[str], Machine]:
        machine, gone = Machine(clock), Interrupt()
        if first is not None:
            await machine.done(chat(first))
        job = chat(prompt(2900), uses_cache=uses_cache)

        async def consume() -> None:
            async for _ in machine.run(job, gone=gone):
                pass

        task = asyncio.create_task(consume())
        fire = gone.fire if by == "gone" else task.cancel
        asyncio.get_running_loop().call_later(when, fire)
        await asyncio.wait([task])
        assert task.cancelled() or isinstance(task.exception(), Abandoned)
        return machine.cache, machine

    return virtual(main)


@pytest.mark.parametrize("by", ["gone", "cancelled"])
def test_the_cache_after_leaving_in_the_prefill(by: str) -> None:
    """What was evaluated until then is kept: 0.2501 s are 725 tokens."""
    cache, machine = leave(0.2501, by=by)
    assert cache == ["<|user|>", *"!" * 724]
    assert machine.saw(Evaluated) == []


@pytest.mark.parametrize("by", ["gone", "cancelled"])
def test_the_cache_after_leaving_in_the_answer(by: str) -> None:
    """The prompt, the marker, and the tokens that were really made: 6 in 0.1 s."""
    cache, machine = leave(1.1, by=by)
    assert cache[:2901] == ["<|user|>", *"!" * 2899, "<|assistant|>"]
    full = list(pieces(0, NAME, cache[:2900], 20))
    assert cache[2901:] == full[:6]
    assert len(machine.saw(Evaluated)) == 1


def test_leaving_in_the_prefill_loses_nothing_that_was_cached() -> None:
    """A cached prefix stays, however early the client leaves."""
    cache, _ = leave(0.0001, first=prompt(1450))
    assert cache == ["<|user|>", *"!" * 1449]


def test_leaving_at_once_loses_nothing_that_was_cached() -> None:
    """Not even a token that rounding takes: prompts of all lengths, given up as they begin."""

    async def main(clock: VirtualClock) -> list[int]:
        machine, sizes = Machine(clock), list[int]()
        await machine.done(chat(prompt(50)))
        for more in range(1, 200):
            gone = Interrupt()

            def see(kind: Any, /, leaves: Interrupt = gone, **fields: Any) -> None:
                if kind is Admitted:
                    leaves.fire()

            job = chat(prompt(50) + " x" * more)
            with pytest.raises(Abandoned):
                await anext(machine.engine.run(job, DEFAULT_PACE, gone, see))
            sizes.append(len(machine.cache))
        return sizes

    assert set(virtual(main)) == {50}


def test_leaving_without_uses_cache_changes_nothing() -> None:
    """Neither in the prefill nor in the answer."""
    for when in (0.3, 1.1):
        cache, _ = leave(when, first="hi", uses_cache=False)
        assert cache[:3] == ["<|user|>", "hi", "<|assistant|>"]
        assert len(cache) == 23


def test_the_cache_is_lost_with_the_model() -> None:
    """Another model needs memory; what came back finds nothing."""

    async def main(clock: VirtualClock) -> Machine:
        machine = Machine(clock, settings=ONE_MODEL)
        for model in (NAME, OTHER_MODEL.name, NAME):
            await machine.done(chat(prompt(100), model=model))
        return machine

    machine = virtual(main)
    assert cached(machine) == [0, 0, 0]
    assert [(r.model, r.why) for r in machine.saw(ModelUnloaded)] == [
        (NAME, "replaced"),
        (OTHER_MODEL.name, "replaced"),
    ]


# --- loading and keep-alive ---------------------------------------------------------------


def test_a_model_is_loaded_once() -> None:
    """The load's delay comes before the first answer only, and again after another model."""

    async def main(clock: VirtualClock) -> tuple[Machine, list[float]]:
        machine, loads = Machine(clock, settings=ONE_MODEL), list[float]()
        for model in (NAME, "TEST-model", OTHER_MODEL.name, NAME):
            loads.append(usage_of(await machine.done(chat(model=model), Pace(load_s=3.0))).load_s)
        return machine, loads

    machine, loads = virtual(main)
    assert loads == exactly([3.0, 0.0, 3.0, 3.0])
    assert [(r.model, r.seconds) for r in machine.saw(ModelLoaded)] == [
        (NAME, 3.0),
        (OTHER_MODEL.name, 3.0),
        (NAME, 3.0),
    ]


def test_nothing_is_said_before_the_model_is_loaded() -> None:
    """The first token comes after load, prefill and 1/65 s."""

    async def main(clock: VirtualClock) -> float:
        return (await Machine(clock).timed(chat(prompt(290)), Pace(load_s=2.0)))[0][0]

    assert virtual(main) == exactly(2.0 + 0.1 + 1 / 65)


def test_a_model_that_is_loading_is_not_listed() -> None:
    """It is listed when its load is over; the one it replaces is gone at once."""

    async def main(clock: VirtualClock) -> list[tuple[str, ...]]:
        machine, seen = Machine(clock, settings=ONE_MODEL), list[tuple[str, ...]]()
        await machine.done(chat(model=OTHER_MODEL.name))
        begun = clock.now()
        async with asyncio.TaskGroup() as group:
            group.create_task(machine.done(chat(), Pace(load_s=2.0)))
            for moment in (1.0, 2.1):
                await clock.sleep_until(begun + moment)
                (event,) = await machine.done(ListLoaded())
                assert isinstance(event, Answer)
                assert isinstance(event.value, tuple)
                seen.append(tuple(entry.model.name for entry in event.value))
        return seen

    assert virtual(main) == [(), (NAME,)]


def test_a_load_that_was_given_up_begins_anew() -> None:
    """Who leaves during the load reads 499; the model is not in memory, the slot is free."""

    async def main(clock: VirtualClock) -> tuple[Abandoned, Machine, float]:
        machine, gone = Machine(clock), Interrupt()
        asyncio.get_running_loop().call_later(1, gone.fire)
        with pytest.raises(Abandoned) as caught:
            await machine.timed(chat(), Pace(load_s=3.0), gone)
        assert clock.now() == 1
        assert machine.scheduler.loaded() is None
        usage = usage_of(await machine.done(chat(), Pace(load_s=3.0)))
        return caught.value, machine, usage.load_s

    error, machine, load_s = virtual(main)
    assert (error.status, error.message, error.origin) == (
        499,
        "request canceled",
        Origin.HANDLER,
    )
    assert load_s == exactly(3.0)
    assert len(machine.saw(ModelLoaded)) == 1


def idle(keep_alive: list[float | None], seconds: float) -> tuple[Machine, bool]:
    """Whether the model is in memory some time after requests with these keep-alives."""

    async def main(clock: VirtualClock) -> tuple[Machine, bool]:
        machine = Machine(clock)
        for value in keep_alive:
            await machine.done(chat(keep_alive=value))
        await clock.sleep_until(clock.now() + seconds)
        return machine, machine.scheduler.loaded() is not None

    return virtual(main)


@pytest.mark.parametrize(
    ("keep_alive", "seconds", "there"),
    [
        ([None], 299.999, True),
        ([None], 300.0, False),
        ([10.0], 9.999, True),
        ([10.0], 10.0, False),
        ([0.0], 0.0, False),
        ([math.inf], 1e6, True),
        ([1000.0, None], 999.0, True),
        ([1000.0, None], 1000.0, False),
        ([1000.0, 10.0], 10.0, False),
        ([math.inf, 10.0], 10.0, False),
    ],
)
def test_keep_alive(keep_alive: list[float | None], seconds: float, there: bool) -> None:
    """Five minutes unless told otherwise; the last word stays in force."""
    _, loaded = idle(keep_alive, seconds)
    assert loaded is there


def test_an_expired_model_is_loaded_again() -> None:
    """The next request pays for the load, finds no cache, and the expiry has its own time."""

    async def main(clock: VirtualClock) -> tuple[Machine, float, float]:
        machine = Machine(clock)
        await machine.done(chat(prompt(100)), Pace(load_s=1.0))
        idle_since = clock.now()
        await clock.sleep_until(idle_since + 1000)
        events = await machine.done(chat(prompt(100)), Pace(load_s=1.0))
        return machine, idle_since, usage_of(events).load_s

    machine, idle_since, load_s = virtual(main)
    assert load_s == exactly(1.0)
    assert cached(machine) == [0, 0]
    (expired,) = machine.saw(ModelUnloaded)
    assert expired.why == "expired"
    assert expired.t == exactly(idle_since + 300)


def test_a_model_does_not_expire_while_its_job_runs() -> None:
    """An answer of ten minutes, looked at all the time."""

    async def main(clock: VirtualClock) -> list[bool]:
        machine, seen = Machine(clock), list[bool]()
        async for event in machine.run(chat(), Pace(decode_tps=1 / 30)):
            seen.append(machine.scheduler.loaded() is not None)
            if isinstance(event, Token):
                (answer,) = await machine.done(ListLoaded())
                assert isinstance(answer, Answer)
                assert answer.value != ()
        assert clock.now() > 600
        return seen

    assert virtual(main) == [True] * 21


def test_a_request_without_messages_loads() -> None:
    """One event, without numbers, after the load; then the model is there."""

    async def main(clock: VirtualClock) -> tuple[list[tuple[float, Event]], bool]:
        machine = Machine(clock)
        events = await machine.timed(Infer(NAME, ()), Pace(load_s=2.0))
        return events, machine.scheduler.loaded() == TEST_MODEL

    assert virtual(main) == ([(2.0, Done("load", None))], True)


def test_a_request_without_messages_and_keep_alive_unloads() -> None:
    """One event at once, whether something was loaded or not."""

    async def main(clock: VirtualClock) -> tuple[list[Event], list[Event], Machine]:
        machine = Machine(clock)
        first = await machine.done(Infer(NAME, (), keep_alive=0.0))
        await machine.done(chat())
        return first, await machine.done(Infer(NAME, (), keep_alive=0.0)), machine

    first, second, machine = virtual(main)
    assert first == second == [Done("unload", None)]
    assert machine.scheduler.loaded() is None
    assert [record.why for record in machine.saw(ModelUnloaded)] == ["asked"]


def unload_during(job: Infer, *later: Infer) -> Machine:
    """A job that runs, others that wait for it, and an unload meanwhile."""

    async def main(clock: VirtualClock) -> Machine:
        machine = Machine(clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(machine.done(job, Pace(load_s=1.0)))
            await clock.sleep_until(1.1)
            for other in later:
                group.create_task(machine.done(other, Pace(load_s=1.0)))
            await clock.sleep_until(1.2)
            begun = clock.now()
            await machine.done(Infer(NAME, (), keep_alive=0.0))
            assert clock.now() == begun
            assert machine.scheduler.loaded() == TEST_MODEL
        return machine

    return virtual(main)


def test_an_unload_waits_for_the_request_in_progress() -> None:
    """The model goes when the answer is complete (6.6)."""
    machine = unload_during(chat())
    assert machine.scheduler.loaded() is None
    (gone,) = machine.saw(ModelUnloaded)
    assert gone.why == "asked"
    assert gone.t == exactly(1.0 + 2 / 2900 + 20 / 65)


def test_an_unload_stands_against_the_keep_alive_of_the_running_request() -> None:
    """What a request said when it came does not outweigh what was said after it."""
    machine = unload_during(chat(keep_alive=3600.0))
    assert machine.scheduler.loaded() is None


def test_an_unload_waits_for_the_requests_in_the_queue() -> None:
    """Who waits already is served before the model goes: one load, one unload."""
    machine = unload_during(chat(), chat())
    assert len(machine.saw(ModelLoaded)) == 1
    assert len(machine.saw(ModelUnloaded)) == 1


# --- the slot -----------------------------------------------------------------------------


def test_one_at_a_time_in_order() -> None:
    """Three jobs, one after the other; each knows how many were before it."""

    async def main(clock: VirtualClock) -> tuple[Machine, list[int]]:
        machine, order = Machine(clock), list[int]()

        async def one(number: int) -> None:
            async for _ in machine.run(chat(prompt(29), limit=65)):
                order.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(one(number))
                await asyncio.sleep(0)
        return machine, order

    machine, order = virtual(main)
    assert order == sorted(order)
    assert [record.ahead for record in machine.saw(Queued)] == [1, 2]
    assert [record.waited for record in machine.saw(Admitted)] == exactly([0.0, 1.01, 2.01])


def test_looking_never_waits() -> None:
    """Lists, descriptions and the like are answered while a job runs."""

    async def main(clock: VirtualClock) -> list[float]:
        machine, times = Machine(clock), list[float]()
        async for event in machine.run(chat(limit=1)):
            if isinstance(event, Token):
                jobs: list[Job] = [Show(NAME), ListModels(), ListLoaded(), Nothing()]
                for job in jobs:
                    begun = clock.now()
                    await machine.done(job)
                    times.append(clock.now() - begun)
        return times

    assert virtual(main) == [0.0] * 4


def freed(ending: Callable[[Machine, VirtualClock], Coroutine[Any, Any, None]]) -> list[bool]:
    """Whether the slot is busy right after a job that ended this way, and after another one."""

    async def main(clock: VirtualClock) -> list[bool]:
        machine = Machine(clock)
        await ending(machine, clock)
        busy = [machine.engine.busy]
        async with asyncio.timeout(60):
            await machine.done(chat())
        return [*busy, machine.engine.busy]

    return virtual(main)


def test_the_slot_is_free_after_an_answer() -> None:
    """Complete."""

    async def ending(machine: Machine, clock: VirtualClock) -> None:
        await machine.done(chat())

    assert freed(ending) == [False, False]


def test_the_slot_is_free_after_a_mere_load() -> None:
    """Without messages."""

    async def ending(machine: Machine, clock: VirtualClock) -> None:
        await machine.done(Infer(NAME, ()))

    assert freed(ending) == [False, False]


@pytest.mark.parametrize("after", [1, 7, 20])
def test_the_slot_is_free_when_the_events_are_closed(after: int) -> None:
    """GeneratorExit: whoever closes the events in the middle has given the slot back."""

    async def ending(machine: Machine, clock: VirtualClock) -> None:
        events = machine.run(chat())
        for _ in range(after):
            await anext(events)
        await events.aclose()
        # … and what was generated is in the cache.
        assert len(machine.cache) == len(["<|user|>", "hi", "<|assistant|>"]) + after

    assert freed(ending) == [False, False]


def test_the_slot_comes_back_soon_when_the_events_are_closed() -> None:
    """GeneratorExit: a later job gets the slot, and finds what was generated in the cache."""

    async def main(clock: VirtualClock) -> Machine:
        machine = Machine(clock)
        events = machine.run(chat())
        for _ in range(5):
            await anext(events)
        await events.aclose()
        await clock.sleep_until(clock.now() + 0.001)
        assert not machine.engine.busy
        await machine.done(chat())
        return machine

    machine = virtual(main)
    assert machine.saw(Queued) == []
    assert cached(machine) == [0, 2]


def test_events_that_never_began_hold_nothing() -> None:
    """Closed before the first was asked for."""

    async def ending(machine: Machine, clock: VirtualClock) -> None:
        await machine.run(chat()).aclose()

    assert freed(ending) == [False, False]


@pytest.mark.parametrize("when", [0.5, 2.5, 3.1])
@pytest.mark.parametrize("job", [chat(prompt(2900)), Embed(NAME, (prompt(2901),))])
@pytest.mark.parametrize("by", ["gone", "cancelled"])
def test_the_slot_is_free_after_leaving(when: float, job: Job, by: str) -> None:
    """CancelledError and Abandoned: during load, prefill and generation."""

    async def ending(machine: Machine, clock: VirtualClock) -> None:
        gone = Interrupt()
        task = asyncio.create_task(machine.timed(job, Pace(load_s=2.0), gone))
        fire = gone.fire if by == "gone" else task.cancel
        asyncio.get_running_loop().call_later(when, fire)
        await asyncio.wait([task])
        if when > 3 and isinstance(job, Embed):
            assert task.result()  # it was over before
        elif by == "gone":
            assert isinstance(task.exception(), Abandoned)
            assert clock.now() == exactly(when)
        else:
            assert task.cancelled()

    assert freed(ending) == [False, False]


@pytest.mark.parametrize("by", ["gone", "cancelled"])
def test_who_leaves_the_queue_leaves_no_trace(by: str) -> None:
    """It is never admitted, holds nobody up, and doesn't touch the cache."""

    async def main(clock: VirtualClock) -> tuple[Machine, asyncio.Task[Any]]:
        machine, gone = Machine(clock), Interrupt()
        async with asyncio.TaskGroup() as group:
            group.create_task(machine.done(chat()))
            await clock.sleep_until(0.01)
            task = asyncio.create_task(machine.timed(chat("other", keep_alive=60.0), gone=gone))
            await clock.sleep_until(0.02)
            group.create_task(machine.done(chat()))
            await clock.sleep_until(0.03)
            if by == "gone":
                gone.fire()
            else:
                task.cancel()
            await asyncio.wait([task])
            assert clock.now() == 0.03
        return machine, task

    machine, task = virtual(main)
    if by == "gone":
        error = task.exception()
        assert isinstance(error, Abandoned)
        assert (error.status, error.message, error.origin) == (
            500,
            "context canceled",
            Origin.RUNNER,
        )
    assert len(machine.saw(Admitted)) == 2
    assert len(machine.saw(Queued)) == 2
    assert cached(machine) == [0, 2]
    assert machine.scheduler.loaded() == TEST_MODEL


PLANS = st.lists(
    st.tuples(
        st.integers(0, 300),  # when it comes, in hundredths of a second
        st.integers(1, 6),  # tokens
        st.none() | st.integers(0, 300),  # when it leaves
        st.sampled_from(["gone", "cancelled", "closed"]),
        st.booleans(),  # which model
    ),
    max_size=7,
)


@settings(deadline=None, max_examples=120)
@given(PLANS)
def test_jobs_are_admitted_in_order_and_end(
    plans: list[tuple[int, int, int | None, str, bool]],
) -> None:
    """Whatever comes and leaves: one at a time of each model, in order, and who stays is served."""

    async def main(clock: VirtualClock) -> None:
        machine = Machine(clock)
        asked: list[int] = []
        admitted: list[int] = []
        inside: dict[bool, int] = {}
        ended: dict[int, str] = {}

        async def one(number: int) -> None:
            at, tokens, leaves, by, other = plans[number]
            gone = Interrupt()

            def see(kind: Any, /, **fields: Any) -> None:
                if kind is Admitted:
                    admitted.append(number)
                    assert machine.engine.busy
                machine.see(kind, **fields)

            async def consume() -> None:
                asked.append(number)
                job = chat(model=OTHER_MODEL.name if other else NAME, limit=tokens)
                events = machine.engine.run(job, DEFAULT_PACE, gone, see)
                count = 0
                try:
                    async for event in events:
                        assert inside.setdefault(other, number) == number
                        count += isinstance(event, Token)
                        if by == "closed" and leaves is not None and count > leaves % 4:
                            del inside[other]
                            await events.aclose()
                            return
                finally:
                    if inside.get(other) == number:
                        del inside[other]
                assert count == tokens

            await clock.sleep_until(at / 100)
            task = asyncio.create_task(consume())
            if leaves is not None and by != "closed":
                leave = gone.fire if by == "gone" else task.cancel
                asyncio.get_running_loop().call_later(leaves / 100, leave)
                # Who left while it was in the load queue is held for as long as it likes.
                asyncio.get_running_loop().call_later(leaves / 100 + 60, task.cancel)
            await asyncio.wait([task])
            if task.cancelled() or task.exception() is not None:
                ended[number] = "left"
                assert task.cancelled() or isinstance(task.exception(), Abandoned)
            else:
                ended[number] = "done"

        async with asyncio.TaskGroup() as group:
            for number in range(len(plans)):
                group.create_task(one(number))
        await clock.sleep_until(clock.now() + 1)
        assert len(ended) == len(plans)
        for model in (False, True):
            here = [number for number in admitted if plans[number][4] is model]
            assert here == [number for number in asked if number in here]
        for number, plan in enumerate(plans):
            assert plan[2] is not None or (ended[number] == "done" and number in admitted)
        assert not machine.engine.busy

    virtual(main)


# --- what else it is asked ----------------------------------------------------------------


def test_embeddings_leave_the_cache_alone() -> None:
    """They load the model and obey its keep-alive, and that is all."""

    async def main(clock: VirtualClock) -> tuple[list[str], list[str], bool]:
        machine = Machine(clock)
        await machine.done(chat())
        before = list(machine.cache)
        await machine.done(Embed(NAME, ("text",), keep_alive=7.0))
        after = list(machine.cache)
        await clock.sleep_until(clock.now() + 7)
        return before, after, machine.scheduler.loaded() is None

    before, after, expired = virtual(main)
    assert before == after != []
    assert expired


def test_looking() -> None:
    """What is installed, what is loaded, and nothing."""

    async def main(clock: VirtualClock) -> list[list[Event]]:
        machine = Machine(clock)
        await machine.done(chat())
        jobs: list[Job] = [Show("other:7B"), ListModels(), ListLoaded(), Nothing()]
        return [await machine.done(job) for job in jobs]

    (shown,), (listed,), (loaded,), (nothing,) = virtual(main)
    other = Installed(OTHER_MODEL, VirtualClock.EPOCH_NS)
    assert shown == Answer(other)
    assert listed == Answer((Installed(TEST_MODEL, VirtualClock.EPOCH_NS), other))
    assert isinstance(loaded, Answer)
    assert isinstance(loaded.value, tuple)
    assert [type(entry) for entry in loaded.value] == [Loaded]
    assert nothing == Answer(None)


@pytest.mark.parametrize(
    "job",
    [
        chat(model="nope"),
        Infer("nope", ()),
        Infer("nope", (), keep_alive=0.0),
        Embed("nope", ("a",)),
        Show("nope"),
    ],
)
def test_a_missing_model_is_missed_at_once(job: Job) -> None:
    """Even while another job holds the slot, and without a trace."""

    async def main(clock: VirtualClock) -> Machine:
        machine = Machine(clock)
        async for _ in machine.run(chat(limit=1)):
            before, now = len(machine.seen), clock.now()
            with pytest.raises(ModelMissing):
                await machine.done(job)
            assert clock.now() == now
            assert len(machine.seen) == before
        return machine

    assert virtual(main).engine.busy is False


# --- determinism --------------------------------------------------------------------------


def traffic(seed: int) -> tuple[bytes, list[str]]:
    """The journal of a busy minute, as JSON, and what was said."""

    async def main(clock: VirtualClock) -> tuple[bytes, list[str]]:
        machine, said = Machine(clock, seed=seed), dict[int, str]()

        async def one(number: int) -> None:
            await clock.sleep_until(number * 0.37)
            gone = Interrupt()
            if number % 5 == 4:
                asyncio.get_running_loop().call_later(0.05 * number, gone.fire)
            job: Job = chat(
                f"question {number // 3} and more",
                model=OTHER_MODEL.name if number % 7 == 6 else NAME,
                limit=10 + number if number % 2 else None,
                keep_alive=1.5 if number == 20 else None,
            )
            if number % 11 == 10:
                job = Embed(NAME, ("some", "texts"))
            pace = Pace(decode_tps=30.0 + number, load_s=0.5)
            events = machine.run(job, pace, gone)
            try:
                heard = [event async for event in events]
            except Abandoned as abandoned:
                said[number] = abandoned.message
            else:
                said[number] = text_of(heard)

        async with asyncio.TaskGroup() as group:
            for number in range(60):
                group.create_task(one(number))
        await clock.sleep_until(clock.now() + 400)
        machine.scheduler.loaded()
        return msgspec.json.encode(machine.seen), [said[number] for number in range(60)]

    return virtual(main)


def test_the_same_traffic_gives_the_same_journal() -> None:
    """Byte for byte, times included; another seed says other words at the same times."""
    (journal, said), again, (other_journal, other_said) = traffic(3), traffic(3), traffic(4)
    assert again == (journal, said)
    assert other_journal == journal
    assert other_said != said
    kinds = {record["kind"] for record in msgspec.json.decode(journal)}
    assert kinds == {
        "Queued",
        "Admitted",
        "ModelLoaded",
        "ModelUnloaded",
        "Evaluated",
        "FirstToken",
        "Generated",
        "Released",
    }


def test_the_default_pace_is_the_seeds() -> None:
    """65 tokens a second out, 2,900 in, 20 tokens, no delay."""
    assert (DEFAULT_PACE.tokens, DEFAULT_PACE.load_s) == (20, 0.0)
    assert DEFAULT_PACE.rates(Settings().hardware) == Rates(65.0, 2900.0)
