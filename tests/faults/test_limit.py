"""Those who ask too often are refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ollama_simulator.acts import Head
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.limit import RateLimited
from ollama_simulator.faults.pace import Normal
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
