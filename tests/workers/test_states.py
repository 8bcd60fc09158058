"""What a server was told to be: taken off it, packed, and given to another one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ollama_simulator import hardware, records
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults import fault
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.rule import Rule
from ollama_simulator.fleet import Fleet
from ollama_simulator.fleet_types import FleetFile, Given, Server
from ollama_simulator.model import Model
from ollama_simulator.script import Script, Step
from ollama_simulator.settings import Settings
from ollama_simulator.workers import states
from ollama_simulator.workers.messages import State
from ollama_simulator.workers.spread import shares

PACKED = msgspec.msgpack.Decoder(State)


def again(state: State) -> State:
    """The same after a journey."""
    return PACKED.decode(msgspec.msgpack.encode(state))


async def taken_and_given(clock: VirtualClock, settings: Settings, told: Any) -> list[Any]:
    """Have one server told something, and another one what the first was. What both are."""
    shown = []
    async with Fleet((0,), clock=clock, settings=settings) as first:
        await told(first)
        (state,) = map(again, states.Keeper(first).states())
        shown.append(look(first))
        table = states.table(state)
        own = Settings(**states.settings_of(table))
        assert own == first.named("s1").settings
        assert table.port == first.ports[0]
    async with Fleet((0,), clock=clock, settings=own) as second:
        await states.give(second.named("s1"), state, clock.now(), states.shared([state]))
        shown.append(look(second))
    return shown


def look(fleet: Fleet) -> Any:
    """All that was told."""
    server = fleet.named("s1")
    rules = [
        (each.number, each.rule, each.since, each.counts.matched, each.counts.chosen, each.struck)
        for each in server.rules
    ]
    return (
        server.behavior,
        rules,
        server.store.models,
        server.scripts.all,
        server.kv_cache_type,
        server.listener.door,
    )


async def told(fleet: Fleet) -> None:
    """Tell a server as much as there is."""
    server = fleet.named("s1")
    server.store.replace([Model("m:1", 5, "ab", "f", "1B", "Q4_0", capabilities=("vision",))])
    server.scripts.replace([Script(contains="x", answer=(Step("y"),), times=2)])
    await server.restart("q8_0", seconds=0.0)
    await server.up()
    await server.behave(FailMidStream(tokens_before_fail=3))
    await fleet.inject("s1", Rule(fault=HttpError(503, "no"), name="n", limit=2, path="/api/*"))
    await fleet.inject("s1", Rule(fault=ConnectionRefused(), since=3))
    server.rules[0].counts.matched = 5
    server.rules[0].counts.chosen = 2
    server.rules[0].struck = 1


def test_everything_that_was_told() -> None:
    clock = VirtualClock()
    first, second = clock.run(taken_and_given(clock, Settings(num_parallel=3), told))
    assert second == first
    assert len(first[1]) == 2


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        Settings(keep_alive=math.inf, load_timeout=math.inf, replay_speed=math.inf),
        Settings(profile="rtx-4090-llama3-8b", model_profiles={"a": "seed"}),
        Settings(profile=hardware.named("rtx-4090-llama3-8b"), web_search=()),
        Settings(installed_models=(), scripts=(Script(contains="x"),), remotes=("a", "b")),
    ],
)
def test_settings(settings: Settings) -> None:
    """Those that JSON can't tell, too."""

    async def nothing(_: Fleet) -> None:
        pass

    clock = VirtualClock()
    first, second = clock.run(taken_and_given(clock, settings, nothing))
    assert second == first


@pytest.mark.parametrize("name", sorted(fault.known()))
def test_every_fault(name: str) -> None:
    """As a behaviour and in a rule."""
    from ollama_simulator.control.catalogue import example

    kind = fault.known()[name]
    made = msgspec.convert(example(kind), kind)
    given = Given(("s1", "s2"), Rule(fault=made))
    (unpacked,) = states.unpacked(states.packed([given]), ["s2"])
    assert unpacked == (["s2"], given.rule)
    (state,) = states.begun(FleetFile((Server(behavior=made),)))
    assert states.table(again(state)).behavior == made


def test_rules_that_are_over() -> None:
    """One whose time was over while there was no process doesn't come back."""
    clock = VirtualClock()

    async def main() -> None:
        async with Fleet((0, 0), clock=clock) as fleet:
            one, two = fleet.servers.values()
            await fleet.inject("s1", Rule(fault=Hang(), ttl=5))
            await fleet.inject("s1", Rule(fault=Hang(), ttl=50))
            state, _ = states.Keeper(fleet).states()
            await states.give(two, state, clock.now() + 10, {})
            assert [(each.number, each.ends) for each in two.rules] == [(2, one.rules[1].ends)]

    clock.run(main())


def test_rules_that_struck_since() -> None:
    """A limit that was reached stays so."""
    clock = VirtualClock()

    async def main() -> None:
        async with Fleet((0, 0), clock=clock) as fleet:
            await fleet.inject("s1", Rule(fault=Hang(), limit=2))
            state, _ = states.Keeper(fleet).states()
            known = states.counted(state, {("s1", 1): 2, ("s2", 1): 7})
            two = fleet.named("s2")
            await states.give(two, known, clock.now(), {})
            (active,) = two.rules
            assert (active.counts.matched, active.counts.chosen, active.struck) == (2, 2, 2)
            assert not active.takes(lambda: 0.0, clock.now())

    clock.run(main())


def test_counted_together() -> None:
    """Servers of one worker go on doing so."""
    clock = VirtualClock()

    async def main() -> None:
        async with Fleet((0, 0, 0, 0), clock=clock) as fleet:
            await fleet.inject(("s1", "s2"), Rule(fault=Hang(), limit=1, shared=True))
            found = states.Keeper(fleet).states()[:2]
            together = states.shared(found)
            three, four = fleet.named("s3"), fleet.named("s4")
            for server, state in zip((three, four), found, strict=True):
                await states.give(server, state, clock.now(), together)
            assert three.rules[0].takes(lambda: 0.0, clock.now())
            assert not four.rules[0].takes(lambda: 0.0, clock.now())

    clock.run(main())


def test_only_what_changed_is_packed_anew() -> None:
    clock = VirtualClock()

    async def main() -> None:
        async with Fleet((0, 0), clock=clock) as fleet:
            keeper = states.Keeper(fleet)
            one, two = keeper.states()
            await fleet.named("s2").behave(Hang())
            after = keeper.states()
            assert after[0] is one
            assert states.table(after[1]).behavior == Hang() != states.table(two).behavior

    clock.run(main())


# --- who has which ----------------------------------------------------------------------------


def test_servers_are_spread_in_turns() -> None:
    """So that servers alike, which stand together in a file, are not on one worker."""
    described = FleetFile(tuple(Server(port=11500 + number) for number in range(1, 6)))
    assert [[state.name for state in share] for share in shares(described, 2)] == [
        ["s1", "s3", "s5"],
        ["s2", "s4"],
    ]
    assert [len(share) for share in shares(described, 7)] == [1, 1, 1, 1, 1, 0, 0]


def test_servers_that_count_together_stay_together() -> None:
    rules = (
        Given(("s2", "s3", "s4"), Rule(fault=Hang(), shared=True)),
        Given(("s1", "s5"), Rule(fault=Hang())),
    )
    described = FleetFile(tuple(Server() for _ in range(5)), given=rules)
    assert [[state.name for state in share] for share in shares(described, 2)] == [
        ["s1", "s5"],
        ["s2", "s3", "s4"],
    ]


def test_servers_that_write_one_recording_stay_together(tmp_path: Path) -> None:
    """Each would cut off the line that another one is just writing; so would those with whom they
    count together."""
    record: dict[str, Any] = {
        "upstream": "http://127.0.0.1:1",
        "record": str(tmp_path / "to.jsonl"),
    }
    servers = (Server(), Server(**record), Server(), Server(**record), Server())
    rules = (Given(("s4", "s5"), Rule(fault=Hang(), shared=True)),)
    described = FleetFile(servers, given=rules)
    assert [[state.name for state in share] for share in shares(described, 2)] == [
        ["s1", "s3"],
        ["s2", "s4", "s5"],
    ]


# --- a part of a fleet ------------------------------------------------------------------------


def test_a_share_of_a_fleet() -> None:
    """It calls its servers as it is told, returns to a start of its own, and counts on."""
    from ollama_simulator.fleet import Share
    from ollama_simulator.journal import Journal

    clock = VirtualClock()

    async def main() -> None:
        share = Share(journal=Journal(), worker=2, names=("s2", "s4"), exchanges=iter((2, 4)))
        async with Fleet((0, 0), clock=clock, share=share) as fleet:
            two, four = fleet.servers.values()
            assert [two.name, four.name, two.place, four.place] == ["s2", "s4", 2, 4]
            fleet.next_name, fleet.next_rule = 9, 5
            assert (await fleet.add()).name == "s9"
            assert await fleet.inject([], Rule(fault=Hang())) == 5
            assert await fleet.inject("all", Rule(fault=Hang())) == 6
            born = {
                server.name: (server.listener.port, Settings(num_parallel=2))
                for server in (two, four)
            }
            fleet.continue_from(born, {"s2": Hang()}, [(["s4"], Rule(fault=Hang(), name="x"))])
            await fleet.reset()
            assert [server.name for server in fleet.servers.values()] == ["s2", "s4"]
            assert two.settings.num_parallel == 2
            assert two.behavior == Hang()
            assert [(each.number, each.rule.name) for each in four.rules] == [(7, "x")]
            kinds = [type(record) for record in share.journal.records]
            assert records.ServerAdded in kinds

    clock.run(main())
