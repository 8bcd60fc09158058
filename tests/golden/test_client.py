"""The client sees how an answer was framed, and how it ended."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest

from ollama_simulator.golden.client import Connection, fetch
from ollama_simulator.golden.recording import Reply

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def served(serve: Serve, use: Callable[[int], Awaitable[object]]) -> None:
    """Use a server that treats each connection so."""
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        await use(server.sockets[0].getsockname()[1])


def seen(said: bytes, *, method: str = "GET", stays: bool = False, patience: float = 5) -> Reply:
    """The reply that the client makes of these bytes, after which the server hangs up."""
    found: list[Reply] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        if stays:
            await reader.read()
        writer.close()

    async def use(port: int) -> None:
        async with Connection(port) as connection:
            await connection.send(b"GET / HTTP/1.1\r\n\r\n")
            found.append(await connection.reply(method, patience))

    asyncio.run(served(serve, use))
    return found[0]


def test_a_body_with_a_length() -> None:
    """Headers keep their order and case; values lose one blank."""
    found = seen(b"HTTP/1.1 200 OK\r\nx-B: 1\r\nA:  2\r\nContent-Length: 3\r\n\r\nabcd")
    assert (found.status_line, found.framing) == ("HTTP/1.1 200 OK", "content-length")
    assert found.headers == (("x-B", "1"), ("A", " 2"), ("Content-Length", "3"))
    assert (found.body, found.chunks, found.ended) == (b"abc", (), "complete")


def test_chunks() -> None:
    """Their boundaries are kept."""
    found = seen(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert (found.framing, found.chunks, found.body) == ("chunked", (b"abc", b"de"), b"abcde")
    assert found.ended == "complete"


def test_a_body_up_to_the_end_of_the_connection() -> None:
    """As HTTP/1.0 has it."""
    found = seen(b"HTTP/1.0 200 OK\r\n\r\nabc")
    assert (found.framing, found.body, found.ended) == ("close", b"abc", "complete")


@pytest.mark.parametrize(
    ("method", "status"),
    [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "100 Continue"), ("GET", "304 X")],
)
def test_no_body(method: str, status: str) -> None:
    """Whatever the headers say."""
    said = f"HTTP/1.1 {status}\r\nContent-Length: 3\r\n\r\n".encode()
    found = seen(said, method=method, stays=True)
    assert (found.framing, found.body, found.ended) == ("none", b"", "complete")


@pytest.mark.parametrize(
    ("said", "chunks", "body"),
    [
        (b"", (), b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", (), b"abc"),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            (b"abc",),
            b"abc",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
            (b"ab",),
            b"ab",
        ),
    ],
)
def test_an_answer_that_breaks_off(said: bytes, chunks: tuple[bytes, ...], body: bytes) -> None:
    """What came is kept, and how it ended."""
    found = seen(said)
    assert (found.ended, found.chunks, found.body) == ("fin-without-terminator", chunks, body)


def test_an_answer_that_does_not_come() -> None:
    """That is an answer, too."""
    found = seen(b"", stays=True, patience=0.1)
    assert found == Reply(ended="timeout")


@pytest.mark.parametrize("size", [b"xyz", b"-1", b"", b"A"])
def test_chunks_that_are_none(size: bytes) -> None:
    """They are not waited for."""
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\nabc\r\n"
    assert seen(said, stays=True).ended == "malformed"


def test_a_reset() -> None:
    """It differs from the end of a connection."""
    found: list[Reply] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def use(port: int) -> None:
        async with Connection(port) as connection:
            await connection.send(b"GET / HTTP/1.1\r\n\r\n")
            found.append(await connection.reply("GET", 5))

    asyncio.run(served(serve, use))
    assert found[0].ended == "reset"


def test_what_the_socket_does_afterwards() -> None:
    """It stays open, is closed, or says more."""
    found: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"more" if b"more" in line else b"")
        if b"open" in line:
            await reader.read()
        writer.close()

    async def use(port: int) -> None:
        for path in ("open", "closed", "more"):
            async with Connection(port) as connection:
                await connection.send(f"GET /{path} HTTP/1.1\r\n\r\n".encode())
                found.append(await connection.after(0.2))

    asyncio.run(served(serve, use))
    assert found == ["open", "closed", "more bytes: b'more'"]


def test_shutting_one_side() -> None:
    """The answer still comes, and it is known how long it took."""
    found: list[Reply] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read()
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + asked)
        writer.close()

    async def use(port: int) -> None:
        async with Connection(port) as connection:
            await connection.send(b"abc")
            await connection.half_close(0.1)
            found.append(await connection.reply("GET", 5))
            assert connection.first_ms is not None
            assert 100 <= connection.first_ms <= connection.passed_ms

    asyncio.run(served(serve, use))
    assert found[0].body == b"abc"


def test_an_ordinary_request() -> None:
    """With what an HTTP client sends."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"{}"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async def use(port: int) -> None:
        reply = await fetch(port, "POST", "/api/show", b"{}")
        assert reply.status_line == "HTTP/1.1 200 OK"

    asyncio.run(served(serve, use))
    assert asked == [
        b"POST /api/show HTTP/1.1\r\nHost: localhost:11434\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    ]
