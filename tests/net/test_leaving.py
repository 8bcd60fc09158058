"""What is noticed of a client that shuts its side down, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from ollama_simulator.acts import Body, End, Head, How, Stream
from ollama_simulator.flow import Batch, Encode, EncodeAhead, Flow, Frame
from ollama_simulator.net.request import Request
from ollama_simulator.wheel import Alarm
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


class Ten(Flow):
    """Ten pieces that are due at once. The client resets the connection just before."""

    def __init__(self, reset: Callable[[], None]) -> None:
        super().__init__()
        self.reset = reset
        self.told: tuple[int, bool] | None = None
        """How many were tried, and whether the last one has to wait."""

    def begin(self, encode: Encode, ahead: EncodeAhead) -> None:
        raise AssertionError("it was begun by who offered it")

    def frame(self, frame: Frame) -> None:
        """Its pieces have none."""

    def arm(self, alarm: Alarm) -> None:
        raise AssertionError("what is due is known")

    def disarm(self, alarm: Alarm) -> None:
        """It was never armed."""

    def batch(self) -> Batch:
        self.reset()
        return Batch([b"x"] * 10, [0.0] * 10)

    def wrote(self, times: list[float], *, blocked: bool) -> None:
        self.told = len(times), blocked
        self.over = True

    def take(self) -> list[bytes]:
        raise AssertionError("what is due is known")

    def taken(self) -> None:
        raise AssertionError("nothing was taken")


@on_each_loop
async def test_nothing_is_written_behind_a_write_that_failed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It may be the first one that notices. Event loops complain of those behind it."""
    flows: list[Ten] = []

    async def hurries(request: Request) -> AsyncGenerator[Any, None]:
        yield Head(200, TEXT)
        yield Body(b"begins")
        await left.wait()
        flows.append(Ten(peer.reset))
        yield Stream(flows[0])
        yield End()

    left = asyncio.Event()
    async with serving(hurries) as service, await Peer.connect(service.port) as peer:
        await peer.ask()
        await peer.until(b"begins\r\n")
        left.set()
        assert await service.until("closed") == [("client", How.RST)]
        assert flows[0].told in [(2, True), (1, True)]
    assert caplog.records == []
