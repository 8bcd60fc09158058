"""Tokens as a flow: the same ones at the same moments, whoever waits for them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ollama_simulator import hardware
from ollama_simulator.clock import Handle, Interrupt, VirtualClock
from ollama_simulator.engine.flowing import Flowing, Rest
from ollama_simulator.engine.machine import Pace
from ollama_simulator.flow import UNFRAMED, EncodeAhead, Flow, Frame
from ollama_simulator.model import Abandoned, Event, Infer, Token
from ollama_simulator.records import Generated, Released
from ollama_simulator.settings import Settings
from ollama_simulator.wheel import Alarm
from tests.engine.driving import Machine, chat, virtual

Timed = list[tuple[float, Event]]
TINY = Settings(profile="tiny", num_parallel=2)
PLAIN = Settings()


def encode(event: Any) -> list[Any]:
    """The event itself stands for its chunk."""
    return [event]


def unable(texts: Sequence[str], times: Sequence[int], frame: Frame) -> None:
    """What is said depends on what is said meanwhile."""


def encode_ahead(texts: Sequence[str], times: Sequence[int], frame: Frame) -> list[bytes]:
    """The text stands for its line."""
    assert list(times) == sorted(times)
    assert frame is UNFRAMED
    return [text.encode() for text in texts]


class Follower(Alarm):
    """Takes what a flow holds."""

    def __init__(self, machine: Machine, flow: Flow, got: Timed, most: int | None) -> None:
        super().__init__()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._machine = machine
        self._flow = flow
        self._got = got
        self._most = most

    def __call__(self) -> None:
        if self.over.done():
            return
        chunks: Sequence[Any] = self._flow.take()
        for chunk in chunks:
            event = Token(chunk.decode()) if isinstance(chunk, bytes) else chunk
            self._got.append((self._machine.clock.now(), event))
        if self._most is not None and len(self._got) >= self._most:
            # As if what was said could not be written at once.
            self.over.set_result(None)
            return
        self._flow.taken()
        if self._flow.over:
            self.over.set_result(None)
        else:
            self._flow.arm(self)


async def followed(
    machine: Machine, job: Infer, *, most: int | None = None, ahead: EncodeAhead = encode_ahead
) -> Timed:
    """Do a job whose flows are taken, each up to `most` events of the whole."""
    got: Timed = []
    events = machine.engine.run(job, Pace(), Interrupt(), machine.see, flows=True)
    async for event in events:
        if not isinstance(event, Flow):
            got.append((machine.clock.now(), event))
            continue
        follower = Follower(machine, event, got, most)
        event.begin(encode, ahead)
        event.arm(follower)
        await follower.over
        event.disarm(follower)
        if most is not None:
            most += 5
    return got


def two(settings: Settings, play: Callable[[Machine, Infer], object]) -> list[Timed]:
    """Two jobs at once, the second one a little later."""

    async def main(clock: VirtualClock) -> list[Timed]:
        machine = Machine(clock, settings=settings)

        async def one(delay: float, limit: int) -> Timed:
            await clock.sleep_until(delay)
            got = play(machine, chat(f"hello {limit}", limit=limit))
            return await got  # type: ignore[misc, no-any-return]

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(*job)) for job in ((0.0, 90), (0.05, 40))]
        return [task.result() for task in tasks]

    return virtual(main)


@pytest.mark.parametrize("settings", [PLAIN, TINY], ids=["seed", "tiny"])
@pytest.mark.parametrize("most", [None, 7, 16])
@pytest.mark.parametrize("ahead", [encode_ahead, unable])
def test_a_flow_says_the_same_at_the_same_moments(
    settings: Settings, most: int | None, ahead: EncodeAhead
) -> None:
    """Texts, times and numbers of the end are those of the ordinary way; also if the flow is left
    again and again."""
    ordinary = two(settings, lambda machine, job: machine.timed(job))
    flowing = two(settings, lambda machine, job: followed(machine, job, most=most, ahead=ahead))
    assert flowing == ordinary
    assert [len(timed) for timed in flowing] == [91, 41]


def test_a_flow_that_was_left_is_not_in_the_way_of_the_next() -> None:
    """However often that happens, what comes is got from where it comes from, in one step."""
    sources: list[object] = []

    async def main(clock: VirtualClock) -> None:
        machine = Machine(clock)
        events = machine.engine.run(
            chat("hello", limit=90), Pace(), Interrupt(), machine.see, flows=True
        )
        async for event in events:
            if isinstance(event, Flowing):
                rest = event.rest()
                assert isinstance(rest, Rest)
                sources.append(rest.outputs)

    virtual(main)
    assert len(sources) == 89
    assert len(set(map(id, sources))) == 1


@pytest.mark.parametrize("settings", [PLAIN, TINY], ids=["seed", "tiny"])
def test_an_offer_that_nobody_takes(settings: Settings) -> None:
    """Everything comes in the ordinary way."""

    async def declined(machine: Machine, job: Infer) -> Timed:
        events = machine.engine.run(job, Pace(), Interrupt(), machine.see, flows=True)
        return [(machine.clock.now(), e) async for e in events if not isinstance(e, Flow)]

    ordinary = two(settings, lambda machine, job: machine.timed(job))
    assert two(settings, declined) == ordinary


@pytest.mark.parametrize("settings", [PLAIN, TINY], ids=["seed", "tiny"])
def test_who_leaves_a_flow_leaves_what_was_said(settings: Settings) -> None:
    """The slot is free, and remembers and counts the tokens up to then."""

    async def main(clock: VirtualClock) -> tuple[Machine, int]:
        machine, gone = Machine(clock, settings=settings), Interrupt()
        job = chat("hello", limit=1000)
        events = machine.engine.run(job, Pace(), gone, machine.see, flows=True)
        got: Timed = [(clock.now(), await anext(events))]
        flow = await anext(events)
        assert isinstance(flow, Flow)
        follower = Follower(machine, flow, got, None)
        flow.begin(encode, encode_ahead)
        flow.arm(follower)
        await clock.sleep_until(clock.now() + 0.4)
        gone.fire()
        follower.over.cancel()
        flow.disarm(follower)
        with pytest.raises(Abandoned):
            await anext(events)
        return machine, len(got)

    machine, said = virtual(main)
    assert said > 20
    assert [record.tokens for record in machine.saw(Generated)] == [said]
    assert len(machine.saw(Released)) == 1
    assert sum(token != " " for token in machine.cache) > said // 2 or settings is TINY


@pytest.mark.parametrize(("blocked", "counted"), [(False, 3), (True, 2)])
def test_how_late_a_token_was_is_known_when_the_kernel_has_it(blocked: bool, counted: int) -> None:
    """Not of the last one, for which it had no room: that waits on."""

    async def main(clock: VirtualClock) -> int:
        machine = Machine(clock)
        events = machine.engine.run(
            chat("hello", limit=90), Pace(), Interrupt(), machine.see, flows=True
        )
        await anext(events)
        flow = await anext(events)
        assert isinstance(flow, Flow)
        flow.begin(encode, encode_ahead)
        batch = flow.batch()
        assert batch is not None
        before = clock.lateness.count
        flow.wrote([due + 0.01 for due in batch.dues[:3]], blocked=blocked)
        await anext(events)
        await events.aclose()
        return clock.lateness.count - before

    assert virtual(main) == counted


class Late(VirtualClock):
    """A clock whose alarms ring late, by up to 40 ms."""

    def __init__(self) -> None:
        super().__init__()
        self._chance = random.Random(3)

    def alarm(self, when: float, callback: Callable[[], object]) -> Handle:
        late = self._chance.random() * 0.04 if when > self.now() else 0.0
        return super().alarm(when + late, callback)


def test_lateness_does_not_add_up() -> None:
    """2,000 tokens, each late by 20 ms on the average, take as long as they should."""

    async def main(clock: VirtualClock) -> tuple[float, float]:
        machine = Machine(clock)
        got = await followed(machine, chat(limit=2000))
        tokens = [when for when, event in got if isinstance(event, Token)]
        assert tokens == sorted(tokens)
        return tokens[-1] - tokens[0], clock.lateness.quantile(0.5)

    clock = Late()
    took, late = clock.run(main(clock))
    assert abs(took - 1999 / 65) <= 0.04
    assert 0.005 < late < 0.03


def test_the_machines_tokens_are_counted_late_not_moved() -> None:
    """What the machine makes is made on time, however late it is told."""
    tiny = hardware.named("tiny")

    async def main(clock: VirtualClock) -> float:
        got = await followed(Machine(clock, settings=TINY), chat(limit=2000))
        return got[-1][0] - got[0][0]

    clock = Late()
    took = clock.run(main(clock))
    assert abs(took - tiny.decode_s(1999, depth=3)) <= 0.05
