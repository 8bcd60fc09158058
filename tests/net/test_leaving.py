"""What is noticed of a client that shuts its side down, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from ollama_simulator.acts import Body, End, Head, How
from ollama_simulator.net.request import Request
from tests.net.loops import on_each_loop
from tests.net.peers import TEXT, Peer, serving


@on_each_loop
async def test_a_byte_behind_a_request_hides_that_the_client_left() -> None:
    """Go has its one byte then, and does not watch any more."""
    go = asyncio.Event()

    async def late(request: Request) -> AsyncGenerator[Any, None]:
        yield Head(200, TEXT)
        yield Body(b"began ")
        await go.wait()
        yield Body(f"left by {request.left}".encode())
        yield End()

    async with serving(late) as service, await Peer.connect(service.port) as peer:
        await peer.ask()
        await peer.until(b"began \r\n")
        await peer.send(b"X")
        assert await peer.silent()
        peer.half_close()
        assert await peer.silent()
        go.set()
        assert await peer.until(b"0\r\n\r\n") == b"c\r\nleft by None\r\n0\r\n\r\n"


@on_each_loop
async def test_a_body_that_is_not_whole_hides_that_the_client_left() -> None:
    """Until the first write of the answer reads on."""
    go = asyncio.Event()
    seen: list[tuple[How | None, bool]] = []

    async def late(request: Request) -> AsyncGenerator[Any, None]:
        await go.wait()
        seen.append((request.left, request.gone.fired))
        yield Head(200, TEXT)
        yield Body(b"first")
        seen.append((request.left, request.gone.in_write))
        yield End()

    async with serving(late) as service, await Peer.connect(service.port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        peer.half_close()
        assert await peer.silent()
        go.set()
        assert b"first" in (await peer.rest())[0]
        assert seen == [(None, False), (How.FIN, True)]
