"""Faults of silence."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.acts import Act, Framing, Hangup, Head, Hold, How, Wait
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.timeout_after_headers import TimeoutAfterHeaders
from ollama_simulator.net.request import Request
from ollama_simulator.records import Admitted, Received
from tests.engine.driving import Machine, virtual
from tests.faults.acting import CHAT, WHOLE, collected, exchange, request, scripted


def played(fault: Fault, asked: Request) -> tuple[list[Act], list[Act], Machine]:
    """The acts of a fault, those it pulled of the handler, and the machine."""

    async def main(clock: VirtualClock) -> tuple[list[Act], list[Act], Machine]:
        machine = Machine(clock)
        pulled: list[Act] = []
        made = exchange(machine, asked)
        return await collected(fault.around(made, scripted(WHOLE, pulled))), pulled, machine

    return virtual(main)


def test_hang_reads_and_is_silent() -> None:
    """The request is read to its end; the handler is never asked."""
    acts, pulled, machine = played(Hang(), request())
    assert acts == [Hold()]
    assert pulled == []
    assert len(machine.saw(Received)) == 1


def test_hang_waits_for_a_slow_body() -> None:
    """Silence begins when the request is there."""

    async def main(clock: VirtualClock) -> float:
        import asyncio

        asked = request(end=False)
        asyncio.get_running_loop().call_later(5, asked.body.end)
        await collected(Hang().around(exchange(Machine(clock), asked), scripted(WHOLE)))
        return clock.now()

    assert virtual(main) == 5


def test_hang_takes_a_body_that_breaks() -> None:
    """A request that can't be read is met with silence, too."""
    asked = request(end=False)
    asked.body.fail("unexpected EOF")
    acts, _, machine = played(Hang(), asked)
    assert acts == [Hold()]
    assert machine.saw(Received) == []


@pytest.mark.parametrize(
    ("method", "target", "body", "media"),
    [
        ("POST", "/api/chat", CHAT, "application/x-ndjson"),
        ("POST", "/api/chat", {**CHAT, "stream": False}, "application/json; charset=utf-8"),
        ("GET", "/api/tags", b"", "application/json; charset=utf-8"),
        ("GET", "/", b"", "text/plain; charset=utf-8"),
        ("POST", "/v1/chat/completions", {**CHAT, "stream": True}, "text/event-stream"),
        ("POST", "/api/chat", b"nonsense", "application/json; charset=utf-8"),
        ("GET", "/nowhere", b"", "application/json; charset=utf-8"),
    ],
)
def test_timeout_after_headers(method: str, target: str, body: Any, media: str) -> None:
    """The success head of what was asked, at once; silence; FIN. The engine is not asked."""
    acts, pulled, machine = played(TimeoutAfterHeaders(2500), request(method, target, body))
    head, *rest = acts
    assert isinstance(head, Head)
    assert (head.status, head.framing) == (200, Framing.CHUNKED)
    assert dict(head.headers)["Content-Type"] == media
    assert rest == [Wait(2.5), Hangup(How.FIN)]
    assert pulled == []
    assert machine.saw(Admitted) == []


def test_the_default_is_a_minute() -> None:
    """As in the seed."""
    assert TimeoutAfterHeaders().timeout_ms == 60_000
