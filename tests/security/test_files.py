"""Nothing that is asked for over HTTP reaches a file: paths in every field of every body, query and
path, on the control API and on servers, and a look at what the process opens meanwhile."""

from __future__ import annotations

import asyncio
import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from ollama_simulator import records
from ollama_simulator.clock import WallClock
from ollama_simulator.control import api
from ollama_simulator.fleet import HOST, Fleet
from tests.control.api import controlled
from tests.security.target import SPEED
from tests.security.test_hostile import GOOD

TOLD = json.loads(api.description())
SECRET = "what nobody who asks may see"
TOUCHING = ("open", "os.", "shutil.", "glob.", "tempfile.", "pathlib.", "sqlite3.")
"""The beginnings of events of Python's audit by which a file is touched."""
LOOKED: list[str] = []
"""Paths that were touched and look like ours, while somebody listens."""
MARK = "ollama-simulator-canary"


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if event.startswith(TOUCHING):
        LOOKED.extend(f"{event} {each}" for each in arguments if MARK in str(each))


sys.addaudithook(_hook)


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that exists, and whose content would be noticed."""
    folder = tmp_path / MARK
    folder.mkdir()
    file = folder / "profile.toml"
    file.write_text(f'name = "{SECRET}"\n', encoding="utf-8")
    LOOKED.clear()
    return file


def spelled(file: Path) -> list[str]:
    """A path as somebody may try it."""
    return [str(file), "../" * 12 + str(file).lstrip("/")]


def leaves(value: Any, *at: Any) -> Iterator[tuple[Any, ...]]:
    """The places of all values in a document that are no documents."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, dict | list):
            yield from leaves(inner, *at, key)
        else:
            yield (*at, key)


def replaced(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A document with another value in a place."""
    out = copy.deepcopy(document)
    inner = out
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return out


def fields(schema: Any) -> list[str]:
    """The names of the fields that a body may have, whether an example has them or not."""
    if "$ref" in schema:
        return fields(TOLD["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    return list(schema.get("properties", ()))


def wishes(path: str) -> Iterator[tuple[str, str, Any]]:
    """Requests for each operation in which a path stands somewhere."""
    for route, methods in TOLD["paths"].items():
        for method, told in methods.items():
            place = route.replace("{name}", "s1").replace("{port}", "11501").replace("{id}", "1")
            if "{" in route:
                within = quote(path, safe="")
                yield (
                    method,
                    route.replace("{name}", within)
                    .replace("{port}", within)
                    .replace("{id}", within),
                    None,
                )
            for parameter in told.get("parameters", ()):
                if parameter["in"] == "query":
                    yield method, f"{place}?{parameter['name']}={quote(path)}", None
            if "requestBody" not in told:
                continue
            content = told["requestBody"]["content"]["application/json"]
            for example in [each["value"] for each in content["examples"].values()]:
                for leaf in leaves(example):
                    yield method, place, replaced(example, leaf, path)
                for name in fields(content["schema"]):
                    for value in (path, {"a": path}):
                        yield method, place, {**example, name: value}


def test_the_audit_sees_files(canary: Path) -> None:
    """Else the others would prove nothing."""
    assert SECRET in canary.read_text(encoding="utf-8")
    assert any(each.startswith("open ") for each in LOOKED)


def test_no_operation_of_the_control_api_touches_a_file(canary: Path) -> None:
    """Whatever names one. A body of `Custom` is its text."""

    async def main() -> None:
        async with controlled(Fleet([0], clock=WallClock(SPEED))) as there:
            for path in spelled(canary):
                for method, place, body in wishes(path):
                    if place.startswith("/journal/stream"):
                        continue
                    data = None if body is None else json.dumps(body)
                    answer = await there.client.request(method, place, content=data)
                    assert answer.status_code < 500, (method, place, body)
                    assert SECRET not in answer.text
                    assert not LOOKED, (method, place, body)
            await there("POST", "/reset")
            custom = {
                "type": "Custom",
                "response_body": str(canary),
                "status_code": 200,
                "content_type": "text/plain",
                "delay_ms": 0,
            }
            assert (await there("PUT", "/servers/s1/behavior", custom))[0] == 200
            assert (await there.ask()).text == str(canary)
            assert not there.fleet.journal.where(records.Failed)
            assert not LOOKED

    asyncio.run(main())


def test_no_endpoint_of_a_server_touches_a_file(canary: Path) -> None:
    async def main() -> None:
        async with controlled(Fleet([0], clock=WallClock(SPEED))) as there:
            base = f"http://{HOST}:{there.fleet.ports[0]}"
            async with httpx.AsyncClient(base_url=base, timeout=15) as client:
                for path in spelled(canary):
                    await client.get("/" + quote(path, safe=""))
                    await client.head(f"/api/blobs/{quote(path, safe='')}")
                    for place, example in GOOD.items():
                        method = "DELETE" if place == "/api/delete" else "POST"
                        for leaf in leaves(example):
                            body = json.dumps(replaced(example, leaf, path))
                            answer = await client.request(method, place, content=body)
                            assert SECRET not in answer.text
                            assert not LOOKED, (place, leaf)
            assert not there.fleet.journal.where(records.Failed)

    asyncio.run(main())
