"""Control calls race with traffic, in any order: nothing breaks, and nothing is left over."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from ollama_simulator import records
from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rule import Rule
from ollama_simulator.faults.slow import Slow
from ollama_simulator.fleet import Fleet, UnknownServer
from ollama_simulator.settings import Settings
from tests.net.loops import on_each_loop
from tests.net.peers import Peer, until
from tests.test_server import post

REQUESTS = 300
CLIENTS = 20
CALLS = 150
SETTINGS = (Settings(), Settings(num_parallel=3), Settings(wire="0.13.5"), Settings(keep_alive=0.0))
FAULTS: tuple[Fault, ...] = (
    Normal(tokens_per_sec=2000.0),
    Slow(tokens_per_sec=500.0, num_tokens=20),
    HttpError(status_code=503, message="busy"),
    FailMidStream(tokens_before_fail=3),
    AbruptClose(bytes_before_close=200),
    ConnectionRefused(),
)


async def client(fleet: Fleet, chance: random.Random, requests: list[int]) -> None:
    """Ask one server after the other, and leave some answers early."""
    while requests:
        port = chance.choice(list(fleet.servers))
        try:
            async with await Peer.connect(port) as peer:
                del requests[-1:]
                request = post("/api/chat", stream=chance.random() < 0.7)
                await peer.send(request.replace(b"Host:", b"Connection: close\r\nHost:"))
                if chance.random() < 0.8:
                    async with asyncio.timeout(10):
                        await peer.rest()
        except OSError:
            await asyncio.sleep(0.01)  # the server is gone, or refuses


async def controller(fleet: Fleet, chance: random.Random, calls: list[int]) -> None:
    """Do whatever can be done to a fleet."""
    while calls:
        calls.pop()
        server = chance.choice([*fleet.servers.values()])
        fault = chance.choice(FAULTS)
        try:
            match chance.randrange(12):
                case 0:
                    if len(fleet.servers) < 6:
                        await fleet.add(chance.choice(SETTINGS))
                case 1:
                    if len(fleet.servers) > 2:
                        await fleet.remove(server.name)
                case 2:
                    await fleet.change(server.name, chance.choice(SETTINGS))
                case 3:
                    await fleet.behave(server.listener.port, fault)
                case 4 | 5:
                    await fleet.inject(server.name, Rule(fault=fault, ttl=0.1))
                case 6:
                    await fleet.heal(server.name)
                case 7:
                    await fleet.restart(server.listener.port, seconds=0.01)
                case 8:
                    server.cancel()
                case 9:
                    fleet.load(server.listener.port, chance.choice((None, "test-model")))
                case 10:
                    fleet.clear_cache(server.listener.port)
                case _:
                    if chance.random() < 0.3:
                        await fleet.reset(clear_counters=True)
        except UnknownServer:
            pass  # another one was quicker
        await fleet.clock.sleep_until(fleet.clock.now() + chance.random() * 0.02)


@pytest.mark.parametrize("seed", [1, 2, 3])
@on_each_loop
async def test_control_calls_race_with_traffic(seed: int) -> None:
    """No bug of ours, one end of every request, and every slot is free when all is over."""
    async with Fleet((0, 0, 0)) as fleet:
        requests, calls = [1] * REQUESTS, [1] * CALLS
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(client(fleet, random.Random(f"{seed}/{number}"), requests))
            async with asyncio.TaskGroup() as controls:
                for number in range(3):
                    chance = random.Random(f"{seed}/control/{number}")
                    controls.create_task(controller(fleet, chance, calls))
            await fleet.heal()
            await fleet.behave(None, FAULTS[0])
        for server in fleet.servers.values():
            server.cancel()  # who left before a load began is waited for by nobody (6.7)
        await until(lambda: all(server.active == 0 for server in fleet.servers.values()))
        journal = fleet.journal
        assert journal.where(records.Failed) == []
        asked = Counter(record.exchange for record in journal.where(records.Asked))
        ended = Counter(record.exchange for record in journal.where(records.Finished))
        assert asked == ended
        assert set(asked.values()) == {1}
        assert len(asked) > REQUESTS / 2, "most found somebody"
        for server in fleet.servers.values():
            for runner in server.memory.runners:
                assert runner.slots.held_now == 0
            async with await Peer.connect(server.listener.port) as peer:
                await peer.send(post("/api/chat", stream=False))
                assert (await peer.answer())[0] == 200
