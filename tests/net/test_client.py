"""The client that says exactly how an answer ended, against servers that send given bytes."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from ollama_simulator.clock import Interrupt
from ollama_simulator.net import kernel
from ollama_simulator.net.client import Broken, Client, End, ResponseHead
from tests.net.loops import on_each_loop
from tests.net.peers import HOST, Peer, serving, until

Script = Callable[[Peer], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\n"


@asynccontextmanager
async def server(script: Script) -> AsyncIterator[int]:
    """A port whose first client meets a script."""
    loop = asyncio.get_running_loop()
    with socket.create_server((HOST, 0)) as listening:
        listening.setblocking(False)

        async def serve() -> None:
            sock, _ = await loop.sock_accept(listening)
            async with Peer(sock) as peer:
                await script(peer)

        async with asyncio.TaskGroup() as group:
            task = group.create_task(serve())
            yield listening.getsockname()[1]
            task.cancel()


def sends(*pieces: bytes, end: str = "fin") -> Script:
    """Read the request, send these pieces, each in a segment of its own, and end like this."""

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        for piece in pieces:
            await peer.send(piece)
            await asyncio.sleep(0.002)
        if end == "rst":
            await until(lambda: not kernel.unsent(peer.sock))
            peer.reset()
        elif end == "stay":
            await peer.rest()

    return script


async def ask(
    port: int, method: str = "GET", silence: float = 5.0
) -> tuple[ResponseHead | None, bytes, End]:
    """Head, body and end of one answer."""
    head, body = None, b""
    async with await Client.connect(HOST, port, 5) as client:
        await client.ask(method, "/")
        try:
            head = await client.head(silence)
            async for piece in client.body(silence):
                body += piece
        except Broken as broken:
            return head, body, broken.end
        return head, body, End.COMPLETE


LENGTH = OK + b"Content-Length: 5\r\n\r\n"
CHUNKS = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("script", "status", "body", "end"),
    [
        (sends(LENGTH, b"hello", end="stay"), 200, b"hello", End.COMPLETE),
        (sends(LENGTH + b"hello", end="rst"), 200, b"hello", End.COMPLETE),
        (sends(CHUNKS, b"5\r\nhello\r\n", b"0\r\n\r\n", end="stay"), 200, b"hello", End.COMPLETE),
        (sends(OK + b"\r\nhello"), 200, b"hello", End.COMPLETE),
        (sends(b"HTTP/1.1 204 No Content\r\n\r\n", end="stay"), 204, b"", End.COMPLETE),
        (
            sends(b"HTTP/1.1 100 Continue\r\n\r\n", LENGTH, b"hello", end="stay"),
            *(200, b"hello", End.COMPLETE),
        ),
        (sends(LENGTH + b"hellohello", end="stay"), 200, b"hello", End.COMPLETE),
        (sends(LENGTH, b"hell"), 200, b"hell", End.CUT),
        (sends(CHUNKS, b"5\r\nhello\r\n"), 200, b"hello", End.CUT),
        (sends(CHUNKS, b"5\r\nhe"), 200, b"he", End.CUT),
        (sends(CHUNKS), 200, b"", End.CUT),
        (sends(OK), None, b"", End.CUT),
        (sends(), None, b"", End.CUT),
        (sends(LENGTH, b"hell", end="rst"), 200, b"hell", End.RESET),
        (sends(CHUNKS, b"5\r\nhello\r\n", end="rst"), 200, b"hello", End.RESET),
        (sends(OK + b"\r\nhello", end="rst"), 200, b"hello", End.RESET),
        (sends(end="rst"), None, b"", End.RESET),
        (sends(b"nonsense\r\n"), None, b"", End.MALFORMED),
        (sends(CHUNKS + b"zz\r\n", end="stay"), 200, b"", End.MALFORMED),
        (sends(CHUNKS + b"1\r\nhello\r\n", end="stay"), 200, b"h", End.MALFORMED),
        (
            sends(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nfoo", end="stay"),
            *(None, b"", End.MALFORMED),
        ),
    ],
)
@on_each_loop
async def test_ends(script: Script, status: int | None, body: bytes, end: End) -> None:
    """What came is given, and its end is told, never guessed."""
    async with server(script) as port:
        head, came, ended = await ask(port)
        assert (head.status if head else None, came, ended) == (status, body, end)


@pytest.mark.parametrize("pieces", [(), (CHUNKS,), (CHUNKS, b"5\r\nhello\r\n"), (LENGTH, b"hell")])
@on_each_loop
async def test_silence(pieces: tuple[bytes, ...]) -> None:
    """Nothing for the time allowed, with the connection still there."""
    async with server(sends(*pieces, end="stay")) as port:
        _, _, end = await ask(port, silence=0.05)
        assert end is End.SILENT


@on_each_loop
async def test_an_answer_to_head_has_no_body() -> None:
    """Whatever its head says."""
    async with server(sends(LENGTH, end="stay")) as port:
        head, body, end = await ask(port, "HEAD")
        assert head is not None
        assert head.header("content-length") == "5"
        assert (body, end) == (b"", End.COMPLETE)


@on_each_loop
async def test_what_surrounds_an_answer() -> None:
    """Interim answers before it, the same header twice, trailers behind it."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    first = OK + b"X-Twice: 1\r\nx-twice: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
    last = b"5\r\nhello\r\n0\r\nX-Sum: 9\r\nX-Odd: 8\r\n\r\n"
    script = sends(b"HTTP/1.1 102 Processing\r\n\r\n", hints, first, last, OK + b"X-Next: 1\r\n")
    async with server(script) as port, await Client.connect(HOST, port, 5) as client:
        await client.ask("GET", "/")
        head = await client.head(5)
        interim = [(each.status, each.headers) for each in head.interim]
        assert interim == [(102, ()), (103, (("Link", "</a>"),))]
        assert head.headers[:2] == (("X-Twice", "1"), ("x-twice", "2"))
        assert [piece async for piece in client.body(5)] == [b"hello"]
        assert client.trailers == (("X-Sum", "9"), ("X-Odd", "8"))


@on_each_loop
async def test_refused() -> None:
    """The kernel refuses, and the text says where."""
    with kernel.reserve(HOST, 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(Broken, match=f"^connection refused by {HOST}:{port}$") as caught:
            await Client.connect(HOST, port, 5)
    assert caught.value.end is End.REFUSED


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse when a queue is full")
@on_each_loop
async def test_unreachable() -> None:
    """Nobody answers the call within the time allowed."""
    with kernel.listen(HOST, 0) as sock:
        fillers = await kernel.deafen(sock)
        try:
            with pytest.raises(Broken, match=r"^no connection within 0\.1 s$") as caught:
                await Client.connect(HOST, sock.getsockname()[1], 0.1)
        finally:
            for filler in fillers:
                filler.close()
    assert caught.value.end is End.UNREACHABLE


@on_each_loop
async def test_a_host_that_can_not_be_reached() -> None:
    """What the system says of an address is told in its words."""
    with pytest.raises(Broken, match=r"^255\.255\.255\.255:9: ") as caught:
        await Client.connect("255.255.255.255", 9, 2)
    assert caught.value.end is End.UNREACHABLE


@pytest.mark.parametrize("by", ["close", "reset", "interrupt"])
@on_each_loop
async def test_leaving(by: str) -> None:
    """Whoever leaves is told so, and the server sees FIN or RST."""
    seen: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.until(b"\r\n\r\n")
        await peer.send(CHUNKS)
        seen.append((await peer.rest())[1].value)

    async with server(script) as port:
        gone = Interrupt()
        client = await Client.connect(HOST, port, 5)
        client.leave_when(gone)
        await client.ask("GET", "/")
        await client.head(5)
        {"close": client.close, "reset": client.reset, "interrupt": gone.fire}[by]()
        with pytest.raises(Broken) as caught:
            await anext(client.body(5))
        assert caught.value.end is End.LEFT
        client.close()
        await until(lambda: bool(seen))
        assert seen == ["rst" if by == "reset" else "fin"]


@on_each_loop
async def test_leaving_after_the_end_changes_nothing() -> None:
    """A complete answer stays complete."""
    async with server(sends(LENGTH + b"hello", end="stay")) as port:
        client = await Client.connect(HOST, port, 5)
        await client.ask("GET", "/")
        await client.head(5)
        client.close()
        assert [piece async for piece in client.body(5)] == [b"hello"]


@on_each_loop
async def test_the_request_on_the_wire() -> None:
    """Host and length are added where they are absent; nothing else is."""
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        seen.append(await peer.until(b"hello"))
        await peer.send(LENGTH + b"hello")

    for headers in ([("A", "1")], [("host", "h"), ("content-length", "5")]):
        async with server(script) as port, await Client.connect(HOST, port, 5) as client:
            await client.ask("POST", "/x?y", headers, b"hello")
            assert (await client.head(5)).status == 200
        seen[-1] = seen[-1].replace(str(port).encode(), b"PORT")
    assert seen == [
        b"POST /x?y HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nA: 1\r\nContent-Length: 5\r\n\r\nhello",
        b"POST /x?y HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nhello",
    ]


@on_each_loop
async def test_a_request_that_nobody_takes() -> None:
    """A server that doesn't read: silence, told before there is a head."""

    async def script(peer: Peer) -> None:
        await asyncio.get_running_loop().create_future()

    async with server(script) as port, await Client.connect(HOST, port, 5) as client:
        await client.ask("POST", "/", body=b"x" * 30_000_000, silence=0.1)
        with pytest.raises(Broken, match=r"^the request was not taken for 0\.1 s$") as caught:
            await client.head(5)
        assert caught.value.end is End.SILENT
        client.reset()


@on_each_loop
async def test_both_ends_of_ours() -> None:
    """Client and server of this package understand each other, in all framings."""
    async with serving() as service:
        for size in (0, 10, 2048, 2049, 100_000):
            async with await Client.connect(HOST, service.port, 5) as client:
                await client.ask("POST", "/x", body=b"z" * size)
                assert (await client.head(5)).header("content-type") == "text/plain"
                body = b"".join([piece async for piece in client.body(5)])
                assert body == b"POST /x " + b"z" * size
