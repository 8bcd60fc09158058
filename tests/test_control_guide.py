"""What the guide to the control API says is true: its lines run, and every route stands there."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ollama_simulator.control import api
from ollama_simulator.control.described import older
from ollama_simulator.control.problems import KINDS
from ollama_simulator.faults.rule import Rule
from tests.acceptance.program import Program
from tests.acceptance.rawhttp import Answer

GUIDE = (Path(__file__).resolve().parent.parent / "docs" / "control.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of a language."""
    found = re.findall(r"```(\w*)\n(.*?)```", GUIDE, re.DOTALL)
    return [text for name, text in found if name == language]


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    """A simulator of three servers."""
    with Program("--control-port", "0", "--server-ports", "0,0,0") as running:
        yield running


def curl(program: Program, line: str) -> Answer:
    """What a line of curl gets; as printed, but for the ports."""
    real = {"11500": program.control_port, "11501": program.ports[0]}
    line = re.sub(r"\b1150[01]\b", lambda port: str(real[port[0]]), line)
    parser = argparse.ArgumentParser()
    parser.add_argument("-X", dest="method")
    parser.add_argument("-d", dest="data", type=str.encode)
    parser.add_argument("url")
    words = parser.parse_args(shlex.split(line)[1:])
    method = words.method or ("POST" if words.data else "GET")
    return program.control(method, "/" + words.url.split("/", 3)[3], words.data)


def test_the_lines_are_taken(program: Program) -> None:
    """All of them, in their order."""
    lines = [line for line in "".join(blocks("bash")).splitlines() if line.startswith("curl")]
    assert len(lines) > 25
    for line in lines:
        answer = curl(program, line)
        assert answer.status in (200, 201, 204), f"{line}: {answer!r}"


def test_the_problem_is_as_shown(program: Program) -> None:
    line = next(text for text in blocks("") if "Hangs" in text)
    answer = curl(program, line.strip())
    assert (answer.status, answer.json()) == (400, json.loads(blocks("json")[0]))


def test_every_route_stands_there() -> None:
    """And no other."""
    told = set()
    for cell in re.findall(r"^\| (`(?:GET|POST|PUT|PATCH|DELETE) [^|]*) \|", GUIDE, re.MULTILINE):
        path = ""
        for method, place in re.findall(r"`([A-Z]+)(?: ([^`]+))?`", cell):
            path = place or path
            told.add((method, path))
    routes = {(each.method, each.path) for each in (*api.OPERATIONS, *older())}
    apart = {("GET", "/journal"), ("GET", "/journal/stream"), ("GET", "/openapi.json")}
    assert told == routes - apart
    for _, path in apart:
        assert f"{path}`" in GUIDE


def test_fields_of_rules_stand_there() -> None:
    """With their defaults."""
    table = GUIDE[GUIDE.index("| Field | Default |") :].split("\n\n")[0]
    told: dict[str, Any] = {}
    for names, defaults in re.findall(r"^\| (`[^|]*) \|([^|]*)\|", table, re.MULTILINE):
        found = re.findall(r"`(\w+)`", names)
        values = defaults.strip().split(", ") if "," in defaults else [defaults] * len(found)
        told |= dict(zip(found, values, strict=True))
    assert list(told) == [field.name for field in msgspec.structs.fields(Rule)]
    for field in msgspec.structs.fields(Rule):
        if field.name != "fault":
            default = {} if field.name == "header" else field.default
            words = told[field.name].strip("` ")
            assert (words if default == "*" else json.loads(words)) == default, field.name


def test_every_problem_stands_there() -> None:
    rows = re.findall(r"^\| `([A-Z]\w+)` \| (\d+) \| (.+) \|$", GUIDE, re.MULTILINE)
    assert [(n, int(status), f"{says}.") for n, status, says in rows] == [
        (kind.name, kind.status, kind.says) for kind in KINDS.values()
    ]
