"""The probing client: requests in parts, half-closed connections, and answers that wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ollama_simulator.clock import WallClock
from ollama_simulator.conformance import spelling
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.session import Session
from ollama_simulator.net.client import End
from tests.net.loops import on_each_loop
from tests.net.peers import until

OK = b"HTTP/1.1 200 OK\r\n"


class Peer:
    """A server that takes one connection, and does what the test says."""

    def __init__(self) -> None:
        self.got = b""
        self.eof = asyncio.Event()
        self.writer: asyncio.StreamWriter
        self.there = asyncio.Event()
        self.gone = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read until the end."""
        self.writer = writer
        self.there.set()
        while data := await reader.read(65536):
            self.got += data
        self.eof.set()
        await self.gone.wait()
        writer.close()


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[Peer, int]]:
    """A peer on a free port."""
    peer = Peer()
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    try:
        yield peer, server.sockets[0].getsockname()[1]
    finally:
        peer.gone.set()
        server.close()
        await server.wait_closed()


def _session(unread: int | None = None) -> Session:
    return Session(Answer("nonce-1", "", 0.0), WallClock(), 5.0, unread=unread)


def test_a_head_has_what_it_needs() -> None:
    """What is given stays as it is, and nothing is there twice."""
    plain = spelling.head("h:1", "POST", "/x?y", b"ab", [("X", "1")])
    assert plain == (
        b"POST /x?y HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nX: 1\r\nContent-Length: 2\r\n\r\n"
    )
    own = [("host", "a"), ("CONNECTION", "b"), ("content-type", "c"), ("transfer-encoding", "d")]
    assert spelling.head("h:1", "POST", "/", b"", own) == (
        b"POST / HTTP/1.1\r\nhost: a\r\nCONNECTION: b\r\ncontent-type: c\r\n"
        b"transfer-encoding: d\r\n\r\n"
    )
    assert b"Content" not in spelling.head("h:1", "GET", "/", None, [])


def test_a_trickle_is_all_of_it() -> None:
    """In even pieces, with the pauses that were asked for."""
    parts = spelling.trickle(bytes(range(10)), 4, 2.0)
    assert b"".join(part for part in parts if isinstance(part, bytes)) == bytes(range(10))
    assert spelling.pauses(parts) == 2.0
    assert len(parts) == 8


@on_each_loop
async def test_parts_are_sent_one_by_one() -> None:
    """What comes meanwhile is read, and its time is right."""
    async with serving() as (peer, port):
        session = _session()
        session.task = asyncio.ensure_future(session.drive(port, [b"a", 0.4, b"b", 0.4, b"c"]))
        await until(lambda: peer.got == b"a")
        peer.writer.write(OK + b"Content-Length: 2\r\n\r\nhi")
        await session.task
        assert session.answer.end is End.COMPLETE
        assert session.answer.body == b"hi"
        assert peer.got in (b"a", b"ab")
        assert session.sent_at is not None


@on_each_loop
async def test_half_closed() -> None:
    """The peer sees the end of our side, and we read on."""
    async with serving() as (peer, port):
        session = _session()
        session.task = asyncio.ensure_future(session.drive(port, [b"x"]))
        await until(lambda: peer.got == b"x")
        session.finish_sending()
        await asyncio.wait_for(peer.eof.wait(), 5.0)
        peer.writer.write(OK + b"Content-Length: 2\r\n\r\nhi")
        await session.task
        assert session.answer.end is End.COMPLETE
        assert session.answer.body == b"hi"


@on_each_loop
async def test_who_does_not_read_makes_the_sender_wait() -> None:
    """Of a large answer only some megabytes are taken; all of it when we read on."""
    size = 64 * 1024 * 1024
    async with serving() as (peer, port):
        session = _session(unread=65536)
        session.stop_reading()
        session.task = asyncio.ensure_future(session.drive(port, [b"x"]))
        await until(lambda: peer.got == b"x")
        peer.writer.write(OK + f"Content-Length: {size}\r\n\r\n".encode())
        peer.writer.write(bytes(size))
        waiting = peer.writer.transport.get_write_buffer_size
        before = -1
        while before != waiting():
            before = waiting()
            await asyncio.sleep(0.2)
        assert before > size - 16 * 1024 * 1024
        session.go_on_reading()
        await session.task
        assert session.answer.end is End.COMPLETE
        assert len(session.answer.body) == size


@on_each_loop
async def test_who_does_not_read_can_leave() -> None:
    """Though an answer waits."""
    async with serving() as (peer, port):
        session = _session()
        session.stop_reading()
        session.task = asyncio.ensure_future(session.drive(port, [b"x"]))
        await until(lambda: peer.got == b"x")
        peer.writer.write(OK + b"Content-Length: 5\r\n\r\nhi")
        await until(lambda: bool(session.answer.pieces))
        await asyncio.wait_for(session.leave(), 5.0)
        assert session.answer.end is End.LEFT
