"""Those who ask too often are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from ollama_simulator.acts import Head
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rate_limited import RateLimited
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.net.client import Client
from tests.engine.driving import Machine, virtual
from tests.faults.acting import CHAT, STREAM, body_of, collected, exchange, request, scripted


def answers(fault: RateLimited, times: list[float]) -> list[tuple[int, str | None, str | None]]:
    """Status, `Retry-After` and time of reset of requests at some times."""

    async def main(clock: VirtualClock) -> list[tuple[int, str | None, str | None]]:
        machine = Machine(clock)
        remembered: dict[object, Any] = {}
        found = []
        for when in times:
            await clock.sleep_until(when)
            made = exchange(machine)
            made.remembered = remembered
            acts = await collected(fault.around(made, scripted(STREAM)))
            (head,) = (act for act in acts if isinstance(act, Head))
            named = dict(head.headers)
            told = named.get("Retry-After"), named.get("X-Ratelimit-Reset-Requests")
            found.append((head.status, *told))
        return found

    return virtual(main)


LET = (200, None, None)
PROMPT = 2
"""Tokens of the prompt of `saying`: its role and its word."""


def test_a_window_that_moves() -> None:
    """Two in 10 s: the third waits for the first to be so long ago, the fourth for the second."""
    found = answers(RateLimited(2, 10), [0, 3.5, 4, 9.9, 10, 10.1, 13.5, 13.6])
    assert found == [
        *(LET, LET),
        *((429, "6", "6s"), (429, "1", "1s")),
        LET,
        (429, "4", "4s"),
        LET,
        (429, "7", "7s"),
    ]


def test_nobody_is_let_through() -> None:
    """By default; who waits as long as it is told is refused again."""
    assert answers(RateLimited(), [0, 1, 2]) == [(429, "1", "1s")] * 3


def test_words_of_ones_own() -> None:
    assert answers(RateLimited(1, 10, 99), [0, 1]) == [LET, (429, "99", "9s")]


@pytest.mark.parametrize(
    ("target", "place"), [("/api/chat", None), ("/v1/messages", "rate_limit_error")]
)
def test_the_document_of_the_dialect(target: str, place: str | None) -> None:
    """With the message, and the limit in the head."""

    async def main(clock: VirtualClock) -> Any:
        made = exchange(Machine(clock), request("POST", target, CHAT))
        return await collected(RateLimited(message="slowly").around(made, scripted(STREAM)))

    acts = virtual(main)
    document = msgspec.json.decode(body_of(acts))
    error = document["error"]
    assert (error if place is None else (error["type"], error["message"])) == (
        "slowly" if place is None else (place, "slowly")
    )
    (head,) = (act for act in acts if isinstance(act, Head))
    assert ("X-Ratelimit-Limit-Requests", "0") in head.headers
    assert ("X-Ratelimit-Remaining-Requests", "0") in head.headers


def test_each_server_counts_for_itself_and_from_when_it_was_set() -> None:
    """Over sockets: one each of two servers, and one more when it is set anew."""

    async def status(port: int) -> int:
        async with await Client.connect(HOST, port, 5) as client:
            await client.ask("GET", "/api/version")
            return (await client.head(5)).status

    async def main(clock: VirtualClock) -> list[int]:
        async with Fleet((0, 0), clock=clock) as fleet:
            first, second = fleet.ports
            await fleet.behave(None, RateLimited(1))
            found = [await status(port) for port in (first, first, second, second)]
            await fleet.behave(None, Normal())
            await fleet.behave(None, RateLimited(1))
            found += [await status(port) for port in (first, first)]
            await clock.sleep_until(clock.now() + 60)
            return [*found, await status(first)]

    assert virtual(main) == [200, 429, 200, 429, 200, 429, 200]


Asks = Sequence[tuple[float, str, dict[str, Any]]]


def used(fault: RateLimited, asks: Asks) -> list[list[str]]:
    """Status, what is left of the tokens, and when there are more, of requests at some times."""

    async def main(clock: VirtualClock) -> list[list[str]]:
        found = []
        async with Fleet(clock=clock) as fleet:
            await fleet.behave(None, fault)
            for when, path, wish in asks:
                await clock.sleep_until(when)
                async with await Client.connect(HOST, fleet.ports[0], 5) as client:
                    body = msgspec.json.encode({"model": "test-model", **wish})
                    await client.ask("POST", path, (), body, silence=5)
                    head = await client.head(60)
                    [data async for data in client.body(60)]
                named = {name.lower(): value for name, value in head.headers}
                kinds = "remaining-tokens", "reset-tokens", "remaining-requests"
                told = [named.get(f"x-ratelimit-{kind}", "-") for kind in kinds]
                found.append([str(head.status), *told])
        return found

    return virtual(main)


def saying(tokens: int, **more: Any) -> dict[str, Any]:
    """A wish for an answer of so many tokens."""
    message = {"role": "user", "content": "Hello"}
    return {"messages": [message], "options": {"num_predict": tokens}, **more}


CHEAP = saying(1)
OPENAI = {"messages": CHEAP["messages"], "max_tokens": 5}


@pytest.mark.parametrize(
    ("path", "wish", "cost"),
    [
        ("/api/chat", saying(10), PROMPT + 10),
        ("/api/chat", saying(10, stream=False), PROMPT + 10),
        ("/v1/chat/completions", OPENAI | {"stream": True}, PROMPT + 5),
        ("/v1/messages", OPENAI, PROMPT + 5),
        ("/api/embed", {"input": ["Hello", "Hello you"]}, 4),
        ("/api/show", {}, 0),
    ],
)
def test_a_quota_of_tokens(path: str, wish: dict[str, Any], cost: int) -> None:
    """Those of prompts and answers count, to the last one; there are more when the window has
    moved on."""
    asks = [(0, path, wish), (1, "/api/chat", CHEAP), (11.5, "/api/chat", CHEAP)]
    enough = used(RateLimited(tokens=cost + 1, window_s=10), asks)
    assert [status for status, *_ in enough] == ["200"] * 3
    if cost:
        used_up = used(RateLimited(tokens=cost, window_s=10), asks)
        assert [status for status, *_ in used_up] == ["200", "429", "200"]
        assert used_up[1][1:] == ["0", "10s", "-"]


def test_both_limits() -> None:
    """Whichever is reached first; the head tells of both, and the wait is the longer one."""
    asks = [(when, "/api/chat", CHEAP) for when in (0, 5, 6)]
    found = used(RateLimited(requests=2, tokens=1000, window_s=10), asks)
    assert [each[0] for each in found] == ["200", "200", "429"]
    assert found[2][1:] == [str(1000 - 2 * (PROMPT + 1)), "0s", "0"]
