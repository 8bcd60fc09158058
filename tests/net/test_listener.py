"""Doors, looked at from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ollama_simulator.acts import Body, Door, End, Head, Hold, How
from ollama_simulator.net import kernel
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.net.request import Request
from tests.net.loops import on_each_loop
from tests.net.peers import HOST, TEXT, Peer, Service, echo, refused, serving, settle

linux = pytest.mark.skipif(sys.platform != "linux", reason="works on Linux only")


class Steps:
    """A handler whose stream goes on when it is told."""

    def __init__(self) -> None:
        self.go = asyncio.Semaphore(0)

    async def __call__(self, request: Request) -> AsyncGenerator[Any, None]:
        if request.target != "/steps":
            async for act in echo(request):
                yield act
            return
        yield Head(200, TEXT)
        for number in range(3):
            yield Body(b"step %d" % number)
            await self.go.acquire()
        yield End()


async def asks(peer: Peer) -> bool:
    """Whether the connection answers."""
    await peer.ask("/hello")
    return await peer.answer() == (200, b"GET /hello ")


# --- OPEN ---------------------------------------------------------------------------------


@on_each_loop
async def test_open() -> None:
    """Many connections, each with a number of its own."""
    async with serving() as service:
        assert service.listener.door is Door.OPEN
        peers = [await Peer.connect(service.port) for _ in range(10)]
        assert all([await asks(peer) for peer in peers])
        assert sorted(service.said("connected")) == [(number,) for number in range(1, 11)]
        for peer in peers:
            peer.sock.close()
        assert await service.until("closed", 10)


@on_each_loop
async def test_moving_to_where_it_stands_is_nothing() -> None:
    """Every door can be set twice."""
    async with serving() as service, await Peer.connect(service.port) as peer:
        await settle()
        for door in (Door.OPEN, Door.FROZEN, Door.FROZEN, Door.OPEN, Door.OPEN):
            await service.listener.move(door)
        assert await asks(peer)
        assert not await refused(service.port)


@on_each_loop
async def test_close_ends_all_and_gives_the_port_back() -> None:
    """Whoever is connected meets the end that a process has; another may have the port."""
    async with serving() as service, await Peer.connect(service.port) as peer:
        assert await asks(peer)
        await service.listener.close()
        assert await peer.rest() == (b"", How.FIN)
        kernel.listen(HOST, service.port).close()
        assert await service.until("closed") == [("us", How.FIN)]


@on_each_loop
async def test_close_cuts_what_is_being_said() -> None:
    """A stream ends where it is, without its last chunk (5.5)."""

    async def endless(request: Request) -> AsyncGenerator[Any, None]:
        yield Head(200)
        yield Body(b"one")
        await request.gone.wait()

    async with serving(endless) as service, await Peer.connect(service.port) as peer:
        await peer.ask()
        await peer.until(b"one\r\n")
        await service.listener.close()
        assert await peer.rest() == (b"", How.FIN)
        assert await service.until("finished") == [("cancelled",)]


# --- SHUT ---------------------------------------------------------------------------------


@on_each_loop
async def test_shut_refuses_and_heals() -> None:
    """Refused by the kernel at once; afterwards the same port is open again, many times."""
    async with serving() as service:
        for _ in range(10):
            await service.listener.move(Door.SHUT)
            assert [await refused(service.port) for _ in range(3)] == [True] * 3
            await service.listener.move(Door.OPEN)
            async with await Peer.connect(service.port) as peer:
                assert await asks(peer)


@on_each_loop
async def test_a_shut_door_keeps_its_port() -> None:
    """Nobody else gets it."""
    async with serving() as service:
        await service.listener.move(Door.SHUT)
        with pytest.raises(PortTaken, match=f"^port {service.port} is taken"):
            kernel.listen(HOST, service.port)


@on_each_loop
async def test_shut_lets_idle_connections_go() -> None:
    """Kept-alive ones, used or unused, get FIN: a pool would never notice otherwise."""
    async with (
        serving() as service,
        await Peer.connect(service.port) as used,
        await Peer.connect(service.port) as unused,
    ):
        assert await asks(used)
        await service.until("connected", 2)
        await settle()
        await service.listener.move(Door.SHUT)
        assert await used.rest() == await unused.rest() == (b"", How.FIN)


@on_each_loop
async def test_shut_lets_busy_connections_finish() -> None:
    """The answer in progress goes on to its end, even after healing; then FIN."""
    steps = Steps()
    async with serving(steps) as service, await Peer.connect(service.port) as busy:
        await busy.ask("/steps")
        await busy.until(b"step 0\r\n")
        await service.listener.move(Door.SHUT)
        assert await refused(service.port)
        steps.go.release()
        await busy.until(b"step 1\r\n")
        # Healing opens the very port while the old connection still runs.
        await service.listener.move(Door.OPEN)
        async with await Peer.connect(service.port) as fresh:
            assert await asks(fresh)
        steps.go.release()
        steps.go.release()
        data, how = await busy.rest()
        assert data.endswith(b"step 2\r\n0\r\n\r\n")
        assert how is How.FIN
        assert service.said("finished")[-1] == ("complete",)


@on_each_loop
async def test_shut_drops_requests_that_wait_behind_the_answer() -> None:
    """A pipelined request that was not begun is not answered."""
    steps = Steps()
    async with serving(steps) as service, await Peer.connect(service.port) as busy:
        await busy.send(
            b"GET /steps HTTP/1.1\r\nHost: x\r\n\r\nGET /behind HTTP/1.1\r\nHost: x\r\n\r\n"
        )
        await busy.until(b"step 0\r\n")
        await service.listener.move(Door.SHUT)
        for _ in range(3):
            steps.go.release()
        data, how = await busy.rest()
        assert data.endswith(b"0\r\n\r\n")
        assert how is How.FIN
        assert service.said("asked") == [("GET /steps",)]


# --- FROZEN -------------------------------------------------------------------------------


@on_each_loop
async def test_frozen_is_silent_and_thaws() -> None:
    """New clients connect, old ones stay, requests are swallowed; thawed, all are answered."""
    async with (
        serving() as service,
        await Peer.connect(service.port) as old,
        await Peer.connect(service.port) as unused,
    ):
        assert await asks(old)
        await service.until("connected", 2)
        await settle()
        await service.listener.move(Door.FROZEN)
        async with await Peer.connect(service.port) as fresh:
            for peer in (old, unused, fresh):
                await peer.ask("/hello")
            assert [await peer.silent() for peer in (old, unused, fresh)] == [True] * 3
            assert len(service.said("asked")) == 1
            assert len(service.said("connected")) == 2
            await service.listener.move(Door.OPEN)
            for peer in (old, unused, fresh):
                assert await peer.answer() == (200, b"GET /hello ")


@on_each_loop
async def test_frozen_stops_an_answer_and_goes_on_with_it() -> None:
    """Nothing more of a stream goes out, nothing is lost of it."""
    steps = Steps()
    async with serving(steps) as service, await Peer.connect(service.port) as peer:
        await peer.ask("/steps")
        await peer.until(b"step 0\r\n")
        await service.listener.move(Door.FROZEN)
        for _ in range(3):
            steps.go.release()
        assert await peer.silent()
        assert service.said("finished") == []
        await service.listener.move(Door.OPEN)
        await peer.until(b"step 1\r\n")
        assert (await peer.until(b"0\r\n\r\n")).endswith(b"step 2\r\n0\r\n\r\n")
        assert await asks(peer)


@on_each_loop
async def test_frozen_does_not_notice_who_leaves() -> None:
    """FIN and RST are found when it thaws."""
    async with serving(hold) as service:
        fin, rst = await Peer.connect(service.port), await Peer.connect(service.port)
        async with fin:
            await fin.ask()
            await rst.ask()
            await service.until("asked", 2)
            await service.listener.move(Door.FROZEN)
            fin.half_close()
            rst.reset()
            assert await fin.silent()
            assert service.said("finished") == []
            await service.listener.move(Door.OPEN)
            assert await service.until("finished", 2) == [("left",), ("left",)]
            assert await fin.rest() == (b"", How.FIN)


async def hold(request: Request) -> AsyncGenerator[Any, None]:
    """Never answer."""
    yield Hold()


@on_each_loop
async def test_frozen_takes_only_what_the_kernel_takes() -> None:
    """A large answer stops: the transport flushes no long buffer behind the freeze."""

    async def large(request: Request) -> AsyncGenerator[Any, None]:
        yield Head(200, TEXT)
        yield Body(b"x" * 30_000_000)
        yield End()

    async with serving(large) as service, await Peer.connect(service.port, rcvbuf=65_536) as peer:
        await peer.ask()
        read = len(await peer.receive())
        await service.listener.move(Door.FROZEN)
        while not await peer.silent(0.15):
            read += len(await peer.receive())
        assert read < 15_000_000
        await service.listener.move(Door.OPEN)
        while read < 30_000_000:
            read += len(await peer.receive())
        assert await service.until("finished") == [("complete",)]


@on_each_loop
async def test_from_door_to_door() -> None:
    """Any order of doors leaves a server that answers, whoever is connected."""
    doors = [door for door in Door if kernel.CAN_BE_DEAF or door is not Door.DEAF]
    async with serving() as service:
        for first in doors:
            for second in doors:
                await service.listener.move(first)
                await service.listener.move(second)
                assert service.listener.door is second
                assert await refused_or_open(service) is (second is Door.SHUT)
                await service.listener.move(Door.OPEN)
                async with await Peer.connect(service.port) as peer:
                    assert await asks(peer)


async def refused_or_open(service: Service) -> bool:
    """Whether it refuses; a deaf server is not asked, as that takes its time."""
    if service.listener.door is Door.DEAF:
        return False
    return await refused(service.port)


@on_each_loop
async def test_frozen_then_closed() -> None:
    """A frozen server can be stopped: its clients are reset."""
    async with serving() as service, await Peer.connect(service.port) as peer:
        assert await asks(peer)
        await service.listener.move(Door.FROZEN)
        await peer.ask()
        await service.listener.close()
        assert (await peer.rest())[1] is How.RST


# --- DEAF ---------------------------------------------------------------------------------


@linux
@on_each_loop
async def test_deaf_lets_nobody_connect() -> None:
    """Connecting is neither accepted nor refused; who is connected goes on; healing heals."""
    async with serving() as service, await Peer.connect(service.port) as old:
        assert await asks(old)
        await service.listener.move(Door.DEAF)
        with socket.socket() as sock:
            sock.setblocking(False)
            knock = asyncio.get_running_loop().sock_connect(sock, (HOST, service.port))
            knocking = asyncio.ensure_future(knock)
            done, _ = await asyncio.wait([knocking], timeout=0.15)
            assert not done
            assert await asks(old)
            await service.listener.move(Door.OPEN)
            async with await Peer.connect(service.port) as fresh:
                assert await asks(fresh)
            # The kernel knocks again after a second.
            await asyncio.wait_for(knocking, 5)


# --- a stopped process --------------------------------------------------------------------

PROGRAM = """
import socket
sock = socket.create_server(("127.0.0.1", 0))
print(sock.getsockname()[1], flush=True)
while True:
    client, _ = sock.accept()
    while client.recv(65536):
        client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 11\\r\\n\\r\\nGET /hello ")
"""


@contextmanager
def process() -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A real server process, and its port."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", PROGRAM], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        try:
            yield int(child.stdout.readline()), child
        finally:
            child.kill()


async def look(port: int, old: Peer) -> list[Any]:
    """What a frozen server looks like from outside."""
    seen: list[Any] = []
    async with await Peer.connect(port) as fresh:
        seen.append("connected")
        for peer in (old, fresh):
            await peer.ask("/hello")
        seen += [await old.silent(), await fresh.silent()]
        # Bytes are taken as long as the kernel has room, then the client blocks.
        try:
            async with asyncio.timeout(0.15):
                await asyncio.get_running_loop().sock_sendall(fresh.sock, b"z" * 50_000_000)
        except TimeoutError:
            seen.append("blocked")
        seen.append(kernel.unsent(old.sock))
    return seen


@pytest.mark.skipif(os.name != "posix", reason="there are no stopped processes")
@on_each_loop
async def test_frozen_looks_like_a_stopped_process() -> None:
    """The same from outside as a child under SIGSTOP: connects, swallows, acknowledges, blocks."""
    with process() as (port, child):
        async with await Peer.connect(port) as old:
            assert await asks(old)
            child.send_signal(signal.SIGSTOP)
            real = await look(port, old)
            child.send_signal(signal.SIGCONT)
            assert await old.answer() == (200, b"GET /hello ")
    async with serving() as service, await Peer.connect(service.port) as old:
        assert await asks(old)
        await service.listener.move(Door.FROZEN)
        ours = await look(service.port, old)
        await service.listener.move(Door.OPEN)
        assert await old.answer() == (200, b"GET /hello ")
    assert ours == real == ["connected", True, True, "blocked", 0]
