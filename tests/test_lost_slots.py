"""Slots that Ollama loses with a client that leaves while a write to it is blocked (6.7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ollama_simulator.script import Script, Step
from tests.net.loops import on_each_loop
from tests.net.peers import Peer, until
from tests.test_server import Server, running

FLOOD = Script(answer=(Step(raw="x" * 100_000, repeat=200),), gap_ms=0.0)
"""20 MB: more than the kernel's buffers hold."""
DRIP = Script(answer=(Step(raw="a"), Step(wait_ms=60_000), Step(raw="b")))


def held(server: Server) -> list[int]:
    """How many slots of each runner are held."""
    return [runner.slots.held_now for runner in server.sim.memory.runners]


@asynccontextmanager
async def asked(server: Server, script: Script) -> AsyncIterator[Peer]:
    """A client of a stream, until its request is over."""
    server.sim.scripts.replace([script])
    async with await Peer.connect(server.port, rcvbuf=4096) as peer:
        await server.chat(peer)
        await peer.receive()
        yield peer
    await until(lambda: server.sim.active == 0)


@on_each_loop
async def test_a_client_that_stopped_reading_takes_its_slot_along() -> None:
    """The next request waits for ever; to unload the model helps."""
    async with running() as server:
        async with asked(server, FLOOD):
            await asyncio.sleep(0.3)
        assert held(server) == [1]
        server.sim.scripts.replace([])
        async with await server.connect() as peer:
            await server.chat(peer)
            assert await peer.silent()
            peer.reset()
        await until(lambda: server.sim.active == 0)
        async with await server.connect() as peer:
            await server.chat(peer, messages=[], keep_alive=0)
            await peer.answer()
        assert (await server.whole())[0] == 200
        assert held(server) == [0]


@on_each_loop
async def test_a_client_that_leaves_while_a_token_is_made_gives_its_slot_back() -> None:
    """By FIN or by RST."""
    async with running() as server:
        async with asked(server, DRIP) as peer:
            peer.half_close()
            await peer.rest()
        assert held(server) == [0]
        async with asked(server, DRIP) as peer:
            peer.reset()
        assert held(server) == [0]


@on_each_loop
async def test_a_client_that_reads_all_gives_its_slot_back() -> None:
    """However slowly it began."""
    async with running() as server:
        async with asked(server, FLOOD) as peer:
            await asyncio.sleep(0.3)
            await peer.until(b"0\r\n\r\n")
        assert held(server) == [0]
