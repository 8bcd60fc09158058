"""Rules over the control API: set, shown, ended, refused."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator import records
from tests.control.api import controlled
from tests.net.loops import on_each_loop

NO = {"fault": {"type": "HttpError", "status_code": 503, "message": "no", "headers": {}}}


@on_each_loop
async def test_a_rule_on_one_server() -> None:
    """It strikes there, is shown with its counts, and ends."""
    async with controlled() as api:
        answer = await api.client.post("/servers/s2/rules", json=NO | {"limit": 2, "ttl": 60})
        assert (answer.status_code, answer.json()) == (201, {"id": 1, "servers": ["s2"]})
        place = answer.headers["location"]
        assert place == "/servers/s2/rules/1"
        assert [(await api.ask("s2")).status_code for _ in range(3)] == [503, 503, 200]
        assert (await api.ask("s1")).status_code == 200
        status, shown = await api("GET", place)
        assert status == 200
        age, left = shown.pop("age"), shown.pop("ends_in")
        assert 0 < age < 20
        assert age + left == pytest.approx(60)
        whole = {
            "name": "",
            "path": "*",
            "method": "*",
            "model": "*",
            "header": {},
            "contains": "",
            "probability": 1.0,
            "ramp": 0.0,
            "skip": 0,
            "limit": 2,
            "every": 1,
            "shared": False,
            "since": 0.0,
            "until": None,
            "ttl": 60.0,
        }
        assert shown == {
            "id": 1,
            "rule": NO | whole,
            "servers": ["s2"],
            "matched": 3,
            "struck": 2,
            "active": False,
        }
        _, listed = await api("GET", "/servers/s2")
        assert [each["id"] for each in listed["rules"]] == [1]
        assert await api("DELETE", place) == (204, None)
        await api.problem(404, "UnknownRule", "GET", place)
        await api.problem(404, "UnknownRule", "DELETE", place)
        assert await api("GET", "/servers/s2/rules") == (200, {"rules": []})


@on_each_loop
async def test_a_rule_on_several() -> None:
    """It has one number; what it counted is told together, and by server."""
    async with controlled() as api:
        await api("POST", "/servers/s1/rules", {"fault": {"type": "Hang"}, "path": "/x"})
        status, given = await api("POST", "/servers/s3,s1/rules", NO)
        assert (status, given) == (201, {"id": 2, "servers": ["s3", "s1"]})
        for name in ("s1", "s1", "s3", "s2"):
            await api.ask(name)
        _, shown = await api("GET", "/servers/all/rules")
        first, second = shown["rules"]
        assert (first["id"], first["servers"], first["matched"]) == (1, ["s1"], 0)
        assert (second["id"], second["servers"]) == (2, ["s1", "s3"])
        assert (second["matched"], second["struck"]) == (3, 3)
        _, alone = await api("GET", "/servers/s3/rules/2")
        assert (alone["servers"], alone["matched"]) == (["s3"], 1)
        assert await api("DELETE", "/servers/s3/rules/2") == (204, None)
        assert [(await api.ask(name)).status_code for name in ("s1", "s3")] == [503, 200]
        assert await api("DELETE", "/servers/all/rules") == (200, {"healed": 2})
        assert (await api.ask("s1")).status_code == 200


@on_each_loop
async def test_a_shared_rule_counts_once() -> None:
    async with controlled() as api:
        await api("POST", "/servers/all/rules", NO | {"shared": True, "limit": 2})
        codes = [(await api.ask(name)).status_code for name in ("s1", "s2", "s3")]
        assert codes == [503, 503, 200]
        _, shown = await api("GET", "/servers/all/rules/1")
        assert (shown["matched"], shown["struck"], shown["active"]) == (3, 2, False)


@on_each_loop
async def test_healing_ends_the_behaviour_too() -> None:
    async with controlled() as api:
        port = api.fleet.named("s1").listener.port
        await api("POST", "/behavior", {"port": port, "behavior": {"type": "EmptyReply"}})
        assert await api("DELETE", "/servers/s1,s2/rules") == (200, {"healed": 0})
        assert (await api.ask("s1")).status_code == 200


BAD_RULES: list[tuple[Any, str, str]] = [
    ({}, "#", "`fault` is missing"),
    ({"fault": {"type": "Hangs"}}, "#/fault/type", "did you mean Hang?"),
    ({"fault": "Hang"}, "#/fault", "object"),
    ({"fault": {}}, "#/fault", "`type` is missing"),
    ({"fault": {"type": "Slow", "num_tokens": 1}}, "#/fault", "`tokens_per_sec` is missing"),
    ({"fault": {"type": "Hang"}, "probability": 1.5}, "#/probability", "<= 1"),
    ({"fault": {"type": "BadChunk", "size": "big"}}, "#/fault/size", "no_number, too_long"),
    ({"fault": {"type": "WrongLength", "off_by": 0}}, "#/fault", "right length"),
    ({"fault": {"type": "Hang"}, "limits": 1}, "#/limits", "did you mean limit?"),
    ({"fault": {"type": "Hang"}, "header": {"A": 1}}, "#/header/A", "a string"),
    ({"fault": {"type": "Frozen"}, "path": "/x"}, "#/path", "Frozen"),
    ({"fault": {"type": "Hang"}, "since": 5, "until": 3}, "#/until", "5"),
    ({"fault": {"type": "Hang"}, "ttl": 0}, "#/ttl", "0"),
    (b"", "#", "JSON"),
    (b"{", "#", "JSON"),
    (b'"\xff"', "#", "JSON"),
    (b"[" * 100_000, "#", "JSON"),
    (b"5", "#", "object"),
]


@on_each_loop
async def test_all_mistakes_are_told() -> None:
    async with controlled() as api:
        rule = {"fault": {"type": "Hangs"}, "limits": 1, "every": 0}
        told = await api.problem(400, "BadBody", "POST", "/servers/s1/rules", rule)
        pointers = {error["pointer"] for error in told["errors"]}
        assert pointers == {"#/fault/type", "#/limits", "#/every"}
        assert all(error["detail"] in told["detail"] for error in told["errors"])


@on_each_loop
async def test_rules_that_cant_be_meant() -> None:
    async with controlled() as api:
        for rule, pointer, hint in BAD_RULES:
            told = await api.problem(400, "BadBody", "POST", "/servers/all/rules", rule)
            (error,) = told["errors"]
            assert error["pointer"] == pointer, rule
            assert hint in error["detail"], rule
        assert not api.fleet.journal.records, "nothing has changed"


@on_each_loop
async def test_servers_that_are_not_there() -> None:
    """Nobody has the rule then."""
    async with controlled() as api:
        for method, path in (
            ("POST", "/servers/s1,s9/rules"),
            ("GET", "/servers/s9/rules"),
            ("DELETE", "/servers/s9/rules"),
            ("DELETE", "/servers/s9/rules/1"),
        ):
            body = NO if method == "POST" else None
            told = await api.problem(404, "UnknownServer", method, path, body)
            assert "s1, s2, s3" in told["detail"]
        assert not api.fleet.journal.where(records.Injected)
