"""Rules: which requests they strike, when, in which order, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

import msgspec
import pytest

from ollama_simulator import records
from ollama_simulator.acts import Door, Stance
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.frozen import Frozen
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rule import BadFault, Rule, complaint, named, plain, readable
from ollama_simulator.faults.slow import Slow
from ollama_simulator.fleet import BadRule, Fleet, UnknownServer
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.records import Healed, Injected, Struck
from ollama_simulator.server import SimServer
from ollama_simulator.settings import Settings
from tests.engine.driving import virtual
from tests.net.loops import on_each_loop
from tests.net.peers import refused
from tests.test_server import FAST, Server, post

TEAPOT = HttpError(status_code=418, message="teapot")
BUSY = HttpError(status_code=503, message="busy")
ASKED = 'why é so "blue"\n'
"""A text in bodies, in which JSON writes half of the characters in its own way."""


class Blinking(Fault, frozen=True):
    """Gone for the second half of each 10 seconds, on the second server only."""

    def stance(self, age: float, place: int = 1) -> Stance:
        """Up, down, up, down."""
        if place != 2:
            return Stance()
        begun = age // 10 * 10
        if age - begun < 5:
            return Stance(until=begun + 5)
        return Stance(Door.SHUT, ended=True, until=begun + 10)


class Harmless(Fault, frozen=True):
    """Bends nothing."""


async def status(server: Server, path: str = "/api/chat", **fields: Any) -> int:
    """Ask, and tell the status."""
    async with await server.connect() as peer:
        await peer.send(post(path, stream=False, **fields))
        return (await peer.answer())[0]


async def statuses(server: Server, count: int, **fields: Any) -> list[int]:
    """Ask so often, one after the other."""
    return [await status(server, **fields) for _ in range(count)]


def struck(fleet: Fleet) -> list[tuple[str, int | None, str]]:
    """Which faults struck, for whom; the pace of `Normal` is none."""
    found = fleet.journal.where(Struck)
    return [(each.fault, each.rule, each.source) for each in found if each.fault != "Normal"]


def door(server: SimServer) -> Door:
    """Where its door stands now."""
    return server.listener.door


def in_virtual_time(main: Callable[[Fleet], Coroutine[Any, Any, None]], servers: int = 1) -> None:
    """Run a coroutine with a fleet whose time is virtual."""

    async def run(clock: VirtualClock) -> None:
        async with Fleet((0,) * servers, clock=clock) as fleet:
            await main(fleet)

    virtual(run)


# --- which requests -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "pattern"),
    [
        (Rule(fault=TEAPOT), "xxxxxx"),
        (Rule(fault=TEAPOT, limit=2), "xx...."),
        (Rule(fault=TEAPOT, skip=2), "..xxxx"),
        (Rule(fault=TEAPOT, skip=1, limit=3), ".xxx.."),
        (Rule(fault=TEAPOT, every=2), "x.x.x."),
        (Rule(fault=TEAPOT, every=2, skip=1, limit=2), ".x.x.."),
        (Rule(fault=TEAPOT, probability=0), "......"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@on_each_loop
async def test_how_often(rule: Rule, pattern: str) -> None:
    """`skip` lets the first pass, `every` counts from there, `limit` ends it."""
    async with Fleet() as fleet:
        server = Server(fleet)
        await server.sim.behave(FAST)
        number = await fleet.inject("s1", rule)
        got = "".join("x" if s == 418 else "." for s in await statuses(server, 6))
        assert got == pattern
        assert struck(fleet) == [("HttpError", number, "rule")] * pattern.count("x")
        (active,) = server.sim.rules
        assert (active.struck, active.counts.matched) == (pattern.count("x"), 6)


@pytest.mark.parametrize(
    ("fields", "path", "headers", "hit"),
    [
        ({"path": "/api/chat"}, "/api/chat?x=1", "", True),
        ({"path": "/api/*"}, "/v1/models", "", False),
        ({"path": "/v1/*"}, "/v1/models", "", True),
        ({"method": "POST"}, "/api/chat", "", True),
        ({"method": "GET"}, "/api/chat", "", False),
        ({"model": "test-*"}, "/api/chat", "", True),
        ({"model": "llama*"}, "/api/chat", "", False),
        ({"model": "llama*"}, "/", "", False),
        ({"contains": "why é"}, "/api/chat", "", True),
        ({"contains": 'so "blue"\n'}, "/api/chat", "", True),
        ({"contains": "why e"}, "/api/chat", "", False),
        ({"contains": "why"}, "/", "", True),
        ({"contains": "why"}, "/v1/models", "", True),
        ({"header": {"X-User": "b*"}}, "/api/chat", "x-user: bob\r\n", True),
        ({"header": {"X-User": "b*"}}, "/api/chat", "x-user: al\r\nX-User: bo\r\n", True),
        ({"header": {"X-User": "b*"}}, "/api/chat", "x-user: al\r\n", False),
        ({"header": {"X-User": "*"}}, "/api/chat", "", False),
    ],
)
@on_each_loop
async def test_whom(fields: dict[str, Any], path: str, headers: str, hit: bool) -> None:
    async with Fleet() as fleet:
        server = Server(fleet)
        await server.sim.behave(FAST)
        await fleet.inject("all", Rule(fault=TEAPOT, **fields))
        async with await server.connect() as peer:
            request = post(path, stream=False, suffix=ASKED).replace(
                b"Host: localhost\r\n", b"Host: localhost\r\n" + headers.encode()
            )
            await peer.send(request)
            got = (await peer.answer())[0]
        assert (got == 418) == hit


@on_each_loop
async def test_chances_are_the_same_on_every_run() -> None:
    """With the same seed; about as many as they should be, and others for another seed."""

    async def run(seed: int) -> list[int]:
        async with Fleet(seed=seed) as fleet:
            server = Server(fleet)
            await server.sim.behave(FAST)
            await fleet.inject("s1", Rule(fault=TEAPOT, probability=0.5, name="half"))
            return await statuses(server, 40, options={"num_predict": 1})

    first = await run(1)
    assert first == await run(1)
    assert first != await run(2)
    assert 8 <= first.count(418) <= 32


def test_it_gets_worse_and_worse() -> None:
    """None at first, then more and more, then as likely as it says."""

    async def main(fleet: Fleet) -> None:
        server, clock = Server(fleet), fleet.clock
        await server.sim.behave(Normal(num_tokens=1))
        begun = clock.now()
        rule = Rule(fault=TEAPOT, since=10, ramp=100)
        await fleet.inject("s1", rule)
        shares = []
        for when in (0, 10, 60, 110):
            await clock.sleep_until(begun + when)
            got = await statuses(server, 50, path="/api/version")
            shares.append(got.count(418))
        none, few, half, full = shares
        assert none == 0
        assert few <= 2
        assert 10 <= half <= 40
        assert full == 50

    in_virtual_time(main)
    rising = Rule(fault=TEAPOT, probability=0.8, ramp=4, since=1)
    assert [rising.likelihood(age) for age in (1, 3, 5, 99)] == [0.0, 0.4, 0.8, 0.8]


@on_each_loop
async def test_the_first_rule_is_outermost_and_the_next_is_asked_when_it_asks() -> None:
    """So limits make a sequence: two errors, then one that is cut, then all is well."""
    async with Fleet() as fleet:
        server = Server(fleet)
        await server.sim.behave(FAST)
        a = await fleet.inject("s1", Rule(fault=TEAPOT, limit=1))
        b = await fleet.inject("s1", Rule(fault=BUSY, limit=2))
        assert await statuses(server, 4) == [418, 503, 503, 200]
        assert [rule for _, rule, _ in struck(fleet)] == [a, b, b]


@on_each_loop
async def test_rules_are_nested_and_the_behaviour_is_innermost() -> None:
    """A pace that a rule sets holds, and what bends it sees its tokens."""
    async with Fleet() as fleet:
        server = Server(fleet)
        await server.sim.behave(Normal(tokens_per_sec=1.0, num_tokens=50))
        cut = await fleet.inject("s1", Rule(fault=FailMidStream(tokens_before_fail=3)))
        pace = await fleet.inject("s1", Rule(fault=Slow(tokens_per_sec=5000.0, num_tokens=9)))
        async with await server.connect() as peer:
            await peer.send(post("/api/chat"))
            await server.until(records.Finished)
        (end,) = fleet.journal.where(records.Finished)
        assert (end.outcome, end.tokens) == ("rst", 3)
        assert sorted(rule or 0 for _, rule, _ in struck(fleet)) == [cut, pace]
        await fleet.heal("s1", cut)
        assert await status(server) == 200
        assert fleet.journal.where(records.Generated)[-1].tokens == 9


@on_each_loop
async def test_what_changes_nothing_has_not_struck() -> None:
    """It was asked, and counts; that it did something would be another fact."""
    async with Fleet() as fleet:
        server = Server(fleet)
        await server.sim.behave(FAST)
        await fleet.inject("s1", Rule(fault=Harmless()))
        assert await status(server) == 200
        assert struck(fleet) == []
        (active,) = server.sim.rules
        assert (active.struck, active.counts.chosen) == (0, 1)


@on_each_loop
async def test_servers_that_count_together() -> None:
    """A limit for all of them, or for each."""
    async with Fleet((0, 0)) as fleet:
        for shared in (True, False):
            await fleet.behave(None, FAST)
            await fleet.inject("all", Rule(fault=TEAPOT, limit=1, shared=shared))
            got = []
            for port in (*fleet.ports, *fleet.ports):
                server = Server(fleet)
                server.port = port
                got.append(await status(server))
            assert got.count(418) == (1 if shared else 2)


# --- when ---------------------------------------------------------------------------------


def test_between_times_and_with_a_time_to_live() -> None:
    """Seconds after it was set, by the fleet's clock."""

    async def main(fleet: Fleet) -> None:
        await fleet.clock.sleep_until(5)
        await fleet.inject("s1", Rule(fault=TEAPOT, since=10, until=20, ttl=30))
        (active,) = fleet.named("s1").rules
        assert [now for now in range(40) if active.in_force(now)] == list(range(15, 25))
        await fleet.clock.sleep_until(34.9)
        assert fleet.named("s1").rules == [active]
        await fleet.clock.sleep_until(36)
        assert fleet.named("s1").rules == []
        (healed,) = fleet.journal.where(Healed)
        assert (healed.rule, healed.why, healed.t) == (active.number, "expired", 35.0)

    in_virtual_time(main)


def test_a_rule_moves_the_door_for_its_time() -> None:
    """A door that is shut between times; the behaviour's door is there before and after."""

    async def main(fleet: Fleet) -> None:
        server = fleet.named("s1")
        await fleet.inject("s1", Rule(fault=ConnectionRefused(), since=2, until=4))
        assert door(server) == Door.OPEN
        await fleet.clock.sleep_until(3)
        assert door(server) == Door.SHUT
        assert await refused(server.listener.port)
        await fleet.clock.sleep_until(5)
        assert door(server) == Door.OPEN
        moved = [(record.t, record.door) for record in fleet.journal.where(records.DoorMoved)]
        assert moved == [(2.0, Door.SHUT), (4.0, Door.OPEN)]
        assert [each.t for each in fleet.journal.where(Struck)] == [2.0]

    in_virtual_time(main)


def test_of_several_doors_the_worst_counts() -> None:
    async def main(fleet: Fleet) -> None:
        server = fleet.named("s1")
        await server.behave(Frozen())
        shut = await fleet.inject("s1", Rule(fault=ConnectionRefused()))
        assert door(server) == Door.SHUT
        await fleet.heal("s1", shut)
        assert door(server) == Door.FROZEN
        await fleet.heal("s1")
        assert door(server) == Door.OPEN

    in_virtual_time(main)


@pytest.mark.parametrize("as_rule", [True, False])
def test_a_fault_may_move_the_door_as_time_goes(as_rule: bool) -> None:
    """And end the process, which has nothing in memory when it comes back."""

    async def main(fleet: Fleet) -> None:
        if as_rule:
            await fleet.inject("all", Rule(fault=Blinking(), until=22))
        else:
            await fleet.behave(None, Blinking())
        fleet.named("s2").load("test-model")
        seen = []
        for moment in range(1, 31, 2):
            await fleet.clock.sleep_until(moment)
            first, second = (each.accepting for each in fleet.servers.values())
            assert first
            seen.append(second)
        if as_rule:
            assert seen == [*[True] * 2, *[False] * 3, *[True] * 2, *[False] * 3, *[True] * 5]
        else:
            assert seen == [True, True, False, False, False] * 3
        assert fleet.named("s2").loaded_model is None
        stopped = fleet.journal.where(records.Stopped)
        assert [(each.server, each.t) for each in stopped][:2] == [("s2", 5.0), ("s2", 15.0)]
        back = fleet.journal.where(records.Restarted)
        assert [each.seconds for each in back][:2] == [5.0, 5.0]

    in_virtual_time(main, servers=2)


def test_a_restart_ends_while_a_fault_keeps_the_process_away() -> None:
    """It is there when neither wants it gone."""

    async def main(fleet: Fleet) -> None:
        server = fleet.named("s2")
        await fleet.clock.sleep_until(1)
        await fleet.inject("all", Rule(fault=Blinking()))
        await server.restart(seconds=7)
        await fleet.clock.sleep_until(10)
        assert server.down
        await fleet.clock.sleep_until(11.5)
        assert not server.down
        (back,) = fleet.journal.where(records.Restarted)
        assert (back.t, back.seconds) == (11.0, 10.0)

    in_virtual_time(main, servers=2)


# --- setting and ending -------------------------------------------------------------------


@pytest.mark.parametrize("how", ["behave", "reset", "heal"])
def test_how_rules_end(how: str) -> None:
    why = {"behave": "replaced", "reset": "reset", "heal": "asked"}[how]

    async def main(fleet: Fleet) -> None:
        first = await fleet.inject("all", Rule(fault=TEAPOT, name="a"))
        second = await fleet.inject(["s2"], Rule(fault=ConnectionRefused()))
        assert (first, second) == (1, 2)
        assert [(r.server, r.rule, r.name) for r in fleet.journal.where(Injected)] == [
            ("s1", 1, "a"),
            ("s2", 1, "a"),
            ("s2", 2, ""),
        ]
        if how == "behave":
            await fleet.behave(None, FAST)
        elif how == "reset":
            await fleet.reset()
        else:
            assert await fleet.heal() == 3
        assert [server.rules for server in fleet.servers.values()] == [[], []]
        assert {(r.server, r.rule, r.why) for r in fleet.journal.where(Healed)} == {
            ("s1", 1, why),
            ("s2", 1, why),
            ("s2", 2, why),
        }
        assert fleet.named("s2").accepting

    in_virtual_time(main, servers=2)


@pytest.mark.parametrize(
    ("fields", "culprit"),
    [
        ({"fault": "x"}, "fault"),
        ({"fault": ConnectionRefused(), "path": "/api/chat"}, "path"),
        ({"fault": ConnectionRefused(), "header": {"a": "b"}}, "header"),
        ({"fault": ConnectionRefused(), "limit": 2}, "limit"),
        ({"fault": ConnectionRefused(), "shared": True}, "shared"),
        ({"fault": Blinking(), "probability": 0.5}, "probability"),
        ({"fault": Blinking(), "ramp": 9}, "ramp"),
        ({"fault": Blinking(), "contains": "why"}, "contains"),
        ({"fault": TEAPOT, "since": 3, "until": 3}, "until"),
        ({"fault": TEAPOT, "since": 3, "ttl": 2}, "ttl"),
    ],
)
def test_what_a_rule_can_t_mean(fields: dict[str, Any], culprit: str) -> None:
    found = complaint(Rule(**fields))
    assert found is not None
    assert found[0] == culprit

    async def main(fleet: Fleet) -> None:
        with pytest.raises(BadRule, match=culprit):
            await fleet.inject("all", Rule(**fields))
        assert fleet.named("s1").rules == []

    in_virtual_time(main)


def test_a_rule_for_nobody() -> None:
    async def main(fleet: Fleet) -> None:
        with pytest.raises(UnknownServer, match="no server 's9'; there are s1"):
            await fleet.inject(["s1", "s9"], Rule(fault=TEAPOT))
        assert fleet.named("s1").rules == []

    in_virtual_time(main)


def test_a_rule_as_json() -> None:
    """Its fault is told by its type; what isn't known is refused with its place."""
    text = b'{"fault": {"type": "HttpError", "status_code": 418, "message": "teapot"}, "limit": 2}'
    assert plain(msgspec.json.decode(text, type=readable())) == Rule(fault=TEAPOT, limit=2)
    for wrong, place in ((b'{"fault": {"type": "Nope"}}', "$.fault"), (b'{"odds": 1}', "odds")):
        with pytest.raises(msgspec.ValidationError, match=place.replace("$", r"\$")):
            msgspec.json.decode(wrong, type=readable())


# --- by header ----------------------------------------------------------------------------


class Asking:
    """What a request says in its header."""

    plain: ClassVar[str] = json.dumps({"type": "HttpError", "status_code": 418, "message": "t"})


async def with_header(server: Server, value: str) -> tuple[int, Any]:
    """Ask with a fault in the header."""
    async with await server.connect() as peer:
        extra = f"Host: localhost\r\nX-Simulator-Fault: {value}\r\n".encode()
        await peer.send(post("/api/chat", stream=False).replace(b"Host: localhost\r\n", extra))
        return await peer.answer()


@on_each_loop
async def test_a_request_may_ask_for_a_fault() -> None:
    """Once, before any rule, where the server allows it."""
    async with Fleet((0, 0), settings=[Settings(fault_header=True), Settings()]) as fleet:
        server = Server(fleet)
        await fleet.behave(None, FAST)
        await fleet.inject("all", Rule(fault=BUSY, limit=1))
        assert (await with_header(server, Asking.plain))[0] == 418
        assert await statuses(server, 2) == [503, 200]
        assert struck(fleet) == [("HttpError", None, "header"), ("HttpError", 1, "rule")]
        server.port = fleet.ports[1]
        assert [(await with_header(server, Asking.plain))[0] for _ in range(2)] == [503, 200]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("Nope", "there is no fault 'Nope'; there are"),
        ("HttpError", "HttpError needs its fields"),
        ('{"type": "HttpError"}', "missing required field `status_code`"),
        ("{", "JSON"),
        ("Frozen", "Frozen works before there is a request"),
    ],
)
@on_each_loop
async def test_a_header_that_can_t_be_meant(value: str, words: str) -> None:
    async with Fleet(settings=Settings(fault_header=True)) as fleet:
        code, body = await with_header(Server(fleet), value)
        assert code == 400
        told = msgspec.json.decode(body)["error"]
        assert told.startswith("X-Simulator-Fault: ")
        assert words in told or words == "JSON"


def test_the_bare_name_of_a_fault() -> None:
    assert named(" Normal ") == Normal()
    with pytest.raises(BadFault, match="no fault 'Nix'"):
        named("Nix")


# --- servers that come and go -------------------------------------------------------------


@on_each_loop
async def test_servers_come_and_go() -> None:
    """With names of their own; a reset brings back the fleet of the start."""
    async with Fleet((0, 0)) as fleet:
        ports = fleet.ports
        third = await fleet.add(Settings(num_parallel=4))
        assert (third.name, third.place) == ("s3", 3)
        server = Server(fleet)
        server.port = third.listener.port
        assert await status(server, options={"num_predict": 1}) == 200
        await fleet.remove("s1")
        assert await refused(ports[0])
        assert [each.name for each in fleet.servers.values()] == ["s2", "s3"]
        await fleet.change("s2", Settings(kv_cache_type="q8_0"))
        assert fleet.named("s2").kv_cache_type == "q8_0"
        assert not fleet.named("s2").down
        (changed,) = fleet.journal.where(records.Changed)
        assert changed.fields == ("kv_cache_type",)
        await fleet.remove("s3")
        assert (await fleet.add()).name == "s4"
        await fleet.reset()
        assert fleet.ports == ports
        assert [each.name for each in fleet.servers.values()] == ["s1", "s2"]
        assert fleet.named("s2").kv_cache_type == "f16"
        server.port = ports[0]
        assert await status(server, options={"num_predict": 1}) == 200


@on_each_loop
async def test_what_can_t_come() -> None:
    async with Fleet((0,)) as fleet:
        with pytest.raises(PortTaken):
            await fleet.add(port=fleet.ports[0])
        with pytest.raises(ValueError, match="helper"):
            await fleet.add(Settings(helper=True))
        with pytest.raises(UnknownServer, match="s7"):
            await fleet.remove("s7")
        assert len(fleet.servers) == 1
