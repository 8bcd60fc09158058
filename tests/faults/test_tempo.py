"""Faults of timing, act by act and under the virtual clock."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from ollama_simulator.acts import Act, Body, End, Framing, Head, Hold, Tick, Wait
from ollama_simulator.answering import answer
from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.machine import Pace
from ollama_simulator.faults.buffered import Buffered
from ollama_simulator.faults.fault import Fault, bend
from ollama_simulator.faults.jitter import Jitter
from ollama_simulator.faults.stall import Stall
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.net.client import Client
from ollama_simulator.records import Struck
from tests.engine.driving import Machine, virtual
from tests.faults.acting import (
    CHAT,
    HEAD,
    STREAM,
    WHOLE,
    bent,
    body_of,
    collected,
    exchange,
    request,
    scripted,
)

CHUNKED = Head(200, HEAD.headers, framing=Framing.CHUNKED)
FULL = Head(200, HEAD.headers, length=10)
"""The head of `WHOLE`, with the length that it has."""


def waits(acts: list[Act]) -> list[float]:
    """The seconds of each wait."""
    return [act.seconds for act in acts if isinstance(act, Wait)]


# --- Jitter -------------------------------------------------------------------------------


@pytest.mark.parametrize("acts", [STREAM, WHOLE])
def test_jitter_waits_before_each_token(acts: tuple[Act, ...]) -> None:
    """Once for each tick, right before it, within the bounds; nothing else changes."""
    made = bent(Jitter(20, 30), acts)
    assert [act for act in made if not isinstance(act, Wait)] == list(acts)
    assert len(waits(made)) == 3
    assert all(0.02 <= seconds <= 0.03 for seconds in waits(made))
    assert len(set(waits(made))) == 3
    behind = [after for act, after in itertools.pairwise(made) if isinstance(act, Wait)]
    assert behind == [Tick()] * 3


def test_jitter_is_spread_over_its_range() -> None:
    """All times are equally likely: a third of them lies in each third."""
    acts = (Tick(),) * 3000
    found = waits(bent(Jitter(0, 30), acts))
    thirds = [sum(low <= s < low + 0.01 for s in found) for low in (0.0, 0.01, 0.02)]
    assert sum(thirds) == 3000
    assert all(900 <= count <= 1100 for count in thirds)


def test_jitter_is_drawn_from_the_seed() -> None:
    """The same for one request in each run, another for another one."""

    async def main(clock: VirtualClock) -> list[list[float]]:
        machine = Machine(clock)
        found = []
        for seed in ("7/s1/1", "7/s1/1", "7/s1/2", "8/s1/1"):
            made = exchange(machine, seed=seed)
            found.append(waits(await collected(Jitter().around(made, scripted(STREAM)))))
        return found

    first, again, other, another = virtual(main)
    assert first == again
    assert first != other
    assert first != another
    assert other != another


def test_no_jitter_is_none() -> None:
    assert bent(Jitter(0, 0), STREAM) == list(STREAM)


def test_jitter_has_an_order() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"max_ms \(5\) is less than min_ms \(9\)"):
        msgspec.convert({"type": "Jitter", "min_ms": 9, "max_ms": 5}, Jitter)


# --- Stall --------------------------------------------------------------------------------


@pytest.mark.parametrize(("tokens", "before"), [(0, 0), (1, 3), (2, 5), (3, 8), (9, 8)])
def test_a_stall_comes_behind_exactly_so_many_tokens(tokens: int, before: int) -> None:
    """The pause stands before the token one too many, or before the end."""
    made = bent(Stall(tokens, 1500), STREAM)
    assert made == [*STREAM[:before], Wait(1.5), *STREAM[before:]]


@pytest.mark.parametrize(("tokens", "before"), [(0, 0), (2, 2), (3, 5), (9, 5)])
def test_a_stall_of_a_whole_answer(tokens: int, before: int) -> None:
    """As many ticks pass; no byte of it is out."""
    made = bent(Stall(tokens, 1500), WHOLE)
    assert made == [*WHOLE[:before], Wait(1.5), *WHOLE[before:]]


@pytest.mark.parametrize(("tokens", "before"), [(0, 0), (2, 5), (9, 8)])
def test_a_stall_for_ever(tokens: int, before: int) -> None:
    """Nothing comes behind it."""
    assert bent(Stall(tokens), STREAM) == [*STREAM[:before], Hold()]


def test_stalls_that_come_again() -> None:
    """After the first one, one each so many tokens; none before the end, as there were some."""
    acts = (HEAD, *((Tick(), Body(b"x")) * 6), End())
    made = bent(Stall(1, 100, again_after=2), acts)
    ticks = [0]
    for act in made:
        if isinstance(act, Wait):
            ticks.append(0)
        ticks[-1] += isinstance(act, Tick)
    assert ticks == [1, 2, 2, 1]
    assert waits(made) == [0.1] * 3


def test_no_stall_is_none() -> None:
    assert bent(Stall(1, 0), STREAM) == list(STREAM)


@pytest.mark.parametrize("stream", [True, False])
def test_the_pause_is_as_long_as_it_says(stream: bool) -> None:
    """Token by token at the pace of the server, but for one gap; a whole answer is so much later.

    The pace is 65 tokens in a second: the fifth token is due at 5 / 65 s, behind the prompt.
    """

    async def main(clock: VirtualClock) -> list[tuple[float, Act]]:
        made = exchange(Machine(clock), request(body={**CHAT, "stream": stream}))
        timed: list[tuple[float, Act]] = []
        async for act in Stall(5, 3000).around(made, answer):
            if isinstance(act, Wait):
                await clock.sleep_until(clock.now() + act.seconds)
            else:
                timed.append((clock.now(), act))
        return timed

    timed = virtual(main)
    ticks = [at for at, act in timed if isinstance(act, Tick)]
    gaps = [after - before for before, after in itertools.pairwise(ticks)]
    assert gaps[4] == pytest.approx(3.0 + 1 / 65)
    assert [gap for number, gap in enumerate(gaps) if number != 4] == pytest.approx([1 / 65] * 18)
    assert timed[-1][0] == pytest.approx(2 / 2900 + 20 / 65 + 3.0)


def test_a_stall_that_comes_late_has_an_answer_to_come_to() -> None:
    """An answer that its request does not limit is long enough."""

    async def main(clock: VirtualClock) -> Pace:
        made = exchange(Machine(clock))
        await collected(Stall(50, 1).around(made, scripted(STREAM)))
        return made.pace

    assert virtual(main).tokens == 51


# --- Buffered -----------------------------------------------------------------------------


def test_all_in_one_burst() -> None:
    """At the end, in one chunk; the ticks are where they were."""
    made = bent(Buffered(), STREAM)
    assert made == [Tick(), CHUNKED, Tick(), Tick(), Body(b"aabbbcdone"), End()]


def test_bursts_of_some_tokens() -> None:
    """So many go out together, when the next one is made."""
    made = bent(Buffered(2), STREAM)
    assert made == [
        *(Tick(), CHUNKED, Tick(), Body(b"aabbb")),
        *(Tick(), Body(b"cdone"), End()),
    ]


@pytest.mark.parametrize("burst", [0, 1, 2, 3])
def test_a_whole_answer_is_not_held_back(burst: int) -> None:
    """It is in one piece anyway."""
    assert bent(Buffered(burst), WHOLE) == [*WHOLE[:3], FULL, *WHOLE[4:]]


@pytest.mark.parametrize("burst", range(5))
def test_no_byte_is_lost(burst: int) -> None:
    assert body_of(bent(Buffered(burst), STREAM)) == b"aabbbcdone"


# --- when they strike ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "stream", "count"),
    [
        (Jitter(), True, 1),
        (Jitter(0, 0), True, 0),
        (Stall(3), True, 1),
        (Stall(3, 0), True, 0),
        (Buffered(), True, 1),
        (Buffered(1), False, 0),
        (Buffered(), False, 0),
    ],
)
def test_struck(fault: Fault, stream: bool, count: int) -> None:
    """Once, or not at all if nothing changed."""

    async def main(clock: VirtualClock) -> Any:
        machine = Machine(clock)
        made = exchange(machine, request(body={**CHAT, "stream": stream}))
        await collected(bend(made, fault))
        await made.close()
        return len(machine.saw(Struck))

    assert virtual(main) == count


def test_each_request_to_a_server_has_its_own_chances() -> None:
    """The same again in a fleet with the same seed, others in another one."""

    def times(seed: int) -> list[float]:
        async def main(clock: VirtualClock) -> list[float]:
            async with Fleet((0, 0), seed=seed, clock=clock) as fleet:
                await fleet.behave(None, Jitter(0, 1000))
                found = []
                for port in (*fleet.ports, *fleet.ports):
                    begun = clock.now()
                    async with await Client.connect(HOST, port, 5) as client:
                        await client.ask("GET", "/api/version")
                        await client.head(5)
                    found.append(round(clock.now() - begun, 6))
                return found

        return virtual(main)

    assert times(1) == times(1)
    assert len({*times(1), *times(2)}) == 8
