"""Answers that take several jobs, and refusals that are part of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollama_simulator.acts import Act, Body, End, Head
from ollama_simulator.answering import answer
from ollama_simulator.clock import VirtualClock
from ollama_simulator.model import Found, Model
from ollama_simulator.script import Call, Script, Step
from ollama_simulator.settings import Settings
from tests.engine.driving import Machine, virtual
from tests.faults.acting import body_of, collected, exchange, request

THINKER = Model(
    "m:latest",
    1,
    "a",
    "llama",
    "1B",
    "F16",
    capabilities=("completion", "tools"),
    path="native",
    template="{% for message in messages %}{{ message.content }}{% endfor %}",
)
SEARCHING = Script(answer=(Step(tool_calls=(Call("web_search", {"query": "q"}, "w"),)),), times=1)
SETTINGS = Settings(web_search=(Found("T", "U"),), scripts=(SEARCHING, Script(answer=())))
ASKED: dict[str, dict[str, Any]] = {
    "/v1/messages": {
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
    },
    "/v1/responses": {"input": "x", "tools": [{"type": "web_search"}]},
}


def answered(path: str, settings: Settings = SETTINGS, **fields: Any) -> list[Act]:
    """The honest answer to a request in which a search is declared."""

    async def main(clock: VirtualClock) -> list[Act]:
        machine = Machine(clock, models=(THINKER,), settings=settings)
        machine.engine.scripts.replace(settings.scripts)
        asked = request(target=path, body={"model": "m", **ASKED[path], **fields})
        return await collected(answer(exchange(machine, asked)))

    return virtual(main)


def head_of(acts: list[Act]) -> tuple[int, dict[str, str]]:
    """Status and headers. There is one head, and one end behind it."""
    (head,) = (act for act in acts if isinstance(act, Head))
    assert [act for act in acts if isinstance(act, End)] == [acts[-1]]
    return head.status, dict(head.headers)


@pytest.mark.parametrize("path", ASKED)
def test_a_search(path: str) -> None:
    """The model is asked, the web is searched, the model is asked again."""
    acts = answered(path)
    assert head_of(acts) == (200, {"Content-Type": "application/json"})
    shown = json.loads(body_of(acts))
    kinds = [part["type"] for part in shown.get("content") or shown["output"]]
    assert kinds[:2] in (
        ["server_tool_use", "web_search_tool_result"],
        ["web_search_call", "message"],
    )


@pytest.mark.parametrize("path", ASKED)
def test_a_search_in_a_stream(path: str) -> None:
    """What is left when all jobs are done is sent, too."""
    acts = answered(path, stream=True)
    assert head_of(acts)[1]["Cache-Control"] == "no-cache"
    assert all(act.flush for act in acts if isinstance(act, Body))
    last = body_of(acts).rstrip().rpartition(b"\n")[0].rpartition(b"event: ")[2]
    assert last in (b"message_stop", b"response.completed")


@pytest.mark.parametrize("stream", [True, False])
def test_a_search_that_fails(stream: bool) -> None:
    """It is part of the message, even if it is all there is."""
    nowhere = Settings(scripts=SETTINGS.scripts)
    acts = answered("/v1/messages", nowhere, stream=stream)
    assert head_of(acts)[0] == 200
    assert b'"error_code":"unavailable"' in body_of(acts)


def test_a_refusal_in_place_of_a_stream() -> None:
    """It is told by events."""
    acts = answered("/v1/responses", model="nope", stream=True)
    status, headers = head_of(acts)
    assert (status, headers["Content-Type"]) == (200, "text/event-stream")
    assert b"event: response.failed" in body_of(acts)


def test_a_refusal_of_a_whole_answer() -> None:
    """It is an error."""
    assert head_of(answered("/v1/responses", model="nope"))[0] == 404


def test_a_refusal_at_once_has_the_headers_of_the_answer() -> None:
    """They were set before the native handler refused the name."""
    status, headers = head_of(answered("/v1/messages", model="bad name", stream=True))
    assert status == 400
    assert headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("depth", [*range(100, 1100, 100), 20_000])
def test_a_body_that_is_nested_deep(depth: int) -> None:
    """The printer may not go as deep as the parser. Either gives up in the words of Go."""
    deep = b"[" * depth + b"]" * depth
    body = b'{"model":"m","input":"x","tools":[{"name":"f","parameters":{"$defs":%b}}]}' % deep

    async def main(clock: VirtualClock) -> list[Act]:
        machine = Machine(clock, models=(THINKER,))
        return await collected(
            answer(exchange(machine, request(target="/v1/responses", body=body)))
        )

    acts = virtual(main)
    status, _ = head_of(acts)
    assert status == 200 if depth == 100 else status in (200, 400)
    assert (b"exceeded max depth" in body_of(acts)) is (status == 400)
