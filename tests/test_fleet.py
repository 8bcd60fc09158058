"""Many servers: ports, names, what is done to one or to all, and what stays behind (nothing)."""

from __future__ import annotations

import asyncio
import os
import socket
import sys

import psutil
import pytest

from ollama_simulator.acts import How
from ollama_simulator.conformance.balancers.ports import claimed
from ollama_simulator.engine.caching.tokens import Words
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.frozen import Frozen
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.slow import Slow
from ollama_simulator.fleet import Fleet, UnknownServer
from ollama_simulator.model import Model
from ollama_simulator.net import kernel
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.records import Asked, Closed, Finished, Opened
from tests.net.loops import LOOPS, LoopFactory, on_each_loop
from tests.net.peers import HOST, Peer, refused, settle, until
from tests.test_server import post

OTHER = Model("other:7b", 1, "d", "f", "1B", "F16")


def handles() -> int:
    """File descriptors (or handles) of this process."""
    process = psutil.Process()
    return int(process.num_handles() if os.name == "nt" else process.num_fds())


async def version(port: int) -> int:
    """The status of the simplest request."""
    async with await Peer.connect(port) as peer:
        await peer.ask("/api/version")
        return (await peer.answer())[0]


# --- ports --------------------------------------------------------------------------------


@on_each_loop
async def test_servers_are_named_in_order() -> None:
    """s1, s2, s3 on ports of their own, each answering."""
    async with Fleet((0, 0, 0)) as fleet:
        assert [server.name for server in fleet.servers.values()] == ["s1", "s2", "s3"]
        assert len(set(fleet.ports)) == 3
        assert all(port > 0 for port in fleet.ports)
        for port in fleet.ports:
            assert fleet.server(port) is fleet.servers[port]
            assert await version(port) == 200
        assert [record.server for record in fleet.journal.where(Asked)] == ["s1", "s2", "s3"]
        assert [record.exchange for record in fleet.journal.where(Asked)] == [1, 2, 3]
        assert [record.ordinal for record in fleet.journal.where(Asked)] == [1, 1, 1]


@on_each_loop
async def test_ports_as_given() -> None:
    """Exactly these, in this order, taken on entry and free after exit."""
    with claimed(2) as (a, b):
        ports = (b, a)
        fleet = Fleet(ports)
        assert await refused(ports[0])
        async with fleet:
            assert fleet.ports == ports
            for port in ports:
                with pytest.raises(PortTaken):
                    kernel.listen(HOST, port)
        for port in ports:
            kernel.listen(HOST, port).close()


@on_each_loop
async def test_a_port_that_is_taken() -> None:
    """The message names port and holder, and no port of the fleet stays taken."""
    with claimed() as (free,), socket.create_server((HOST, 0)) as holder:
        taken = holder.getsockname()[1]
        before = handles()
        with pytest.raises(PortTaken) as caught:
            await Fleet((free, taken)).__aenter__()
        assert handles() == before
        assert f"port {taken} is taken" in str(caught.value)
        if sys.platform == "linux":
            assert f"(pid {os.getpid()})" in str(caught.value)
        kernel.listen(HOST, free).close()


@on_each_loop
async def test_one_port_twice() -> None:
    """The fleet is its own holder."""
    with claimed() as (port,):
        with pytest.raises(PortTaken):
            await Fleet((port, port)).__aenter__()
        kernel.listen(HOST, port).close()


@on_each_loop
async def test_a_port_without_a_server() -> None:
    """The message names those there are, and nothing was done."""
    async with Fleet((0, 0)) as fleet:
        there = ", ".join(map(str, fleet.ports))
        expected = f"^no server on port 1; there are {there}$"
        with pytest.raises(UnknownServer, match=expected):
            fleet.server(1)
        with pytest.raises(UnknownServer, match=expected):
            await fleet.behave(1, Hang())
        with pytest.raises(UnknownServer, match=expected):
            fleet.load(1, None)
        assert all(server.behavior == Normal() for server in fleet.servers.values())


# --- one or all ---------------------------------------------------------------------------


@on_each_loop
async def test_what_is_done_to_one_or_to_all() -> None:
    """A port selects one server, None selects all."""
    async with Fleet((0, 0)) as fleet:
        one, two = fleet.servers.values()
        await fleet.behave(fleet.ports[1], HttpError(503, "x"))
        assert [await version(port) for port in fleet.ports] == [200, 503]
        await fleet.behave(None, HttpError(418, "x"))
        assert [await version(port) for port in fleet.ports] == [418, 418]

        fleet.install(fleet.ports[0], [OTHER])
        assert (one.store.names, two.store.names) == (["other:7b"], [TEST_MODEL.name])
        fleet.install(None, [OTHER, TEST_MODEL])
        assert one.store.names == two.store.names == ["other:7b", TEST_MODEL.name]

        fleet.load(fleet.ports[0], "other:7b")
        assert (one.loaded_model, two.loaded_model) == ("other:7b", None)
        fleet.load(None, "test-model")
        assert one.loaded_model == two.loaded_model == TEST_MODEL.name

        for server in (one, two):
            (runner,) = server.memory.runners
            runner.cache.keep(0, Words(["a"]))
        fleet.clear_cache(fleet.ports[0])
        assert (one.cached_tokens, two.cached_tokens) == ([], ["a"])
        fleet.clear_cache(None)
        assert two.cached_tokens == []
        assert two.loaded_model == TEST_MODEL.name


@on_each_loop
async def test_servers_are_independent() -> None:
    """A frozen and a refusing neighbour, a busy slot: the third is as quick as ever."""
    async with Fleet((0, 0, 0, 0)) as fleet:
        await fleet.behave(fleet.ports[0], Frozen())
        await fleet.behave(fleet.ports[1], ConnectionRefused())
        await fleet.behave(fleet.ports[2], Slow(1.0, 1000))
        async with await Peer.connect(fleet.ports[2]) as busy:
            await busy.send(post("/api/chat"))
            assert await fleet.journal.wait_for(Asked, 5) is not None
            async with await Peer.connect(fleet.ports[3]) as peer:
                await peer.send(post("/api/chat", stream=False, options={"num_predict": 1}))
                assert (await peer.answer())[0] == 200
            busy.reset()


@on_each_loop
async def test_reset() -> None:
    """Every server returns to the start; counters only when asked; the records stay."""
    async with Fleet((0, 0)) as fleet:
        for port in fleet.ports:
            assert await version(port) == 200
        fleet.load(None, "test-model")
        await fleet.behave(None, ConnectionRefused())
        await fleet.reset()
        assert fleet.journal.requests == {"s1": 1, "s2": 1}
        assert [server.loaded_model for server in fleet.servers.values()] == [None, None]
        assert [await version(port) for port in fleet.ports] == [200, 200]
        await fleet.reset(clear_counters=True)
        assert fleet.journal.requests["s1"] == 0
        assert len(fleet.journal.where(Asked)) == 4


@on_each_loop
async def test_attempts_are_counted_across_servers() -> None:
    """A nonce in the prompt is found wherever it arrived."""
    async with Fleet((0, 0)) as fleet:
        await fleet.behave(None, Normal(tokens_per_sec=5000.0))
        said = [{"role": "user", "content": "count me nonce-0123abcd"}]
        for port in (*fleet.ports, fleet.ports[0]):
            async with await Peer.connect(port) as peer:
                await peer.send(post("/api/chat", stream=False, messages=said))
                assert (await peer.answer())[0] == 200
        attempts = fleet.journal.attempts("nonce-0123abcd")
        assert [record.server for record in attempts] == ["s1", "s2", "s1"]


@on_each_loop
async def test_seeds_make_the_text() -> None:
    """All servers of a fleet say the same to the same; another seed says something else."""
    said: list[bytes] = []
    for seed in (0, 0, 1):
        async with Fleet((0, 0), seed=seed) as fleet:
            await fleet.behave(None, Normal(tokens_per_sec=5000.0))
            for port in fleet.ports:
                async with await Peer.connect(port) as peer:
                    await peer.send(post("/v1/chat/completions"))
                    said.append((await peer.until(b"}}")).partition(b'"content"')[2])
    assert len(set(said[:4])) == len(set(said[4:])) == 1
    assert said[0] != said[4]


# --- the end ------------------------------------------------------------------------------


@on_each_loop
async def test_leaving_ends_whoever_is_there() -> None:
    """Idle, generating, waiting, hanging, frozen: all end at once, all accounted for."""
    fleet = Fleet((0, 0, 0))
    async with fleet:
        first, second, third = fleet.ports
        await fleet.behave(first, Slow(100.0, 10_000))
        await fleet.behave(second, Hang())
        peers = [await Peer.connect(port) for port in (first, first, first, second, second, third)]
        for peer in peers[1:5]:
            await peer.send(post("/api/chat"))
        await until(lambda: len(fleet.journal.where(Asked)) == 4)
        await settle()
        await fleet.behave(third, Frozen())
        await peers[5].send(post("/api/chat"))
    # What the frozen one had not read makes a reset of its end, as the kernel does.
    assert [(await peer.rest())[1] for peer in peers[:5]] == [How.FIN] * 5
    for peer in peers:
        peer.sock.close()
    asked = {record.exchange for record in fleet.journal.where(Asked)}
    finished = [record.exchange for record in fleet.journal.where(Finished)]
    assert sorted(x or 0 for x in finished) == sorted(x or 0 for x in asked)
    assert len(finished) == 4
    assert {r.outcome for r in fleet.journal.where(Finished)} == {"cancelled"}
    assert len(fleet.journal.where(Closed)) == len(fleet.journal.where(Opened)) == 6
    assert all(await asyncio.gather(*(refused(port) for port in fleet.ports)))


@on_each_loop
async def test_an_error_inside_comes_out() -> None:
    """The fleet ends and hides nothing."""
    with pytest.raises(ZeroDivisionError):
        async with Fleet() as fleet:
            raise ZeroDivisionError
    assert await refused(fleet.ports[0])


@pytest.mark.parametrize("loop", LOOPS.values(), ids=list(LOOPS))
def test_nothing_is_left_behind(loop: LoopFactory) -> None:
    """Fifty fleets, each used: as many descriptors and tasks afterwards as before."""

    async def once(number: int) -> None:
        async with Fleet((0, 0, 0)) as fleet:
            await fleet.behave(None, Normal(tokens_per_sec=5000.0, num_tokens=3))
            peers = [await Peer.connect(port) for port in fleet.ports]
            for peer in peers:
                await peer.send(post("/api/chat", stream=bool(number % 2)))
            assert b"200 OK" in await peers[0].until(b"\r\n\r\n")
            if number % 3 == 0:
                await fleet.behave(fleet.ports[1], (ConnectionRefused(), Frozen())[number % 2])
            await settle()
        for peer in peers:
            peer.sock.close()

    async def main() -> tuple[int, int]:
        async with asyncio.timeout(20):
            for number in range(3):
                await once(number)
            before = handles()
            for number in range(50):
                await once(number)
            # A connection that was closed lets go of its descriptor in the next turn.
            await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return before, handles()

    with asyncio.Runner(loop_factory=loop) as runner:
        before, after = runner.run(main())
    assert after == before
