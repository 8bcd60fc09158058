"""A server that is ended and started again: what is lost, what stays, how long it is down."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ollama_simulator import records
from ollama_simulator.acts import Door, How
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.frozen import Frozen
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.fleet import Fleet
from ollama_simulator.model import Model
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.script import Load, Script, Step
from ollama_simulator.settings import KvType, Settings
from tests.engine.driving import virtual
from tests.net.loops import on_each_loop
from tests.net.peers import refused, until
from tests.test_server import FAST, SLOW, Server, running

OTHER = Model("other:7b", 1, "d", "f", "1B", "F16")


def in_virtual_time(main: Callable[[Fleet], Coroutine[Any, Any, None]], seed: int = 0) -> None:
    """Run a coroutine with a fleet of two servers whose time is virtual."""

    async def run(clock: VirtualClock) -> None:
        async with Fleet((0, 0), seed=seed, clock=clock) as fleet:
            await main(fleet)

    virtual(run)


def kinds(fleet: Fleet, *wanted: type[records.Record]) -> list[str]:
    """The records of these kinds, in order, by name."""
    return [type(r).__name__ for r in fleet.journal.records if isinstance(r, wanted)]


# --- for how long -------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_it_is_down_for_a_time_that_the_seed_draws(seed: int) -> None:
    """5 to 15 s, other ones each time and for each server, and the same for the same seed."""
    told: list[list[float]] = []

    async def main(fleet: Fleet) -> None:
        for _ in range(3):
            await fleet.restart(None)
            for server in fleet.servers.values():
                await server.up()
        told.append([record.seconds for record in fleet.journal.where(records.Restarted)])
        for name in ("s1", "s2"):
            stopped = [r.t for r in fleet.journal.where(records.Stopped, server=name)]
            back = fleet.journal.where(records.Restarted, server=name)
            for begun, record in zip(stopped, back, strict=True):
                assert record.t - begun == record.seconds

    in_virtual_time(main, seed)
    in_virtual_time(main, seed)
    first, second = told
    assert first == second
    assert all(5 <= seconds <= 15 for seconds in first)
    assert len(set(first)) == 6


def test_times_of_other_seeds_are_others() -> None:
    told = []

    async def main(fleet: Fleet) -> None:
        await fleet.restart(fleet.ports[0])
        await fleet.server(fleet.ports[0]).up()
        told.append(fleet.journal.where(records.Restarted)[0].seconds)

    for seed in (1, 2):
        in_virtual_time(main, seed)
    assert told[0] != told[1]


def test_it_is_down_for_the_whole_time_however_late_it_ends() -> None:
    """The time counts from when its process is gone, and not from when that was asked for, unless
    it is to be up at once meanwhile."""

    async def main(fleet: Fleet) -> None:
        async with asyncio.TaskGroup() as group:
            for port in fleet.ports:
                server = fleet.server(port)
                async with server._presence._moving:  # as if its door were being moved
                    group.create_task(server.restart(seconds=2))
                    await fleet.clock.sleep_until(fleet.clock.now() + 3)
                    if server.name == "s2":
                        group.create_task(server._presence.hurry())
                        await fleet.clock.sleep_until(fleet.clock.now() + 1)
        for port in fleet.ports:
            await fleet.server(port).up()
        found = {each.server: each.seconds for each in fleet.journal.where(records.Restarted)}
        assert found == {"s1": 2.0, "s2": 0.0}

    in_virtual_time(main)


@pytest.mark.parametrize(("second", "whole"), [(2.0, 3.0), (30.0, 31.0)])
def test_who_is_ended_while_it_is_down_begins_from_the_start(second: float, whole: float) -> None:
    """The last one counts, be it shorter or longer, and it comes back once."""

    async def main(fleet: Fleet) -> None:
        server = fleet.server(fleet.ports[0])
        await server.restart("q8_0", seconds=10)
        await fleet.clock.sleep_until(1)
        await server.restart("q4_0", seconds=second)
        await server.up()
        await fleet.clock.sleep_until(100)
        (record,) = fleet.journal.where(records.Restarted)
        assert (record.seconds, record.kv_cache_type) == (whole, "q4_0")
        assert kinds(fleet, records.Stopped) == ["Stopped"]
        assert fleet.server(fleet.ports[1]).kv_cache_type == "f16"

    in_virtual_time(main)


@pytest.mark.parametrize("seconds", [-1.0, math.inf, math.nan])
def test_a_time_that_is_none_is_refused(seconds: float) -> None:
    async def main(fleet: Fleet) -> None:
        with pytest.raises(ValueError, match="a server can't be down for"):
            await fleet.restart(None, "q8_0", seconds=seconds)
        assert kinds(fleet, records.Record) == []
        assert fleet.server(fleet.ports[0]).kv_cache_type == "f16"

    in_virtual_time(main)


def test_a_fleet_ends_while_a_server_is_down() -> None:
    """Without waiting for it."""

    async def main(fleet: Fleet) -> None:
        await fleet.restart(None, seconds=1000)

    in_virtual_time(main)

    async def timed(clock: VirtualClock) -> float:
        async with Fleet(clock=clock) as fleet:
            await main(fleet)
        return clock.now()

    assert virtual(timed) == 0


# --- what is lost, and what stays ---------------------------------------------------------


@on_each_loop
async def test_connections_are_reset_and_then_refused() -> None:
    """The one that is answered, the one that waits, the one that is idle, and whoever comes."""
    async with running(SLOW) as server:
        async with (
            await server.connect() as runs,
            await server.connect() as waits,
            await server.connect() as idle,
        ):
            await idle.ask("/api/version")
            await idle.answer()
            await server.chat(runs)
            await runs.until(b'"done":false}\n\r\n')
            await server.chat(waits)
            await server.until(records.Queued)
            await server.sim.restart(seconds=60)
            assert server.sim.down
            for peer in (runs, waits, idle):
                assert (await peer.rest())[1] is How.RST
            assert await refused(server.port)
        assert (server.sim.active, server.sim.loaded_model) == (0, None)
        outcomes = [record.outcome for record in server.journal.where(records.Finished)]
        assert outcomes == ["complete", "cancelled", "cancelled"]
        (gone,) = server.journal.where(records.ModelUnloaded)
        assert gone.why == "restarted"


@on_each_loop
async def test_it_comes_back_with_nothing_in_memory_and_all_on_disk() -> None:
    """Models and scripts stay, as does the behaviour; the cache and the loaded model don't."""
    async with running() as server:
        server.sim.store.replace([OTHER])
        server.sim.scripts.replace([Script(answer=(Step(content="told"),))])
        assert (await server.whole(model="other:7b"))[0] == 200
        assert server.sim.cached_tokens
        server.sim.scheduler.host.speed = 0.5
        await server.sim.restart("q8_0", seconds=0.05)
        assert server.sim.kv_cache_type == "q8_0"
        await server.sim.up()
        assert (server.sim.down, server.sim.accepting) == (False, True)
        assert (server.sim.loaded_model, server.sim.cached_tokens) == (None, [])
        assert server.sim.behavior == FAST
        assert server.sim.scheduler.host.speed == 0.5
        status, answer = await server.whole(model="other:7b")
        assert (status, answer["message"]["content"]) == (200, "told")
        assert len(server.journal.where(records.ModelLoaded)) == 2
        assert server.sim.scheduler.pages.held >= OTHER.size
        doors = [record.door for record in server.journal.where(records.DoorMoved)]
        assert doors == [Door.SHUT, Door.OPEN]


@on_each_loop
async def test_a_load_that_is_under_way_is_lost() -> None:
    """It never ends, and its place in the queue is free."""
    async with running() as server:
        server.sim.scripts.replace([Script(load=Load(delay_ms=60_000), times=1)])
        async with await server.connect() as peer:
            await server.chat(peer)
            await server.until(records.Received)
            await asyncio.sleep(0.02)
            await server.sim.restart(seconds=0.05)
            assert (await peer.rest())[1] is How.RST
        await server.sim.up()
        assert (await server.whole())[0] == 200
        assert len(server.journal.where(records.ModelLoaded)) == 1


@on_each_loop
async def test_who_left_and_waits_for_ever_is_over() -> None:
    """A half-closed connection whose load never begins (native specification, 6.7)."""
    async with running() as server:
        async with await server.connect() as peer:
            await server.chat(peer)
            peer.half_close()
            assert await peer.silent()
            await server.sim.restart(seconds=0)
            assert (await peer.rest())[1] is How.RST
        assert server.sim.active == 0
        await server.sim.up()


# --- behaviours, and a reset --------------------------------------------------------------


@pytest.mark.parametrize("behavior", [ConnectionRefused(), Frozen(), HttpError(503, "x")])
@on_each_loop
async def test_the_door_is_that_of_the_behaviour_again(behavior: Any) -> None:
    """Whatever it was when the server was ended."""
    async with running(behavior) as server:
        await server.sim.restart(seconds=0.05)
        assert server.sim.listener.door is Door.SHUT
        assert await refused(server.port)
        await server.sim.up()
        assert server.sim.behavior == behavior
        assert server.sim.listener.door is behavior.door
        await server.sim.behave(FAST)
        assert (await server.whole())[0] == 200


@on_each_loop
async def test_a_behaviour_that_is_set_while_it_is_down() -> None:
    """It returns at once, and is in force when the server is back; the door stays shut."""
    async with running() as server:
        await server.sim.restart(seconds=0.2)
        await server.sim.behave(Frozen())
        await server.sim.behave(HttpError(503, "down"))
        assert server.sim.down
        assert await refused(server.port)
        await server.sim.up()
        assert (await server.whole()) == (503, {"error": "down"})


@pytest.mark.parametrize("kv_cache_type", [None, "q8_0"])
@on_each_loop
async def test_a_reset_brings_it_back_as_it_was(kv_cache_type: KvType | None) -> None:
    """At once, with the type of the start."""
    async with running() as server:
        await server.sim.restart(kv_cache_type, seconds=1000)
        await server.sim.reset()
        assert (server.sim.down, server.sim.kv_cache_type) == (False, "f16")
        await server.sim.behave(FAST)
        assert (await server.whole())[0] == 200
        assert len(server.journal.where(records.Restarted)) == 1


@on_each_loop
async def test_a_reset_of_one_that_was_switched_before() -> None:
    """It is another process: what runs is reset, and the type is that of the settings."""
    async with Fleet(settings=Settings(kv_cache_type="q4_0")) as fleet:
        server = Server(fleet)
        await server.sim.behave(SLOW)
        assert server.sim.kv_cache_type == "q4_0"
        await fleet.restart(None, "q8_0", seconds=0)
        await server.sim.up()
        assert server.sim.memory is server.sim.scheduler.memory
        async with await server.connect() as peer:
            await server.chat(peer)
            await peer.until(b'"done":false}\n\r\n')
            await fleet.reset()
            assert (await peer.rest())[1] is How.RST
        assert server.sim.kv_cache_type == "q4_0"
        types = [record.kv_cache_type for record in fleet.journal.where(records.Restarted)]
        assert types == ["q8_0", "q4_0"]


@on_each_loop
async def test_all_at_once() -> None:
    """Restarts, behaviours and resets in any order end with a server that answers."""
    async with running() as server:
        for count in range(1, 6):
            await asyncio.gather(
                *(server.sim.restart(seconds=0.01 * number) for number in range(count)),
                server.sim.behave(Frozen()),
                server.sim.reset(),
                server.sim.restart("q8_0", seconds=0.02),
                server.sim.behave(FAST),
            )
            await server.sim.up()
            await until(lambda: not server.sim.down)
            assert server.sim.listener.door is server.sim.behavior.door
            await server.sim.behave(FAST)
            assert (await server.whole())[0] == 200
    stopped, back = (server.journal.where(k) for k in (records.Stopped, records.Restarted))
    assert len(stopped) == len(back)


@on_each_loop
async def test_a_port_that_is_lost_meanwhile() -> None:
    """It is told as a failure, and the door stays shut until it can be opened."""
    async with Fleet() as fleet:
        server = Server(fleet)
        await server.sim.restart(seconds=0)
        with pytest.MonkeyPatch.context() as patch:

            async def taken(door: Door) -> None:
                raise PortTaken(98, "port 1 is taken")

            patch.setattr(server.sim.listener, "move", taken)
            await server.sim.up()
        (failed,) = fleet.journal.where(records.Failed)
        assert failed.error == "PortTaken: port 1 is taken"
        assert await refused(server.port)
        await server.sim.behave(FAST)
        assert (await server.whole())[0] == 200


def test_the_settings_say_how_long() -> None:
    """Unless who restarts it says so."""

    async def run(clock: VirtualClock) -> None:
        async with Fleet((0,), clock=clock, settings=Settings(downtime=0.5)) as fleet:
            (server,) = fleet.servers.values()
            for seconds in (None, 2.0):
                await fleet.restart(None, seconds=seconds)
                await server.up()
            took = [record.seconds for record in fleet.journal.where(records.Restarted)]
            assert took == [0.5, 2.0]

    virtual(run)
