"""Each method of a fleet, its servers, rules and journal, in all four ways."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from ollama_simulator import records
from ollama_simulator.acts import Door
from ollama_simulator.conformance.balancers.ports import claimed
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rule import Rule
from ollama_simulator.fleet import UnknownServer
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.script import Script, Step
from ollama_simulator.simulation.pattern import happening
from ollama_simulator.simulation.verdict import Unverified
from tests.simulation.ways import REMOTE, asked, asking, block, done, every_way, fleet

FAST = {"tokens_per_sec": 2000.0}
BUSY = HttpError(503, "busy")


@every_way
async def test_a_fleet_is_a_collection_of_servers(way: str) -> None:
    async with fleet(way, 3, seed=7) as it:
        assert len(it) == 3
        assert [server.name for server in it] == ["s1", "s2", "s3"]
        assert it["s2"] is it[1] is it[-2]
        assert "s3" in it
        assert "s4" not in it
        assert it[0] in it
        assert it.urls == [server.url for server in it.servers]
        assert it["s1"].url == f"http://127.0.0.1:{it['s1'].port}"
        assert it.seed == 7
        for server in it:
            assert (await asked(server.url, "/api/tags")).status == 200
        with pytest.raises(UnknownServer, match=r"no server 'S1'; did you mean 's1'\?"):
            it["S1"]
        with pytest.raises(UnknownServer, match="no server 3; there are s1, s2, s3"):
            it[3]


@every_way
async def test_a_rule_strikes_and_tells_how_often(way: str) -> None:
    async with fleet(way, 2) as it:
        rule = await done(it["s1"].inject(BUSY, limit=1, path="/api/chat", name="once"))
        assert (await asked(it["s1"].url, "/api/tags")).status == 200
        assert (await asked(it["s1"].url)).status == 503
        assert (await asked(it["s1"].url)).status == 200
        assert (await asked(it["s2"].url)).status == 200
        assert await done(rule.struck) == 1
        assert await done(rule.matched) == 2
        assert rule.rule == Rule(fault=BUSY, limit=1, path="/api/chat", name="once")
        (active,) = await done(it["s1"].rules)
        assert (active.id, active.rule, active.matched) == (rule.id, rule.rule, 2)
        assert await done(rule.heal()) == 1
        assert await done(it["s1"].rules) == []
        assert await done(rule.heal()) == 0
        assert (await done(rule.struck), await done(rule.matched)) == (1, 2)


@every_way
async def test_a_rule_is_healed_at_the_end_of_its_block(way: str) -> None:
    async with fleet(way) as it:
        async with block(await done(it[0].inject(BUSY))) as rule:
            assert (await asked(it[0].url)).status == 503
        assert (await asked(it[0].url)).status == 200
        assert await done(rule.struck) == 1
        with pytest.raises(ZeroDivisionError):
            async with block(await done(it[0].inject(BUSY))):
                raise ZeroDivisionError
        assert (await asked(it[0].url)).status == 200


@every_way
async def test_a_rule_of_a_fleet_counts_on_all_of_its_servers(way: str) -> None:
    async with fleet(way, 3) as it:
        rule = await done(it.inject(BUSY, ["s1", "s2"], limit=1, shared=True))
        assert rule.servers == ("s1", "s2")
        found = [(await asked(server.url)).status for server in it]
        assert found == [503, 200, 200]
        assert (await done(rule.struck), await done(rule.matched)) == (1, 2)
        await done(rule.heal())
        rule = await done(it.inject(BUSY, "s3"))
        assert rule.servers == ("s3",)
        assert [(await asked(server.url)).status for server in it] == [200, 200, 503]
        await done(rule.heal())
        rule = await done(it.inject(BUSY))
        assert [(await asked(server.url)).status for server in it] == [503, 503, 503]
        assert (await done(rule.struck), await done(rule.matched)) == (3, 3)
        assert await done(it.heal()) == 3
        assert [(await asked(server.url)).status for server in it] == [200, 200, 200]
        with pytest.raises(UnknownServer, match="no server 's9'"):
            await done(it.inject(BUSY, ["s1", "s9"]))
        assert await done(it["s1"].rules) == []


@every_way
async def test_what_can_not_be_meant_is_refused_before_anything_changes(way: str) -> None:
    async with fleet(way) as it:
        server: Any = it[0]
        cases: list[tuple[Callable[[], Any], type[Exception], str]] = [
            (lambda: server.inject(BUSY, limt=1), TypeError, "'limt' .* did you mean 'limit'"),
            (lambda: server.inject(BUSY, limit=-1), ValueError, "limit: Expected `int` >= 0"),
            (lambda: server.inject(BUSY, since=3, until=2), ValueError, "until: it would end"),
            (lambda: server.inject(ConnectionRefused(), path="/"), ValueError, "path: Connection"),
            (lambda: server.inject(FailMidStream), TypeError, "FailMidStream is a class"),
            (lambda: server.inject("Hang"), TypeError, "'Hang' is no fault"),
            (lambda: server.inject(FailMidStream(-1)), ValueError, "tokens_before_fail: Expected"),
            (
                lambda: server.behave(HttpError(0, "")),
                ValueError,
                "status_code: Expected `int` >= 200",
            ),
            (lambda: server.install("a b"), ValueError, "'a b' is no model name"),
            (lambda: server.install("a", "a:latest"), ValueError, "stands twice"),
            (lambda: server.load("a b"), ValueError, "'a b' is no model name"),
            (lambda: server.script("Hi"), TypeError, "'Hi' is no script"),
            (lambda: server.restart(-1), ValueError, "can't be down for -1 seconds"),
            (lambda: server.change(profil="x"), TypeError, "'profil'.* did you mean 'profile'"),
            (lambda: server.change(wire="1"), ValueError, "wire: .*there are 0.33, 0.13.5"),
            (lambda: it.add(profile="x"), ValueError, "profile: there is no profile 'x'"),
            (lambda: it.add(port=-1), ValueError, "-1 is no port"),
            (lambda: it.add(port="1"), TypeError, "port: '1' is no whole number"),
            (lambda: it.restart("1"), TypeError, "seconds: '1' is no number"),
            (lambda: server.load(3), ValueError, "3 is no model name"),
            (lambda: it.inject(BUSY, []), ValueError, "servers: a rule is set on one at least"),
            (lambda: it.remove("s9"), UnknownServer, "no server 's9'"),
        ]
        for wrong, error, words in cases:
            with pytest.raises(error, match=words):
                await done(wrong())
        await done(it.refresh())
        assert len(it) == 1
        assert await done(it.journal.where("Injected")) == []
        assert await done(it.journal.where("Changed")) == []


@every_way
async def test_behaviours_take_the_place_of_rules(way: str) -> None:
    async with fleet(way, 2) as it:
        await done(it["s1"].inject(Hang()))
        await done(it["s1"].behave(BUSY))
        assert await done(it["s1"].rules) == []
        assert (await asked(it["s1"].url)).status == 503
        assert (await asked(it["s2"].url)).status == 200
        assert (await done(it["s1"].info())).behavior == BUSY
        await done(it.behave(BUSY))
        assert (await asked(it["s2"].url)).status == 503
        await done(it["s2"].inject(Hang()))
        assert await done(it["s2"].heal()) == 1
        assert (await asked(it["s2"].url)).status == 200
        assert (await done(it["s2"].info())).behavior == Normal()


@every_way
async def test_servers_come_change_and_go(way: str) -> None:
    with claimed(2) as ports:  # a reset takes them again
        await _come_change_and_go(way, ports)


async def _come_change_and_go(way: str, ports: Sequence[int]) -> None:
    async with fleet(way, ports=ports) as it:
        added = await done(it.add(num_parallel=3, keep_alive=float("inf")))
        assert added.name == "s3"
        assert it["s3"] is added
        assert (await asked(added.url, "/api/tags")).status == 200
        assert (await done(added.info())).settings["num_parallel"] == 3
        await done(added.change(num_parallel=2, speed=0.5))
        settings = (await done(added.info())).settings
        assert (settings["num_parallel"], settings["speed"]) == (2, 0.5)
        await done(it.remove("s1"))
        await done(it.remove(it["s2"]))
        assert [server.name for server in it] == ["s3"]
        with pytest.raises(UnknownServer, match="no server 's1'; there are s3"):
            it["s1"]
        with pytest.raises(PortTaken, match=f"port {added.port} is taken"):
            await done(it.add(port=added.port))
        await done(it.reset())
        assert [server.name for server in it] == ["s1", "s2"]
        assert (await asked(it["s1"].url, "/api/tags")).status == 200


@every_way
async def test_a_profile_is_a_file_of_whoever_names_it(way: str, tmp_path: Path) -> None:
    """A running simulator is told what is in it. A recording is a file of its own machine, and
    only who started it names those."""
    tiny = files("ollama_simulator") / "profiles" / "tiny.toml"
    own, recording = tmp_path / "own.toml", tmp_path / "recording.jsonl"
    own.write_text(tiny.read_text("utf-8").replace('name = "tiny"', 'name = "own"'), "utf-8")
    recording.write_text("", encoding="utf-8")
    async with fleet(way) as it:
        added = await done(it.add(profile=str(own), model_profiles={"llama3:8b": str(own)}))
        info = await done(added.info())
        assert info.profile == ("own" if way in REMOTE else str(own))
        assert list(info.settings["model_profiles"]) == ["llama3:8b"]
        if way in REMOTE:
            with pytest.raises(ValueError, match="replay: only who starts a simulator"):
                await done(added.change(replay=str(recording)))


@every_way
async def test_models_are_installed_and_loaded(way: str) -> None:
    async with fleet(way) as it:
        server = it[0]
        assert await done(server.models) == ["test-model:latest"]
        await done(server.install("llama3:8b", "qwen3"))
        assert await done(server.models) == ["llama3:8b", "qwen3"]
        assert (await asked(server.url)).status == 404
        await done(server.load("llama3:8b"))
        assert [each.name for each in (await done(server.info())).loaded] == ["llama3:8b"]
        assert (await asked(server.url, model="llama3:8b")).status == 200
        assert (await done(server.info())).cached_tokens > 0
        await done(server.clear_cache())
        assert (await done(server.info())).cached_tokens == 0
        await done(server.load(None))
        assert (await done(server.info())).loaded == []


@every_way
async def test_scripts_say_what_is_answered(way: str) -> None:
    async with fleet(way) as it:
        await done(it[0].script(Script(contains="sky", answer=(Step(content="Blue."),))))
        answer = await asked(it[0].url, text="Which colour is the sky?")
        assert json.loads(answer.body)["message"]["content"] == "Blue."
        await done(it[0].script())
        answer = await asked(it[0].url, text="Which colour is the sky?")
        assert json.loads(answer.body)["message"]["content"] != "Blue."


@every_way
async def test_servers_restart(way: str) -> None:
    async with fleet(way, 2) as it:
        await done(it["s1"].restart(0.2))
        assert (await done(it["s1"].info())).down
        assert (await asked(it["s1"].url, "/api/tags")).status is None
        found = await done(it.journal.wait_for("Restarted", server="s1"))
        assert 0.2 <= found.seconds < 2
        assert (await asked(it["s1"].url, "/api/tags")).status == 200
        await done(it.restart(0.0))
        await done(it.journal.wait_for("Restarted", server="s2"))


@every_way
async def test_running_requests_are_cancelled(way: str) -> None:
    async with fleet(way) as it:
        await done(it[0].behave(Hang()))
        waiting = asking(it[0].url)
        await done(it.journal.wait_for(records.Received))
        assert (await done(it[0].info())).active == 1
        assert await done(it[0].cancel()) == 1
        assert (await waiting).status is None
        found = await done(it.journal.wait_for(records.Finished))
        assert found.outcome == "cancelled"


@every_way
async def test_how_servers_stand_is_told(way: str) -> None:
    async with fleet(way, 2) as it:
        await done(it["s2"].inject(ConnectionRefused()))
        first, second = await done(it.info())
        assert (first.name, first.port, first.door) == ("s1", it["s1"].port, Door.OPEN)
        assert (second.door, second.accepting) == (Door.SHUT, False)
        assert second.rules[0].rule == Rule(fault=ConnectionRefused())
        assert first.installed == ["test-model:latest"]


@every_way
async def test_requests_are_told_with_their_bodies(way: str) -> None:
    async with fleet(way, 2) as it:
        await done(it["s1"].inject(FailMidStream(5), limit=1))
        text = 'Say "ü" —\nplease'
        await asked(it["s1"].url, text=text)
        await asked(it["s2"].url, text=text)
        await asked(it["s2"].url, text="Something else")
        first, second = await done(it.journal.attempts(text))
        assert (first.server, first.outcome, first.tokens) == ("s1", "rst", 5)
        assert (first.faults, first.path) == (("FailMidStream",), "/api/chat")
        assert (second.server, second.outcome, second.status) == ("s2", "complete", 200)
        assert second.json["messages"][0]["content"] == text
        assert second.header("content-LENGTH") == str(len(second.body))
        assert str(second).startswith("s2 #2 POST /api/chat: complete, status 200, 20 tokens")
        assert [one.exchange for one in await done(it["s2"].requests)] == [2, 3]
        assert len(await done(it.journal.attempts())) == 3


@every_way
async def test_a_journal_answers_questions(way: str) -> None:
    async with fleet(way, 2) as it:
        journal = it.journal
        await asked(it["s1"].url)
        later = await done(journal.since())
        await done(it["s2"].inject(FailMidStream(3), limit=1))
        await asked(it["s2"].url)
        finished = await done(journal.wait_for("Finished", server="s2", outcome="rst"))
        assert isinstance(finished, records.Finished)
        assert await done(journal.where(records.Finished, outcome="rst")) == [finished]
        assert len(await done(journal.where("Finished", status=lambda it: it == 200))) == 1
        assert len(await done(later.where("Finished"))) == 1
        assert await done(later.where("Closed", how="rst")) != []
        assert (
            await done(later.records)
            == (await done(journal.records))[-len(await done(later.records)) :]
        )
        assert await done(journal.verify("Finished", count=2, tokens=lambda n: n)) != []
        assert await done(journal.verify("Queued", at_most=0)) == []
        steps = await done(
            journal.verify_order("Asked", happening("Struck", rule=1), happening("Finished"))
        )
        assert [step.server for step in steps] == ["s1", "s2", "s2"]
        assert "FailMidStream strikes, by rule 1" in await done(journal.text())
        with pytest.raises(Unverified, match="the nearest Finished: server is 's2', not 's1'"):
            await done(journal.verify("Finished", server="s1", outcome="rst"))
        with pytest.raises(UnknownServer, match="there is no server 's3'; there are s1, s2"):
            await done(journal.verify("Finished", server="s3", outcome="rst", count=0))
        await done(it.remove(await done(it.add())))
        assert await done((await done(journal.since())).where("Asked", server="s3")) == []
        with pytest.raises(Unverified, match=r"within 0.05 s, but it happened never"):
            await done(journal.wait_for("Queued", timeout=0.05))
        with pytest.raises(LookupError, match="no record 'Finised'; did you mean 'Finished'"):
            await done(journal.where("Finised"))
        with pytest.raises(TypeError, match="Finished has no field 'state'; did you mean 'status'"):
            await done(journal.wait_for("Finished", state=200))


@every_way
async def test_a_record_is_waited_for(way: str) -> None:
    """What was there before a moment doesn't count from then on."""
    async with fleet(way) as it:
        await asked(it[0].url)
        later = await done(it.journal.since())
        waiting = asking(it[0].url)
        found = await done(later.wait_for("Finished"))
        assert found.exchange == 2
        assert (await waiting).status == 200


@every_way
async def test_a_server_has_a_journal_of_its_own(way: str) -> None:
    async with fleet(way, 2) as it:
        for server in it:
            await asked(server.url, "/api/tags")
        assert len(await done(it.journal.where("Finished"))) == 2
        (own,) = await done(it["s2"].journal.verify("Finished", count=1))
        assert own.server == "s2"
        assert (await done(it["s2"].journal.wait_for("Asked"))).server == "s2"
