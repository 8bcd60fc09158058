"""One exchange without a socket, under the virtual clock: what a fault makes of given acts."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import msgspec

from ollama_simulator.acts import Act, Body, End, Head, Reply, Tick
from ollama_simulator.clock import VirtualClock
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault
from ollama_simulator.net.request import Body as RequestBody
from ollama_simulator.net.request import Request
from ollama_simulator.settings import Settings
from ollama_simulator.wire.codec import Wire
from tests.engine.driving import Machine, virtual

CHAT = {"model": "test-model", "messages": [{"role": "user", "content": "hi"}]}
HEAD = Head(200, (("Content-Type", "text/plain"),))

STREAM: tuple[Act, ...] = (
    *(Tick(), HEAD, Body(b"aa")),
    *(Tick(), Body(b"bbb")),
    *(Tick(), Body(b"c"), Body(b"done"), End()),
)
"""An answer that streams three tokens, in ten bytes."""
WHOLE: tuple[Act, ...] = (Tick(), Tick(), Tick(), HEAD, Body(b"0123456789", flush=False), End())
"""The same, in one piece."""


def request(
    method: str = "POST",
    target: str = "/api/chat",
    body: Any = CHAT,
    *,
    end: bool = True,
    version: str = "1.1",
    keep_alive: bool = True,
) -> Request:
    """A request whose body is there: bytes, or something to be written as JSON."""
    arriving = RequestBody(None, lambda: None)
    arriving.feed(body if isinstance(body, bytes) else msgspec.json.encode(body))
    if end:
        arriving.end()
    return Request(
        method,
        target,
        version,
        [],
        arriving,
        keep_alive=keep_alive,
        connection=1,
        abort=lambda: None,
    )


def exchange(
    machine: Machine,
    asked: Request | None = None,
    *,
    seed: str = "",
    settings: Settings | None = None,
) -> Exchange:
    """An exchange on a machine."""
    wire = Wire(machine.clock.wall_ns, random.Random(0), settings or Settings())
    asked = asked or request()
    return Exchange(asked, machine.engine, wire, machine.clock, machine.see, seed=seed)


def scripted(acts: tuple[Act, ...], pulled: list[Act] | None = None) -> Handler:
    """A handler that says these acts, and notes which were asked for."""

    async def handler(_: Exchange) -> AsyncGenerator[Act, None]:
        for act in acts:
            if pulled is not None:
                pulled.append(act)
            yield act

    return handler


async def collected(reply: Reply) -> list[Act]:
    """All acts of a reply."""
    return [act async for act in reply]


def bent(fault: Fault, acts: tuple[Act, ...], asked: Request | None = None) -> list[Act]:
    """What a fault makes of these acts."""
    return bent_by(fault.around, acts, asked)


def bent_by(
    around: Callable[[Exchange, Handler], AsyncIterator[Act]],
    acts: tuple[Act, ...],
    asked: Request | None = None,
) -> list[Act]:
    """What a fault's method makes of these acts."""

    async def main(clock: VirtualClock) -> list[Act]:
        made = exchange(Machine(clock), asked)
        return await collected(around(made, scripted(acts)))

    return virtual(main)


def body_of(acts: list[Act]) -> bytes:
    """The bytes of the body."""
    return b"".join(act.data for act in acts if isinstance(act, Body))
