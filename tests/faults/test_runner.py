"""Faults of Ollama's runner and scheduler: their words in each dialect, in both modes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollama_simulator.acts import Act, Body, End, Head, Tick, Wait
from ollama_simulator.answering import answer
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.fault import Fault, bend
from ollama_simulator.faults.out_of_memory import OutOfMemory
from ollama_simulator.faults.queue_full import QueueFull
from ollama_simulator.faults.stream_error import StreamError
from ollama_simulator.records import Admitted, Released, Struck
from ollama_simulator.settings import Profile, Settings
from tests.engine.driving import Machine, virtual
from tests.faults.acting import CHAT, body_of, collected, exchange, request

PROMPT = {"model": "test-model", "prompt": "hi"}
MESSAGES = {**CHAT, "max_tokens": 9}
EOF = "an error was encountered while running the model: unexpected EOF"
STOPPED = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an "
    "internal error, check ollama server logs for details"
)


def played(
    fault: Fault, target: str, body: Any, *, wire: Profile = "0.33", method: str = "POST"
) -> tuple[list[Act], Machine]:
    """The acts of an honest server with this fault, and the machine, when all is over."""

    async def main(clock: VirtualClock) -> tuple[list[Act], Machine]:
        machine = Machine(clock)
        asked = request(method, target, body)
        made = exchange(machine, asked, settings=Settings(wire=wire))
        acts = await collected(bend(made, fault))
        await made.close()
        assert len(machine.saw(Admitted)) == len(machine.saw(Released))
        assert not machine.engine.busy
        return acts, machine

    return virtual(main)


def head_of(acts: list[Act]) -> Head:
    """The head, of which there is one."""
    (head,) = (act for act in acts if isinstance(act, Head))
    return head


def bodies(acts: list[Act]) -> list[bytes]:
    """The pieces of the body."""
    return [act.data for act in acts if isinstance(act, Body)]


# --- StreamError --------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "body"), [("/api/chat", CHAT), ("/api/generate", PROMPT)])
@pytest.mark.parametrize("tokens", [1, 5, 19, 30])
def test_a_native_stream_has_a_line_with_the_error(target: str, body: Any, tokens: int) -> None:
    """Behind exactly so many tokens; no line says that it is done; the answer completes."""
    acts, machine = played(StreamError(tokens), target, body)
    *said, last = bodies(acts)
    assert len(said) == tokens
    assert all(json.loads(line)["done"] is False for line in said)
    assert last == json.dumps({"error": EOF}, separators=(",", ":")).encode() + b"\n"
    assert (head_of(acts).status, acts[-1]) == (200, End())
    assert len(machine.saw(Struck)) == 1


def test_a_shorter_stream_fails_before_its_last_line() -> None:
    """The request's own limit is 3."""
    acts, _ = played(StreamError(9), "/api/chat", {**CHAT, "options": {"num_predict": 3}})
    said = [json.loads(line) for line in bodies(acts)]
    assert [line.get("done") for line in said] == [False, False, False, None]
    assert said[-1] == {"error": EOF}


@pytest.mark.parametrize(
    ("target", "body", "last", "missing"),
    [
        ("/v1/chat/completions", CHAT, b'"delta":{"content":""},"finish_reason":null', b"[DONE]"),
        ("/v1/completions", PROMPT, b'"text":""', b"[DONE]"),
        ("/v1/messages", MESSAGES, b'"text_delta"', b"message_stop"),
        ("/v1/responses", {"model": "test-model", "input": "hi"}, b"delta", b"response.completed"),
    ],
)
def test_other_dialects_lose_the_error(target: str, body: Any, last: bytes, missing: bytes) -> None:
    """As in Ollama (7): status 200, no word of it, and no proper end."""
    acts, _ = played(StreamError(2), target, {**body, "stream": True})
    assert head_of(acts).status == 200
    assert last in bodies(acts)[-1]
    assert missing not in body_of(acts)
    assert b"encountered" not in body_of(acts)
    assert acts[-1] == End()


@pytest.mark.parametrize("tokens", [1, 5])
@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/api/chat", CHAT),
        ("/api/generate", PROMPT),
        ("/v1/chat/completions", CHAT),
        ("/v1/messages", MESSAGES),
    ],
)
def test_a_whole_answer_is_an_error(target: str, body: Any, tokens: int) -> None:
    """500 in the dialect's words, when so many tokens would be made."""
    acts, machine = played(StreamError(tokens), target, {**body, "stream": False})
    assert head_of(acts).status == 500
    assert EOF in body_of(acts).decode()
    assert acts.count(Tick()) == tokens + 1
    assert len(machine.saw(Struck)) == 1


@pytest.mark.parametrize("stream", [True, False])
def test_before_the_first_token_the_runner_has_stopped(stream: bool) -> None:
    """A status of its own, in a stream, too."""
    acts, _ = played(StreamError(0), "/api/chat", {**CHAT, "stream": stream})
    assert head_of(acts).status == 500
    assert json.loads(body_of(acts)) == {"error": STOPPED}


@pytest.mark.parametrize("tokens", [0, 2])
def test_words_of_your_own(tokens: int) -> None:
    acts, _ = played(StreamError(tokens, "CUDA error"), "/api/chat", CHAT)
    assert json.loads(bodies(acts)[-1]) == {"error": "CUDA error"}


@pytest.mark.parametrize("target", ["/", "/api/tags", "/nowhere"])
def test_where_nothing_is_generated(target: str) -> None:
    """An answer without tokens fails as a whole."""
    acts, machine = played(StreamError(3), target, b"", method="GET")
    assert head_of(acts).status == 500
    assert len(machine.saw(Struck)) == 1


def test_who_would_be_refused_anyway_is() -> None:
    """The model is not there: nothing ran that could fail."""
    acts, machine = played(StreamError(1), "/api/chat", {**CHAT, "model": "lost"})
    assert head_of(acts).status == 404
    assert machine.saw(Struck) == []


def test_the_slot_is_free_when_the_error_goes_out() -> None:
    """Not only when the client has read it."""

    async def main(clock: VirtualClock) -> list[bool]:
        machine = Machine(clock)
        made = exchange(machine)
        busy = [
            machine.engine.busy
            async for act in made.stage(StreamError(2).around(made, answer))
            if isinstance(act, Body)
        ]
        await made.close()
        return busy

    assert virtual(main) == [True, True, False]


# --- OutOfMemory and QueueFull ------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        (
            "0.33",
            "llama-server process has terminated: exit status 1: cudaMalloc failed: out of memory",
        ),
        (
            "0.13.5",
            "llama runner process has terminated: exit status 1: cudaMalloc failed: out of memory",
        ),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_out_of_memory(wire: Profile, words: str, stream: bool) -> None:
    """After the time that it tried; no job was done."""
    acts, machine = played(OutOfMemory(2500), "/api/chat", {**CHAT, "stream": stream}, wire=wire)
    assert acts[0] == Wait(2.5)
    assert head_of(acts).status == 500
    assert json.loads(body_of(acts)) == {"error": words}
    assert machine.saw(Admitted) == []


def test_out_of_memory_at_once() -> None:
    assert played(OutOfMemory(), "/api/chat", CHAT)[0][0] == Tick()


@pytest.mark.parametrize(
    ("target", "document"),
    [
        ("/api/chat", {"error": "%"}),
        (
            "/v1/chat/completions",
            {"error": {"message": "%", "type": "api_error", "param": None, "code": None}},
        ),
        ("/v1/messages", {"type": "error", "error": {"type": "overloaded_error", "message": "%"}}),
    ],
)
def test_queue_full(target: str, document: dict[str, Any]) -> None:
    """The document of each dialect, two blanks and all (compatibility specification, 14.1)."""
    acts, machine = played(QueueFull(), target, MESSAGES)
    assert head_of(acts).status == 503
    found = json.loads(body_of(acts))
    found.pop("request_id", None)
    busy = "server busy, please try again.  maximum pending requests exceeded"
    assert found == json.loads(json.dumps(document).replace("%", busy))
    assert machine.saw(Admitted) == []
