"""The description of the API: sound, up to date, and true; each example of it is asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import openapi_spec_validator
import pytest
from starlette.routing import Route

from ollama_simulator.control import api
from ollama_simulator.control.described import older
from ollama_simulator.control.openapi import made
from ollama_simulator.control.operation import Example, Operation
from ollama_simulator.control.serve import application
from ollama_simulator.control.web import Resource
from ollama_simulator.fleet import Fleet
from ollama_simulator.net import kernel
from tests.control.api import Api, controlled
from tests.net.loops import on_each_loop

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"
TOLD = json.loads(api.description())
OPERATIONS = [
    (path, method, operation)
    for path, methods in TOLD["paths"].items()
    for method, operation in methods.items()
]


def test_the_file_is_up_to_date() -> None:
    """Renew it with `curl http://127.0.0.1:11500/openapi.json > docs/openapi.json`."""
    assert FILE.read_text(encoding="utf-8") == api.description()


def test_it_is_a_description() -> None:
    openapi_spec_validator.validate(TOLD)


def test_every_route_is_described() -> None:
    """And none that isn't served; but the dashboard, which is a page."""
    served = {
        (handler.path, handler.method.lower())
        for route in application(Fleet(())).routes
        if isinstance(route, Route) and isinstance(route.app, Resource)
        for handler in route.app.handlers.values()
        if handler.path != "/" and not handler.path.startswith("/dashboard")
    }
    assert {(path, method) for path, method, _ in OPERATIONS} == served


@pytest.mark.parametrize(("path", "method", "told"), OPERATIONS)
def test_everything_is_told(path: str, method: str, told: Any) -> None:
    """Words for people, an identifier of its own, and an example of each body and of each part of
    the path."""
    assert told["summary"].endswith(".")
    assert len(told["tags"]) == 1
    assert [each for _, _, each in OPERATIONS if each["operationId"] == told["operationId"]] == [
        told
    ]
    for parameter in told.get("parameters", []):
        assert parameter["description"]
        assert "example" in parameter or parameter["in"] == "query"
    named = [each["name"] for each in told.get("parameters", []) if each["in"] == "path"]
    assert named == re.findall(r"{(\w+)}", path)
    if "requestBody" in told:
        assert told["requestBody"]["content"]["application/json"]["examples"]
    assert any(status.startswith("2") for status in told["responses"])


def test_fields_are_described() -> None:
    """Those of what only the API has."""
    for name in ("ServerInfo", "FleetInfo", "ActiveRule", "Rule", "JournalPage", "Details"):
        fields = TOLD["components"]["schemas"][name]["properties"]
        bare = [field for field, told in fields.items() if "description" not in told]
        assert set(bare) <= {"name", "port", "url", "vram"}, name


# --- it is true ---------------------------------------------------------------------------

ASKED = [
    pytest.param(operation, example, id=f"{operation.method} {operation.path} {number}")
    for operation in (*api.OPERATIONS, *older())
    for number, example in enumerate(operation.examples)
    if operation.media != "text/event-stream"
]


def checked(schema: Any, document: Any) -> None:
    """Fail if a document doesn't conform to a schema of the description."""
    root = {**schema, "components": TOLD["components"]}
    jsonschema.Draft202012Validator(root).validate(document)


async def ready(api: Api) -> str:
    """Have what examples are about: a rule, and something that happened. The rule's number."""
    await api("POST", "/reset")
    _, given = await api("POST", "/servers/s1/rules", {"fault": {"type": "Jitter"}})
    await api.ask()
    return str(given["id"])


async def asked(api: Api, operation: Operation, example: Example) -> None:
    """Ask for an example, and compare the answer with what is told of it."""
    own = {"id": await ready(api), "port": str(api.fleet.ports[0])}
    path = operation.path.format(
        **{**example.path, **{k: own[k] for k in own if k in example.path}}
    )
    told = TOLD["paths"][operation.path][operation.method.lower()]
    body = json.loads(json.dumps(example.body).replace("11501", own["port"]))
    if operation.takes is not None and body is not None:
        media = told["requestBody"]["content"]["application/json"]
        assert example.body in [each["value"] for each in media["examples"].values()]
        checked(media["schema"], body)
    url = path + (f"?{urlencode(example.query)}" if example.query else "")
    data = {} if body is None else {"json": body}
    answer = await api.client.request(operation.method, url, **data)
    assert str(answer.status_code) in told["responses"], answer.text
    assert answer.status_code < 300, answer.text
    response = told["responses"][str(answer.status_code)]
    if answer.status_code == 204:
        assert answer.content == b""
    else:
        ((media, content),) = response["content"].items()
        assert answer.headers["content-type"].partition(";")[0] == media
        if content["schema"]:
            checked(content["schema"], answer.json())


def groups() -> Iterator[Any]:
    """Examples, some at a time: each simulator of a test takes its time to start."""
    cases = [(each.values[0], each.values[1]) for each in ASKED]
    for start in range(0, len(cases), 8):
        yield pytest.param(cases[start : start + 8], id=str(start))


@pytest.mark.parametrize("cases", [*groups()])
@on_each_loop
async def test_examples_are_true(cases: list[tuple[Operation, Example]]) -> None:
    kernel.raise_limit()
    async with controlled() as api:
        for operation, example in cases:
            await asked(api, operation, example)


@on_each_loop
async def test_problems_are_as_told() -> None:
    async with controlled() as api:
        for method, path, body in (
            ("GET", "/servers/s9", None),
            ("POST", "/servers/s1/rules", {}),
            ("GET", "/journal?since=x", None),
            ("PUT", "/fleet", None),
        ):
            answer = await api.client.request(method, path, json=body)
            kind = answer.json()["type"].rpartition("/")[2]
            response = TOLD["components"]["responses"][kind]
            checked(response["content"]["application/problem+json"]["schema"], answer.json())


@on_each_loop
async def test_it_is_served() -> None:
    async with controlled() as api:
        answer = await api.client.get("/openapi.json")
        assert answer.headers["content-type"].startswith("application/json")
        assert answer.json() == TOLD


def test_types_that_are_made_late() -> None:
    """A function stands for what it makes, a type for itself."""
    assert made(int) is int
    assert made(lambda: int) is int
    assert made(None) is None
