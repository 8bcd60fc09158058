"""The fleet and its servers over the control API: shown, added, changed, removed, restarted."""

from __future__ import annotations

import asyncio
import time
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from ollama_simulator import __version__, records
from ollama_simulator.access import Access
from ollama_simulator.control.views import server_info
from ollama_simulator.fleet import Fleet
from ollama_simulator.model import Model
from ollama_simulator.settings import Settings
from tests.control.api import Api, controlled
from tests.net.loops import on_each_loop
from tests.net.peers import refused


async def names(api: Api) -> list[str]:
    """Those of the servers there are."""
    _, shown = await api("GET", "/servers")
    return [server["name"] for server in shown["servers"]]


# --- what is shown ------------------------------------------------------------------------


@on_each_loop
async def test_the_fleet() -> None:
    async with controlled(Fleet([0, 0], seed=7, records=4)) as api:
        for _ in range(6):
            await api.ask()
        journal = api.fleet.journal
        status, shown = await api("GET", "/fleet")
        assert status == 200
        now, started = shown.pop("now"), shown.pop("started")
        assert 0 <= api.fleet.clock.now() - now < 5
        assert abs(time.time() - api.fleet.started_ns / 1e9) < 20
        assert started.startswith(
            time.strftime("%Y-%m-%dT", time.gmtime(api.fleet.started_ns / 1e9))
        )
        assert started.endswith("Z")
        assert shown == {
            "version": __version__,
            "seed": 7,
            "clock_speed": 1.0,
            "servers": 2,
            "records": len(journal.records),
            "dropped": journal.dropped,
            "next": journal.dropped + len(journal.records),
            "journal_file": None,
            "lacking": [],
        }
        assert shown["dropped"] > 0


@on_each_loop
async def test_a_server_at_the_start() -> None:
    async with controlled() as api:
        port = api.fleet.named("s2").listener.port
        assert await api("GET", "/servers/s2") == (
            200,
            {
                "name": "s2",
                "port": port,
                "url": f"http://127.0.0.1:{port}",
                "behavior": {"type": "Normal", "num_tokens": 20, "load_delay_ms": 0},
                "door": "open",
                "down": False,
                "accepting": True,
                "active": 0,
                "queued": 0,
                "requests": 0,
                "tokens": 0,
                "slots": [],
                "loaded": [],
                "installed": ["test-model:latest"],
                "vram": {"used": 0, "total": 0},
                "cached_tokens": 0,
                "rules": [],
                "profile": "seed",
                "settings": {},
                "worker": None,
            },
        )


@on_each_loop
async def test_a_server_is_told_where_it_can_be_reached() -> None:
    """On its fleet's address; on every one, by the name by which the control API was asked."""
    for bound, asked, told in (
        ("127.0.0.1", "simulator.lan:11500", "127.0.0.1"),
        ("127.0.0.2", "simulator.lan:11500", "127.0.0.2"),
        ("0.0.0.0", "simulator.lan:11500", "simulator.lan"),
        ("0.0.0.0", "10.1.2.3", "10.1.2.3"),
        ("0.0.0.0", "[::1]:11500", "127.0.0.1"),
    ):
        async with controlled(Fleet([0], host=bound), Access(names=("simulator.lan",))) as api:
            url = f"http://{told}:{api.fleet.ports[0]}"
            for method, path in (
                ("GET", "/servers/s1"),
                ("PATCH", "/servers/s1"),
                ("POST", "/servers/s1/restart"),
            ):
                answer = await api.client.request(method, path, headers={"host": asked})
                assert answer.json()["url"] == url, (asked, path)
            answer = await api.client.get("/servers", headers={"host": asked})
            assert [each["url"] for each in answer.json()["servers"]] == [url]
            answer = await api.client.post("/servers", headers={"host": asked})
            assert answer.json()["url"].startswith(f"http://{told}:")


@on_each_loop
async def test_a_server_at_work() -> None:
    """Slots, queue and memory, while one request runs and another waits; and what is left."""
    model = Model("m:1b", 1_000, "d", "f", "1B", "F16", context_length=4096)
    fleet = Fleet([0], settings=Settings(installed_models=(model,)))
    async with controlled(fleet) as api:
        body = {"model": "m:1b", "messages": [{"role": "user", "content": "Hi"}]}
        url = f"http://127.0.0.1:{fleet.ports[0]}/api/chat"
        await api(
            "POST",
            "/behavior",
            {
                "port": fleet.ports[0],
                "behavior": {"type": "Slow", "tokens_per_sec": 20, "num_tokens": 12},
            },
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(api.client.post(url, json=body))
            await fleet.journal.wait_for(records.FirstToken, 10)
            group.create_task(api.client.post(url, json=body))
            await fleet.journal.wait_for(records.Queued, 10)
            _, shown = await api("GET", "/servers/s1")
            assert (shown["active"], shown["queued"], shown["requests"]) == (2, 1, 2)
            assert shown["slots"] == [{"model": "m:1b", "slot": 0, "busy": True, "tokens": 0}]
            (loaded,) = shown["loaded"]
            assert (loaded["name"], loaded["context"], loaded["slots"]) == ("m:1b", 4096, 1)
            assert loaded["size"] == loaded["size_vram"] == shown["vram"]["used"] > 1_000
        _, shown = await api("GET", "/servers/s1")
        assert (shown["active"], shown["queued"], shown["tokens"]) == (0, 0, 24)
        assert shown["slots"][0]["busy"] is False
        assert shown["slots"][0]["tokens"] == shown["cached_tokens"] > 12
        assert shown["behavior"]["type"] == "Slow"
        _, cache = await api("GET", f"/kv-cache/{fleet.ports[0]}")
        assert cache["token_count"] == shown["cached_tokens"]


@on_each_loop
async def test_two_hundred_servers_are_shown_in_no_time() -> None:
    """What twice a second is asked for costs less than a twentieth of a slow machine."""
    async with Fleet([0] * 200) as fleet:
        servers = list(fleet.servers.values())
        for server in servers:
            server.load("test-model")
        best = min(_seconds(fleet) for _ in range(5))
        assert best < 0.025


def _seconds(fleet: Fleet) -> float:
    began = time.process_time()
    assert len([server_info(fleet, server) for server in fleet.servers.values()]) == 200
    return time.process_time() - began


@on_each_loop
async def test_unknown_servers() -> None:
    async with controlled() as api:
        for name in ("s9", "all", "s1,s2", "S1", "%20", "%C3%A4"):
            await api.problem(404, "UnknownServer", "GET", f"/servers/{name}")


# --- added and removed --------------------------------------------------------------------


@on_each_loop
async def test_a_server_is_added() -> None:
    """With settings, a behaviour and rules from the start; the next one has another name."""
    async with controlled() as api:
        rule = {"fault": {"type": "Hang"}, "path": "/api/tags"}
        table = {"num_parallel": 4, "behavior": {"type": "EmptyReply"}, "rules": [rule]}
        answer = await api.client.post("/servers", json=table)
        shown = answer.json()
        assert (answer.status_code, answer.headers["location"]) == (201, "/servers/s4")
        assert (shown["name"], shown["settings"]) == ("s4", {"num_parallel": 4})
        assert shown["behavior"] == {"type": "EmptyReply"}
        assert shown["rules"][0]["rule"]["path"] == "/api/tags"
        assert api.fleet.named("s4").settings == Settings(num_parallel=4)
        assert await api("DELETE", "/servers/s4") == (204, None)
        assert await names(api) == ["s1", "s2", "s3"]
        assert await refused(shown["port"])
        status, again = await api("POST", "/servers")
        assert (status, again["name"], again["settings"]) == (201, "s5", {})
        assert (await api.ask("s5")).status_code == 200
        await api("POST", "/reset")
        assert await names(api) == ["s1", "s2", "s3"]


@on_each_loop
async def test_a_port_that_is_taken() -> None:
    async with controlled() as api:
        port = api.fleet.ports[0]
        told = await api.problem(409, "PortTaken", "POST", "/servers", {"port": port})
        assert str(port) in told["detail"]
        assert await names(api) == ["s1", "s2", "s3"]


@on_each_loop
async def test_a_server_that_cant_be_as_told_is_not_there() -> None:
    async with controlled() as api:
        table = {"rules": [{"fault": {"type": "Frozen"}, "path": "/x"}]}
        told = await api.problem(400, "BadBody", "POST", "/servers", table)
        assert told["errors"][0]["pointer"] == "#/rules/0/path"
        assert await names(api) == ["s1", "s2", "s3"]


@on_each_loop
async def test_a_server_of_the_start_is_removed() -> None:
    async with controlled() as api:
        port = api.fleet.named("s2").listener.port
        assert await api("DELETE", "/servers/s2") == (204, None)
        assert await names(api) == ["s1", "s3"]
        await api.problem(404, "UnknownServer", "DELETE", "/servers/s2")
        await api("POST", "/reset")
        assert await names(api) == ["s1", "s2", "s3"]
        assert api.fleet.named("s2").listener.port == port


@on_each_loop
async def test_a_server_with_a_helper_stays() -> None:
    async with controlled(Fleet([0], settings=Settings(helper=True))) as api:
        await api.problem(409, "Conflict", "DELETE", "/servers/s1")
        assert await names(api) == ["s1"]


# --- changed ------------------------------------------------------------------------------


@on_each_loop
async def test_settings_are_changed_one_by_one() -> None:
    """What isn't given stays, for ever included; the journal tells what became another."""
    async with controlled() as api:
        forever = {"environment": {"OLLAMA_KEEP_ALIVE": "-1"}}
        await api("PATCH", "/servers/s1", {"num_parallel": 3, "zone": "Europe/Helsinki"})
        status, shown = await api("PATCH", "/servers/s1", forever)
        assert status == 200
        assert shown["settings"] == {"num_parallel": 3, "zone": "Europe/Helsinki"} | forever
        assert api.fleet.named("s1").settings.keep_alive == float("inf")
        status, shown = await api("PATCH", "/servers/s1", {"num_parallel": 1, "keep_alive": None})
        assert shown["settings"] == {"zone": "Europe/Helsinki"}
        changes = api.fleet.journal.where(records.Changed)
        assert [set(change.fields) for change in changes] == [
            {"num_parallel", "zone"},
            {"keep_alive"},
            {"num_parallel", "keep_alive"},
        ]
        # What is shown can be sent again.
        assert (await api("PATCH", "/servers/s1", shown["settings"]))[1] == shown


BAD_TABLES: list[tuple[Any, str, str]] = [
    ({"num_parallel": "4"}, "#/num_parallel", "whole number"),
    ({"num_parallel": -1}, "#/num_parallel", ">= 0"),
    ({"num_paralel": 4}, "#/num_paralel", "did you mean num_parallel?"),
    ({"zone": "Mars"}, "#/zone", "Mars"),
    ({"profile": "rtx-4090"}, "#/profile", "rtx-4090-llama3-8b"),
    ({"engine": "new"}, "#/engine", "legacy"),
    ({"helper": True}, "#/helper", "start"),
    (
        {"environment": {"OLLAMA_NUM_PARALEL": 3}},
        "#/environment/OLLAMA_NUM_PARALEL",
        "did you mean OLLAMA_NUM_PARALLEL?",
    ),
    ({"environment": {"a/b~": 3}}, "#/environment/a~1b~0", "variable"),
    ({"environment": 5}, "#/environment", "object"),
    ({"installed_models": [{"name": "m"}]}, "#/installed_models/0", "`size`, `digest`, `family`,"),
    ({"model_profiles": {"m": "none"}}, "#/model_profiles/m", "no profile"),
    (b"[]", "#", "object"),
]


@on_each_loop
async def test_tables_that_cant_be_meant() -> None:
    async with controlled() as api:
        for table, pointer, hint in BAD_TABLES:
            for method, path in (("PATCH", "/servers/s1"), ("POST", "/servers")):
                told = await api.problem(400, "BadBody", method, path, table)
                assert told["errors"][0]["pointer"] == pointer, table
                assert hint in told["errors"][0]["detail"], table
                assert hint in told["detail"], table
        assert not api.fleet.journal.records, "nothing has changed"


@on_each_loop
async def test_no_file_is_named_over_the_wire(tmp_path: Path) -> None:
    """Neither to be read nor to be written; what the fleet's file named stays as it is."""
    secret, profile = tmp_path / "secret", tmp_path / "own.toml"
    secret.write_text("secret", encoding="utf-8")
    profile.write_text((files("ollama_simulator") / "profiles" / "tiny.toml").read_text("utf-8"))
    given = {"profile": str(profile), "model_profiles": {"m": str(profile)}}
    fleet = Fleet([0], settings=msgspec.convert(given, Settings))
    async with controlled(fleet) as api:
        wish = {
            "replay": str(secret),
            "record": str(tmp_path / "new.jsonl"),
            "upstream": "http://127.0.0.1:9",
            "profile": str(secret.with_suffix(".toml")),
            "model_profiles": {"m": "other.toml", "a/b": "/etc/x.toml", "n": "tiny"},
        }
        for method, path in (("PATCH", "/servers/s1"), ("POST", "/servers")):
            told = await api.problem(400, "BadBody", method, path, wish)
            assert [each["pointer"] for each in told["errors"]] == [
                "#/record",
                "#/replay",
                "#/profile",
                "#/model_profiles/m",
                "#/model_profiles/a~1b",
            ]
            assert all("only the command line" in each["detail"] for each in told["errors"])
            assert "secret" not in told["detail"]
        assert not api.fleet.journal.records, "nothing has changed"
        assert not (tmp_path / "new.jsonl").exists()
        await api.problem(400, "BadBody", "POST", "/servers", given)
        assert (await api("PATCH", "/servers/s1", {**given, "num_parallel": 2}))[0] == 200
        status, shown = await api("PATCH", "/servers/s1", {"profile": "tiny", "replay": None})
        assert (status, shown["profile"]) == (200, "tiny")
        assert shown["settings"]["model_profiles"] == given["model_profiles"]


# --- restarted ----------------------------------------------------------------------------


@on_each_loop
async def test_a_restart() -> None:
    """One is told by itself, several as a list."""
    async with controlled() as api:
        status, shown = await api("POST", "/servers/s1/restart", {"seconds": 0.2})
        assert (status, shown["name"], shown["down"], shown["door"]) == (200, "s1", True, "shut")
        await asyncio.wait_for(api.fleet.named("s1").up(), 5)
        assert (await api.ask()).status_code == 200
        status, shown = await api("POST", "/servers/all/restart", {"seconds": 60})
        assert [each["down"] for each in shown["servers"]] == [True] * 3
        status, shown = await api("POST", "/servers/s3,s2/restart", {"seconds": 0})
        assert [each["name"] for each in shown["servers"]] == ["s3", "s2"]


@on_each_loop
async def test_restarts_that_cant_be() -> None:
    async with controlled() as api:
        for seconds in (-1, "3", 1e300, True):
            body = {"seconds": seconds}
            told = await api.problem(400, "BadBody", "POST", "/servers/s1/restart", body)
            assert told["errors"][0]["pointer"] == "#/seconds"
        assert not api.fleet.journal.records
