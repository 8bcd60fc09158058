"""Scripts over the control API: setting, reading, resetting, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.program import Fleet

WEATHER = {
    "model": "test-model",
    "contains": "weather",
    "answer": [{"content": "It is "}, {"wait_ms": 5.0}, {"content": "sunny."}],
    "done_reason": "length",
    "tokens": 2,
}


def listed(fleet: Fleet, port: int) -> dict[str, Any]:
    """What a server's scripts are."""
    found: dict[str, Any] = fleet.program.accepted("GET", f"/scripts/{port}")
    return found


def test_scripts_replace_those_before(fleet: Fleet) -> None:
    """For one server, for all, and gone after a reset."""
    first, *others = fleet.program.ports
    fleet.program.accepted("POST", "/scripts", {"port": {"all": True}, "scripts": [WEATHER, {}]})
    fleet.program.accepted("POST", "/scripts", {"port": first, "scripts": [WEATHER]})
    assert listed(fleet, first) == {"port": first, "scripts": [WEATHER], "used": [0]}
    assert [len(listed(fleet, port)["scripts"]) for port in others] == [2] * len(others)
    fleet.program.accepted("POST", "/reset")
    assert listed(fleet, first) == {"port": first, "scripts": [], "used": []}


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({"contain": "x"}, ("unknown field `contain`", "$.scripts[0]")),
        ({"matches": "("}, ("matches is not a regular expression", "$.scripts[0]")),
        ({"answer": [{}]}, ("a step has exactly one of", "$.scripts[0].answer[0]")),
        ({"answer": [{"wait_ms": -1}]}, (">= 0", "$.scripts[0].answer[0].wait_ms")),
        ({"answer": "x"}, ("Expected", "$.scripts[0].answer")),
        ({"refuse": {"status": 200, "body": ""}}, (">= 400", "$.scripts[0].refuse.status")),
        ({"times": 0}, (">= 1", "$.scripts[0].times")),
    ],
)
def test_what_can_not_be_meant_is_refused(
    fleet: Fleet, script: dict[str, Any], words: tuple[str, str]
) -> None:
    """With the culprit and the place; the scripts stay."""
    port = fleet.program.ports[0]
    fleet.program.accepted("POST", "/scripts", {"port": port, "scripts": [WEATHER]})
    answer = fleet.program.control("POST", "/scripts", {"port": port, "scripts": [script]})
    assert answer.status == 400
    for word in words:
        assert word in answer.json()["error"]
    assert listed(fleet, port)["scripts"] == [WEATHER]


def test_an_unknown_port(fleet: Fleet) -> None:
    answer = fleet.program.control("GET", "/scripts/1")
    assert (answer.status, "no server on port 1" in answer.json()["error"]) == (404, True)
