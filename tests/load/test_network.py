"""Against real servers on this machine: what their journal says, and what each fault is called."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from ollama_simulator.clock import WallClock
from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.empty_reply import EmptyReply
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.fleet import Fleet
from ollama_simulator.load.ask import Asker
from ollama_simulator.load.conversation import Conversation
from ollama_simulator.load.dialects import DIALECTS
from ollama_simulator.load.player import Bounds, Player
from ollama_simulator.load.target import Target
from ollama_simulator.records import Asked, Finished, Left
from ollama_simulator.workload.session import Turn
from tests.load.playing import Kept, Sessions, every, session
from tests.net.loops import on_each_loop

FAST = Normal(tokens_per_sec=400.0, prompt_eval_tokens_per_sec=1e9)
MODEL = "test-model:latest"


async def play(
    port: int, workload: Sessions, bounds: Bounds | None = None, *, api: str = "chat"
) -> Kept:
    """Play it against a port of this machine."""
    tally = Kept()
    asker = Asker(Target.parse(f"http://127.0.0.1:{port}"), DIALECTS[api])
    player = Player(
        workload,
        bounds or Bounds(),
        tally,
        WallClock(),
        asker,
        lambda each: Conversation(each, MODEL, "n"),
    )
    await player.play()
    return tally


def errors(tally: Kept) -> list[tuple[str | None, int]]:
    """What each request was taken for, and how many pieces it had."""
    return [(each.error, each.pieces) for each in tally.samples]


@on_each_loop
async def test_who_asked_what_and_when() -> None:
    """Both sides agree on the number, the order and the length."""
    async with Fleet() as fleet:
        (port,) = fleet.ports
        await fleet.behave(port, FAST)
        tally = await play(port, every(0.1, 4))
        asked = fleet.journal.where(Asked)
        finished = fleet.journal.where(Finished)
    assert [record.target for record in asked] == ["/api/chat"] * 4
    starts = [record.t - asked[0].t for record in asked]
    assert starts == sorted(starts)
    # Ours are late by what it takes to connect, and each as the others.
    for number, start in enumerate(starts):
        assert 0.1 * number - 0.09 < start < 0.1 * number + 0.5
    assert [record.outcome for record in finished] == ["complete"] * 4
    assert [record.tokens for record in finished] == [3] * 4
    assert errors(tally) == [(None, 3)] * 4
    assert tally.answered == 12
    assert (tally.complete, tally.gap.count) == (4, 8)


@pytest.mark.parametrize(
    ("api", "path"),
    [
        ("chat", "/api/chat"),
        ("generate", "/api/generate"),
        ("openai", "/v1/chat/completions"),
    ],
)
def test_each_dialect(api: str, path: str) -> None:
    async def main() -> None:
        async with Fleet() as fleet:
            (port,) = fleet.ports
            await fleet.behave(port, FAST)
            turns = (Turn(5, 4), Turn(7, 6))
            tally = await play(port, Sessions(session(0, 0.0, *turns)), api=api)
            assert errors(tally) == [(None, 4), (None, 6)]
            assert [each.answered for each in tally.samples] == [4, 6]
            # The second prompt is the first one, its answer, the new question and their markers.
            first, second = (each.asked or 0 for each in tally.samples)
            assert first >= 5
            assert second >= first + 4 + 7
            assert [record.target for record in fleet.journal.where(Asked)] == [path] * 2

    asyncio.run(main())


def test_the_prompts_have_the_length_that_the_workload_tells() -> None:
    async def main() -> None:
        async with Fleet() as fleet:
            (port,) = fleet.ports
            await fleet.behave(port, FAST)
            tally = await play(port, Sessions(session(0, 0.0, Turn(500, 2))))
            # One more for the marker of the role.
            assert [each.asked for each in tally.samples] == [501]

    asyncio.run(main())


FAULTS: Sequence[tuple[Fault, str, int]] = (
    (FailMidStream(tokens_before_fail=2, tokens_per_sec=400.0), "truncated: reset", 2),
    (AbruptClose(bytes_before_close=20), "truncated: end of file", 0),
    (EmptyReply(), "closed without an answer", 0),
    (HttpError(status_code=503, message="busy"), "status 503", 0),
    (Hang(), "timeout", 0),
)


@pytest.mark.parametrize(("fault", "kind", "pieces"), FAULTS, ids=lambda each: str(each))
def test_each_fault_has_a_name(fault: Fault, kind: str, pieces: int) -> None:
    async def main() -> None:
        async with Fleet() as fleet:
            (port,) = fleet.ports
            await fleet.behave(port, fault)
            turns = (Turn(5, 6), Turn(5, 6))
            workload = Sessions(session(0, 0.0, *turns), session(1, 0.1, *turns))
            tally = await play(port, workload, Bounds(timeout=0.6))
            assert errors(tally) == [(kind, pieces)] * 2
            assert (tally.errors[kind], tally.complete, tally.not_asked) == (2, 0, 2)
            assert len(fleet.journal.where(Asked)) == 2

    asyncio.run(main())


def test_nobody_listens() -> None:
    async def main() -> None:
        async with Fleet() as fleet:
            (port,) = fleet.ports
            await fleet.behave(port, ConnectionRefused())
            tally = await play(port, every(0.05, 2))
            assert errors(tally) == [("connection refused", 0)] * 2
            assert fleet.journal.where(Asked) == []

    asyncio.run(main())


def test_a_model_that_is_not_there() -> None:
    async def main() -> None:
        async with Fleet() as fleet:
            (port,) = fleet.ports
            tally = await play(port, Sessions(session(0, 0.0, model="other")))
            assert errors(tally) == [("status 404", 0)]
            assert "other" in tally.examples["status 404"]

    asyncio.run(main())


def test_who_is_given_up_is_left() -> None:
    """Its server learns of it, so that nothing goes on being generated for nobody."""

    async def main() -> None:
        async with Fleet() as fleet:
            (port,) = fleet.ports
            await fleet.behave(port, Normal(tokens_per_sec=10.0))
            workload = Sessions(session(0, 0.0, Turn(5, 1000)))
            tally = await play(port, workload, Bounds(timeout=0.75))
            assert await fleet.journal.wait_for(Left, 5)
            assert [each.error for each in tally.samples] == ["timeout"]
            assert 1 <= tally.samples[0].pieces <= 8

    asyncio.run(main())


def test_who_waits_for_a_busy_server_waits_from_when_it_was_due() -> None:
    """The server answers one at a time, and a long answer holds the others up."""

    async def main() -> None:
        async with Fleet() as fleet:
            (port,) = fleet.ports
            await fleet.behave(port, Normal(tokens_per_sec=100.0, prompt_eval_tokens_per_sec=1e9))
            first = session(0, 0.0, Turn(5, 100))
            others = [session(n, 0.2 * n, Turn(5, 1)) for n in range(1, 5)]
            for in_flight in (100, 1):
                # It makes no difference whether they wait with the server or with us.
                tally = await play(port, Sessions(first, *others), Bounds(in_flight=in_flight))
                waits = [each.ttft or 0.0 for each in tally.samples[1:]]
                for number, wait in enumerate(waits, 1):
                    assert 1.0 - 0.2 * number <= wait < 1.0 - 0.2 * number + 0.5
                assert tally.held_back == (0 if in_flight == 100 else 4)

    asyncio.run(main())
