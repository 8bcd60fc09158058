"""What a token costs, in what the event loop has to do for it: counted, so it is the same on any
machine."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from ollama_simulator.clock import VirtualClock, WallClock
from ollama_simulator.faults.normal import Normal
from ollama_simulator.fleet import Fleet
from ollama_simulator.records import Finished, Generated
from ollama_simulator.settings import Settings

TOKENS = 200
STREAMS = 8


def request() -> bytes:
    """A chat that is answered with a stream of `TOKENS` tokens."""
    body = json.dumps(
        {
            "model": "test-model:latest",
            "messages": [{"role": "user", "content": "hi"}],
            "options": {"num_predict": TOKENS},
        }
    ).encode()
    head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


async def streams(fleet: Fleet, calls: Counter[str]) -> None:
    """Let clients, which don't read meanwhile, ask; count what the loop is asked to do while tokens
    are generated."""
    loop = asyncio.get_running_loop()
    socks = [socket.create_connection(("127.0.0.1", fleet.ports[0])) for _ in range(STREAMS)]
    try:
        for sock in socks:
            sock.sendall(request())
        while fleet.clock.lateness.count < 3 * STREAMS:
            await fleet.clock.sleep_until(fleet.clock.now() + 0.02)
        _count(loop, calls)
        for _ in socks:
            assert await fleet.journal.wait_for(Finished, 60)
        while len(fleet.journal.where(Finished)) < STREAMS:
            await fleet.clock.sleep_until(fleet.clock.now() + 0.05)
        for sock in socks:
            answer = b""
            while b'"done":true' not in answer:
                answer += sock.recv(1 << 20)
            assert answer.count(b'"done":false}') == TOKENS
    finally:
        for sock in socks:
            sock.close()


def _count(loop: Any, calls: Counter[str]) -> None:
    def counting(name: str) -> Callable[..., Any]:
        do = getattr(loop, name)

        def counted(*args: Any, **named: Any) -> Any:
            calls[name] += 1
            return do(*args, **named)

        return counted

    for name in ("call_soon", "call_at"):
        setattr(loop, name, counting(name))


@pytest.mark.parametrize("profile", ["seed", "tiny"])
def test_a_token_wakes_no_task(profile: str) -> None:
    """It takes one timer at most, and nothing else but the few callbacks of a request's end. With
    a task that waits for each token these would be two callbacks a token."""
    calls: Counter[str] = Counter()

    async def main(clock: VirtualClock) -> Fleet:
        settings = Settings(num_parallel=STREAMS, profile=profile)
        async with Fleet(clock=clock, settings=settings) as fleet:
            await streams(fleet, calls)
        return fleet

    clock = VirtualClock()
    fleet = clock.run(main(clock))
    made = sum(record.tokens for record in fleet.journal.where(Generated))
    assert made == STREAMS * TOKENS
    assert calls["call_soon"] < made / 5
    assert calls["call_at"] < made * 1.1


def test_tokens_of_a_millisecond_share_a_timer() -> None:
    """On the wall clock there are no more timers than milliseconds, however many streams."""
    calls: Counter[str] = Counter()

    async def main() -> tuple[Fleet, float]:
        settings = Settings(num_parallel=STREAMS)
        async with Fleet(clock=WallClock(), settings=settings) as fleet:
            await fleet.behave(None, Normal(tokens_per_sec=400.0))
            begun = fleet.clock.now()
            await streams(fleet, calls)
            return fleet, fleet.clock.now() - begun

    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        fleet, seconds = runner.run(main())
    assert calls["call_at"] < seconds * 1000 + 100
    assert calls["call_soon"] < STREAMS * TOKENS / 2
    assert [record.tokens for record in fleet.journal.where(Generated)] == [TOKENS] * STREAMS
