"""What tests of the dashboard ask the simulator, to know what a click has done."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.acceptance.program import Program
from tests.acceptance.rawhttp import Answer, ask

PATIENCE_S = 30.0


def server(program: Program, name: str) -> dict[str, Any]:
    """What `/servers/{name}` says."""
    found: dict[str, Any] = program.accepted("GET", f"/servers/{name}")
    return found


def names(program: Program) -> list[str]:
    """The names of all servers."""
    return [each["name"] for each in program.accepted("GET", "/servers")["servers"]]


def rules(program: Program, name: str) -> list[dict[str, Any]]:
    """The rules of a server, each as it was asked for: fields with their usual values left out."""
    usual = {
        "name": "", "path": "*", "method": "*", "model": "*", "header": {}, "contains": "",
        "probability": 1.0, "ramp": 0.0, "skip": 0, "limit": None, "every": 1, "shared": False,
        "since": 0.0, "until": None, "ttl": None,
    }  # fmt: skip
    found = [active["rule"] for active in server(program, name)["rules"]]
    return [
        {key: value for key, value in rule.items() if key not in usual or usual[key] != value}
        for rule in found
    ]


def journal(program: Program, kind: str, **where: str) -> list[dict[str, Any]]:
    """The records of a kind."""
    query = "&".join(f"{name}={value}" for name, value in {"kind": kind, **where}.items())
    found: list[dict[str, Any]] = program.accepted("GET", f"/journal?{query}")["records"]
    return found


def next_record(program: Program) -> str:
    """The index of the record that comes next."""
    return str(program.accepted("GET", "/fleet")["next"])


def eventually(look: Callable[[], Any], wanted: Any) -> None:
    """Wait until something is as wanted."""
    deadline = time.monotonic() + PATIENCE_S
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"it is {seen!r}, not {wanted!r}"
        time.sleep(0.05)


def chat(program: Program, name: str, **more: Any) -> Answer:
    """Ask a server for an answer of a few tokens."""
    body = {
        "model": "test-model", "stream": True, "options": {"num_predict": 8},
        "messages": [{"role": "user", "content": "Hello."}], **more,
    }  # fmt: skip
    return ask(server(program, name)["port"], "POST", "/api/chat", body)
