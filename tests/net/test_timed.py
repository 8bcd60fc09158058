"""A client that knows when each piece came, and where chunks ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from ollama_simulator.acts import Hangup, How, Raw, Wait
from ollama_simulator.clock import VirtualClock
from ollama_simulator.net.client import MOST_UNREAD, Broken, End
from ollama_simulator.net.timed import LARGEST_CHUNK, PATIENCE_S, TimedClient
from tests.engine.driving import virtual
from tests.net.loops import on_each_loop
from tests.net.peers import HOST, say, serving

HEAD = b"HTTP/1.1 200 Very Well\r\nTransfer-Encoding: chunked\r\n\r\n"


class Transport:
    """What a client is told of its connection: whether it may be read."""

    def __init__(self) -> None:
        self.reading = True
        self.closing = False

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.closing

    def pause_reading(self) -> None:
        """Stop."""
        self.reading = False

    def resume_reading(self) -> None:
        """Go on."""
        self.reading = True


def driven(main: Callable[[TimedClient, VirtualClock], Awaitable[None]]) -> None:
    """Drive a client by hand, under a virtual clock."""

    async def run(clock: VirtualClock) -> None:
        client = TimedClient()
        client.connection_made(cast(asyncio.BaseTransport, Transport()))
        await main(client, clock)

    virtual(run)


async def pieces(client: TimedClient) -> list[bytes]:
    """All of them."""
    out = []
    while (piece := await client.piece()) is not None:
        out.append(piece.data)
    return out


WHOLE = HEAD + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [WHOLE],
        [WHOLE[:20], WHOLE[20 : len(HEAD) + 1], WHOLE[len(HEAD) + 1 : -6], WHOLE[-6:]],
        [bytes([each]) for each in WHOLE],
    ],
    ids=["whole", "in parts", "byte by byte"],
)
def test_a_chunk_is_a_piece(parts: list[bytes]) -> None:
    """However the kernel cuts it."""

    async def main(client: TimedClient, _: VirtualClock) -> None:
        for part in parts:
            client.data_received(part)
        assert (client.reason, client.chunked) == ("Very Well", True)
        assert await pieces(client) == [b"abc", b"de"]

    driven(main)


def test_when_it_came() -> None:
    """The head, each chunk when its end is there, the end: by the clock that one says, and however
    late somebody reads it."""

    async def main(client: TimedClient, clock: VirtualClock) -> None:
        client.now = lambda: clock.now() * 1000
        for part in (HEAD, b"1\r\na", b"\r\n1\r\nb\r\n", b"0\r\n\r\n"):
            await clock.sleep_until(clock.now() + 0.25)
            client.data_received(part)
        await clock.sleep_until(9.0)
        assert client.waiting
        first, second, end = await client.piece(), await client.piece(), await client.piece()
        assert first is not None
        assert second is not None
        assert end is None
        assert not client.waiting
        times = [client.headed_at, first.at, second.at, client.ended_at]
        assert times == [250, 750, 750, 1000]

    driven(main)


def test_a_chunk_that_stays_away() -> None:
    """What has come of it is a piece after a while, and so is the rest."""

    async def main(client: TimedClient, clock: VirtualClock) -> None:
        loop = asyncio.get_running_loop()
        client.data_received(HEAD + b"9\r\nabc")
        loop.call_later(PATIENCE_S * 0.9, client.data_received, b"de")
        loop.call_later(PATIENCE_S * 2.5, client.data_received, b"fghi\r\n0\r\n\r\n")
        first = await client.piece()
        assert first is not None
        assert first.data == b"abcde"
        assert PATIENCE_S <= clock.now() < PATIENCE_S * 2.5
        assert await pieces(client) == [b"fghi"]

    driven(main)


def test_a_large_chunk_is_several() -> None:
    """So that it can be larger than what is kept unread; then reading stops, and goes on."""

    async def main(client: TimedClient, _: VirtualClock) -> None:
        transport = cast(Any, client._transport)
        size = 3 * MOST_UNREAD
        part = b"x" * (LARGEST_CHUNK // 2)
        client.data_received(HEAD + b"%x\r\n" % size)
        found, sent = [], 0
        while sent < size or client.waiting:
            while sent < size and transport.reading:
                client.data_received(part)
                sent += len(part)
            piece = await client.piece()
            assert piece is not None
            found.append(piece.data)
        client.data_received(b"\r\n0\r\n\r\n")
        assert await client.piece() is None
        assert set(map(len, found)) == {LARGEST_CHUNK}
        assert sum(map(len, found)) == size

    driven(main)


@pytest.mark.parametrize(
    ("said", "found", "end"),
    [
        (HEAD + b"2\r\nab\r\n9\r\ncd", [b"ab", b"cd"], End.CUT),
        (HEAD + b"2\r\nab\r\nzz\r\n", [b"ab"], End.MALFORMED),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", [b"abc"], End.CUT),
        (b"SSH-2.0\r\n", [], End.MALFORMED),
    ],
)
def test_what_came_before_a_break(said: bytes, found: list[bytes], end: End) -> None:
    """Is told before it."""

    async def main(client: TimedClient, clock: VirtualClock) -> None:
        await clock.sleep_until(3.0)
        client.data_received(said)
        client.eof_received()
        for expected in found:
            piece = await client.piece()
            assert piece is not None
            assert piece.data == expected
        with pytest.raises(Broken) as broken:
            await client.piece()
        assert (broken.value.end, client.ended_at) == (end, 3.0)

    driven(main)


@pytest.mark.parametrize(
    ("said", "found"),
    [(b"HTTP/1.0 200 OK\r\n\r\nabc", [b"abc"]), (b"HTTP/1.1 204 \r\n\r\n", [])],
)
def test_a_body_up_to_the_end_of_the_connection(said: bytes, found: list[bytes]) -> None:
    """Is complete; so is none at all."""

    async def main(client: TimedClient, _: VirtualClock) -> None:
        client.data_received(said)
        client.eof_received()
        assert await pieces(client) == found
        assert (client.chunked, client.ended_at) == (False, 0.0)

    driven(main)


def test_the_rest_is_asked_for() -> None:
    """By an interim answer, whose reason is not that of the answer."""

    async def main(client: TimedClient, _: VirtualClock) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(1.0, client.data_received, b"HTTP/1.1 100 Continue\r\n\r\n")
        await client.continued()
        assert not client.answered
        client.data_received(b"HTTP/1.1 200 Fine\r\nContent-Length: 0\r\n\r\n")
        await client.continued()
        assert (client.answered, client.reason) == (True, "Fine")

    driven(main)


@on_each_loop
async def test_an_answer_before_the_request_is_whole() -> None:
    """Ends the wait for a server that takes no more of it."""
    early = Raw(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
    async with (
        serving(lambda _: say(early, Wait(1), Hangup(How.RST))) as service,
        await TimedClient.connect(HOST, service.port, 5) as client,
    ):
        await client.ask("POST", "/", [("Content-Length", str(10**9))])
        sent = 0
        while not client.stuck:
            await client.send_unless_answered(b"x" * 1_000_000)
            sent += 1
        assert client.answered
        assert sent < 1000
        assert (await client.head(5)).status == 413
        client.reset()
