"""Looking at a fleet."""

from __future__ import annotations

import json

import msgspec

from ollama_simulator.console.follow import Follower
from ollama_simulator.console.lines import started
from ollama_simulator.console.look import Watch, told
from ollama_simulator.console.words import BAD, CHANGED, GOOD
from ollama_simulator.control.views import ServerInfo, server_info
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.rule import Rule
from ollama_simulator.fleet import Fleet
from ollama_simulator.journal import Journal
from ollama_simulator.records import Behaved
from tests.test_rules import in_virtual_time
from tests.test_server import Server, post


def test_how_servers_stand() -> None:
    """Their state, rules, what they do, and what is in memory."""

    async def main(fleet: Fleet) -> None:
        first, second = fleet.servers.values()
        watch = Watch(fleet, 0.0)
        before = watch.look(0.25)
        assert watch.look(0.5) == before, "nothing happened, so it looks alike"
        assert [(row.state, row.sound) for row in before.rows] == [("ok", True)] * 2
        await second.behave(ConnectionRefused())
        await fleet.inject("s1", Rule(fault=HttpError(503, "no"), name="flaky", limit=1))
        await fleet.inject("s1", Rule(fault=Hang(), path="/none"))
        server = Server(fleet)
        async with await server.connect() as peer:
            await peer.send(post("/api/chat", stream=False))
            assert (await peer.answer())[0] == 503
            await peer.send(post("/api/chat", stream=False, options={"num_predict": 13}))
            assert (await peer.answer())[0] == 200
        after = watch.look(1.5)
        one, two = after.rows
        assert (one.name, one.port, one.state, one.sound) == ("s1", fleet.ports[0], "ok", False)
        assert (one.rules, one.requests, one.active, one.queued) == ("flaky, Hang", 2, 0, 0)
        assert (one.busy, one.slots, one.models) == (0, 1, ("test-model:latest",))
        assert one.vram == first.memory.vram > 0
        assert (two.state, two.sound, two.requests, two.models) == (
            "ConnectionRefused",
            False,
            0,
            (),
        )
        assert [(event.server, event.kind, event.words) for event in after.events] == [
            ("s2", CHANGED, "door shut"),
            ("s2", CHANGED, "behaves as ConnectionRefused"),
            ("s1", CHANGED, "rule 1 (flaky): HttpError"),
            ("s1", CHANGED, "rule 2: Hang"),
            ("s1", BAD, "HttpError struck POST /api/chat, by rule 1"),
            ("s1", BAD, "POST /api/chat → 503 complete"),
            ("s1", CHANGED, "test-model:latest loaded in 0.0 s"),
            ("s1", GOOD, "POST /api/chat → 200 complete, 13 tokens"),
        ]
        await first.restart(seconds=1)
        assert watch.look(1.75).rows[0].state == "down"

    in_virtual_time(main, servers=2)


def test_tokens_in_a_second() -> None:
    """Those of answers in progress count, too, and a rate that is over fades."""

    async def main(fleet: Fleet) -> None:
        server = Server(fleet)
        watch = Watch(fleet, 0.0)
        watch.look(0.0)
        async with await server.connect() as peer:
            await peer.send(post("/api/chat", options={"num_predict": 1000}))
            await fleet.clock.sleep_until(fleet.clock.now() + 4)
            made = server.sim.tokens
            assert 255 <= made <= 260, "65 in each second"
            assert watch.look(4.0).rows[0].rate == round(made / 4)
            assert watch.look(4.5).rows[0].rate == round(made / 8), "none came since"
            assert watch.look(5.5).rows[0].rate == 0

    in_virtual_time(main)


def test_who_reads_late_is_told_what_was_dropped() -> None:
    """And reads on with what there is."""
    journal = Journal(4)
    journal.add(Behaved(t=0, server="s1", behavior="before"))
    follower = Follower(journal)
    assert follower.read() == (0, [])
    for number in range(12):
        journal.add(Behaved(t=number, server="s1", behavior=str(number)))
    missed, found = follower.read()
    assert missed == journal.dropped - 1
    assert missed + len(found) == 12
    assert found == journal.records
    assert follower.read() == (0, [])


def test_the_first_line_of_json() -> None:
    """Where everything listens."""

    async def main(fleet: Fleet) -> None:
        (port,) = fleet.ports
        assert json.loads(started(fleet, "http://127.0.0.1:5")) == {
            "kind": "Started",
            "t": fleet.clock.now(),
            "control_api": "http://127.0.0.1:5",
            "servers": [{"name": "s1", "port": port, "url": f"http://127.0.0.1:{port}"}],
        }

    in_virtual_time(main)


def test_servers_in_other_processes() -> None:
    """What the control API tells of them looks the same."""

    async def main(fleet: Fleet) -> None:
        await fleet.inject("s1", Rule(fault=HttpError(503, "no"), name="flaky", path="/none"))
        await fleet.inject("s1", Rule(fault=Hang(), path="/none"))
        await fleet.named("s2").behave(ConnectionRefused())
        await fleet.restart(fleet.ports[2], seconds=9.0)
        server = Server(fleet)
        async with await server.connect() as peer:
            await peer.send(post("/api/chat", stream=False, options={"num_predict": 13}))
            assert (await peer.answer())[0] == 200
        here = Watch(fleet, 0.0).look(1.0)
        infos = msgspec.to_builtins([server_info(fleet, each) for each in fleet.servers.values()])
        stands = [told(each) for each in msgspec.convert(infos, list[ServerInfo])]
        assert Watch(fleet, 0.0).look(1.0, stands) == here
        assert [row.state for row in here.rows] == ["ok", "ConnectionRefused", "down"]
        assert [stand.tokens for stand in stands] == [13, 0, 0]

    in_virtual_time(main, servers=3)
