"""A client that connects in the very instant in which a door moves.

Each test tries every turn of the event loop between the kernel's connection and the listener's.
"""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ollama_simulator.acts import Door, How
from ollama_simulator.net import kernel
from tests.net.loops import LOOPS, LoopFactory
from tests.net.peers import HOST, Peer, Service, refused, serving, settle

TURNS = range(10)


def on_every_turn(loop: LoopFactory, test: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Run a test for each turn; say of each what went wrong."""
    wrong: list[str] = []
    for turns in TURNS:

        def note(_: object, context: dict[str, Any], turns: int = turns) -> None:
            wrong.append(f"{turns}: {context.get('exception') or context['message']!r}")

        try:
            with asyncio.Runner(loop_factory=loop) as runner:
                runner.get_loop().set_exception_handler(note)
                runner.run(asyncio.wait_for(test(turns), 10))
        except Exception as error:
            wrong.append(f"{turns}: {error!r}")
    gc.collect()  # a socket that was dropped is told here, and not in some later test
    assert not wrong


@asynccontextmanager
async def knocking(turns: int) -> AsyncIterator[tuple[Service, Peer]]:
    """A service, and a client whose request was sent so many turns ago."""
    async with serving() as service:
        await settle()
        with socket.create_connection((HOST, service.port), 5) as sock:
            sock.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
            sock.setblocking(False)
            for _ in range(turns):
                await asyncio.sleep(0)
            yield service, Peer(sock, patience=0.5)


@pytest.mark.parametrize("loop", LOOPS.values(), ids=list(LOOPS))
def test_a_client_in_the_instant_of_freezing(loop: LoopFactory) -> None:
    """It is swallowed, not dropped, and answered when the server thaws."""

    async def one(turns: int) -> None:
        async with knocking(turns) as (service, peer):
            await service.listener.move(Door.FROZEN)
            answered = bool(service.said("finished"))
            assert answered or await peer.silent(0.02)
            await service.listener.move(Door.OPEN)
            assert await peer.answer() == (200, b"GET /hello ")

    on_every_turn(loop, one)


@pytest.mark.parametrize("loop", LOOPS.values(), ids=list(LOOPS))
def test_a_client_in_the_instant_of_shutting(loop: LoopFactory) -> None:
    """It is answered whole or ended; then the door stands, heals, and nothing broke."""

    async def one(turns: int) -> None:
        async with knocking(turns) as (service, peer):
            await service.listener.move(Door.SHUT)
            data, how = await peer.rest()
            assert data == b"" or data.endswith(b"\r\n\r\nGET /hello ")
            assert how in How
            assert await refused(service.port)
            await service.listener.move(Door.OPEN)
            async with await Peer.connect(service.port) as fresh:
                await fresh.ask("/fresh")
                assert await fresh.answer() == (200, b"GET /fresh ")

    on_every_turn(loop, one)


@pytest.mark.parametrize("loop", LOOPS.values(), ids=list(LOOPS))
def test_a_client_in_the_instant_of_closing(loop: LoopFactory) -> None:
    """It is ended, and the port is free."""

    async def one(turns: int) -> None:
        async with knocking(turns) as (service, peer):
            await service.listener.close()
            data, _ = await peer.rest()
            assert data == b"" or data.endswith(b"\r\n\r\nGET /hello ")
            kernel.listen(HOST, service.port).close()

    on_every_turn(loop, one)
