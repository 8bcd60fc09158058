"""Fleets whose servers have different models, and servers that are kept busy.

Rules of this file:

1. Each server can be reached by a model that only it has, whatever else would speak against it.

It must not import the scenarios or the player.
"""

import asyncio
import contextlib
import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from ollama_simulator.acts import Act
from ollama_simulator.conformance.drive import NotArranged, Stage
from ollama_simulator.conformance.faults import generates
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault
from ollama_simulator.fleet import Fleet
from ollama_simulator.model import Model, Refusal
from ollama_simulator.records import Asked
from ollama_simulator.server import SimServer
from ollama_simulator.settings import Settings

HELPED = Settings(helper=True, downtime=0.3)
"""A server with a helper, so that one that is asked on its port + 100 is its own."""
LONG_S = 20.0
"""The balancer's longest silence where a request is held back, or waits for a restart."""
SIZE = 1_000_000_000
POLLED = ("/api/tags", "/api/ps")
"""What a balancer asks for, to know what a server has."""
KNOWN_S = 40.0
"""Within so many seconds a balancer should have asked its servers again what they have: version
1.0.4 does it every 30."""


def model(name: str, release: str = "") -> Model:
    """A model that chats and embeds; of the same name and another `release` it is another one."""
    digest = hashlib.sha256(f"{name}{release}".encode()).hexdigest()
    return msgspec.structs.replace(TEST_MODEL, name=name, digest=digest, size=SIZE)


def sole(number: int) -> str:
    """The model that only the server of this number has, from 1."""
    return f"sole-{number}:latest"


def install(fleet: Fleet, *models: Sequence[str]) -> None:
    """Install models on servers, in their order; on each its sole one, too."""
    for number, (server, names) in enumerate(zip(fleet.servers.values(), models, strict=True), 1):
        server.store.replace([model(name) for name in (*names, sole(number))])


async def warm(fleet: Fleet, **_: Any) -> None:
    """All servers have the model that is asked for in memory: who prefers such has a choice."""
    for server in fleet.servers.values():
        server.load(TEST_MODEL.name)


class Held(Fault, frozen=True):
    """Requests that generate are answered when a gate opens, and well."""

    gate: asyncio.Event

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Read the request, and wait for the gate."""
        if generates(exchange):
            with contextlib.suppress(Refusal):
                await exchange.codec()
            await self.gate.wait()
        async for act in handler(exchange):
            yield act


@contextlib.asynccontextmanager
async def held(run: Stage) -> AsyncIterator[None]:
    """Hold all answers back until the block ends, so that what is begun in it overlaps."""
    gate = asyncio.Event()
    before = {server: server.behavior for server in run.servers}
    await run.behave(Held(gate), may_miss=True)
    try:
        yield
    finally:
        for server, behavior in before.items():
            await run.behave(behavior, server, may_miss=True)
        gate.set()


@contextlib.asynccontextmanager
async def busy(run: Stage, *servers: SimServer) -> AsyncIterator[None]:
    """Keep servers busy with requests for what only they have, until the block ends."""
    gate = asyncio.Event()
    sessions = []
    for server in servers:
        before = server.behavior
        await run.behave(Held(gate), server, may_miss=True)
        number = run.servers.index(server) + 1
        sessions.append(run.start(model=sole(number), stream=False, tokens=1))
        await run.reached(sessions[-1])
        await run.behave(before, server, may_miss=True)
    try:
        yield
    finally:
        gate.set()
    if sessions:
        for answer in await run.together(*sessions):
            if answer.status != 200:
                raise NotArranged(f"a request that kept a server busy: {answer.story}")


def fresh(run: Stage, *servers: SimServer) -> Callable[[], bool]:
    """What tells whether the balancer, since now, asked these servers (all, if none is named) what
    they have, and has taken it in."""
    since = run.fleet.journal.dropped + len(run.fleet.journal.records)
    clock = run.fleet.clock
    asked_at: list[float] = []

    def rounds() -> int:
        asked = Counter(
            (each.server, each.target) for each in run.fleet.journal.where(Asked, since=since)
        )
        names = [server.name for server in servers or run.servers]
        return min(asked[name, path] for name in names for path in POLLED)

    def knows() -> bool:
        count = rounds()
        if count and not asked_at:
            asked_at.append(clock.now())
        # Who asks a second time has taken the first answer in.
        return count > 1 or (bool(asked_at) and clock.now() > asked_at[0] + run.soon)

    return knows


async def known(run: Stage) -> bool:
    """Wait until the balancer knows what its servers have in memory. Returns whether it does."""
    return await run.until(fresh(run), seconds=KNOWN_S)
