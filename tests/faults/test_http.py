"""Faults that HTTP can say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ollama_simulator.acts import Act, Body, End, Head, Tick, Wait
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.custom import Custom
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.model_not_found import ModelNotFound
from ollama_simulator.records import Admitted, Received
from tests.engine.driving import Machine, virtual
from tests.faults.acting import CHAT, WHOLE, body_of, collected, exchange, request, scripted


def played(fault: Fault, method: str, target: str, body: Any) -> list[Act]:
    """The acts of a fault that doesn't ask the handler, after the request was read."""

    async def main(clock: VirtualClock) -> list[Act]:
        machine = Machine(clock)
        pulled: list[Act] = []
        made = exchange(machine, request(method, target, body))
        acts = await collected(fault.around(made, scripted(WHOLE, pulled)))
        assert pulled == []
        assert len(machine.saw(Received)) == 1
        assert machine.saw(Admitted) == []
        return acts

    return virtual(main)


PLACES = [
    ("POST", "/api/chat", CHAT),
    ("POST", "/api/chat", {**CHAT, "stream": False}),
    ("POST", "/api/generate", b"nonsense"),
    ("GET", "/api/tags", b""),
    ("GET", "/", b""),
    ("POST", "/api/embed", b""),
    ("GET", "/nowhere", b""),
]


@pytest.mark.parametrize(("method", "target", "body"), PLACES)
@pytest.mark.parametrize("status", [400, 429, 503, 599])
def test_http_error(method: str, target: str, body: Any, status: int) -> None:
    """Status and message everywhere, in one piece, in Ollama's own words."""
    acts = played(HttpError(status, 'a "message"'), method, target, body)
    assert [type(act) for act in acts] == [Tick, Head, Body, End]
    assert isinstance(acts[1], Head)
    assert acts[1].status == status
    assert msgspec.json.decode(body_of(acts)) == {"error": 'a "message"'}
    assert not any(isinstance(act, Body) and act.flush for act in acts)


@pytest.mark.parametrize(
    "target", ["/v1/chat/completions", "/v1/embeddings", "/v1/models", "/v1/nowhere"]
)
def test_http_error_in_openais_words(target: str) -> None:
    """The message stands in an object."""
    acts = played(HttpError(503, "down"), "POST", target, CHAT)
    assert msgspec.json.decode(body_of(acts))["error"]["message"] == "down"


def test_http_error_in_anthropics_words() -> None:
    """The document says that it is an error."""
    document = msgspec.json.decode(
        body_of(played(HttpError(503, "down"), "POST", "/v1/messages", CHAT))
    )
    assert document["type"] == "error"
    assert document["error"]["message"] == "down"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("/api/chat", "model 'nope' not found"),
        ("/api/show", "model 'nope:latest' not found"),
        ("/api/embed", 'model "nope" not found, try pulling it first'),
    ],
)
def test_model_not_found(target: str, words: str) -> None:
    """404, in the words of the endpoint (2.4)."""
    acts = played(ModelNotFound("nope"), "POST", target, CHAT)
    assert isinstance(acts[1], Head)
    assert acts[1].status == 404
    assert msgspec.json.decode(body_of(acts)) == {"error": words}


@pytest.mark.parametrize(("method", "target", "body"), PLACES)
def test_custom(method: str, target: str, body: Any) -> None:
    """After the delay: status, type and body as given, whatever was asked."""
    acts = played(Custom("ünsaid", 418, "text/x", 1500), method, target, body)
    assert acts == [
        Wait(1.5),
        Tick(),
        Head(418, (("Content-Type", "text/x"),)),
        Body("ünsaid".encode(), flush=False),
        End(),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("status_code", 199),
        ("status_code", 1000),
        ("content_type", "a\r\nB: c"),
        ("content_type", ""),
        ("delay_ms", -1),
    ],
)
def test_custom_can_not_break_the_head(field: str, value: Any) -> None:
    """What would not be a head is refused when the fault is set."""
    given = {"response_body": "", "status_code": 200, "content_type": "a/b", "delay_ms": 0}
    assert msgspec.convert({"type": "Custom", **given}, Custom) == Custom("", 200, "a/b", 0)
    with pytest.raises(msgspec.ValidationError, match=rf"`\$\.{field}`$"):
        msgspec.convert({"type": "Custom", **given, field: value}, Custom)


def head_of(acts: list[Act]) -> Head:
    """The head, of which there is one."""
    (head,) = (act for act in acts if isinstance(act, Head))
    return head


def test_headers_of_an_error() -> None:
    """Added in the order of Go's library; one of the same name takes the place of ours."""
    given = {"X-Why": "so", "content-type": "a/b", "Retry-After": "5"}
    head = head_of(played(HttpError(503, "no", given), "POST", "/api/chat", CHAT))
    assert head.headers == (("Retry-After", "5"), ("X-Why", "so"), ("content-type", "a/b"))


def test_headers_of_an_answer_of_ones_own() -> None:
    fault = Custom("", 200, "a/b", 0, {"X-Why": "so"})
    head = head_of(played(fault, "GET", "/", b""))
    assert head.headers == (("Content-Type", "a/b"), ("X-Why", "so"))


@pytest.mark.parametrize(
    ("headers", "place"),
    [
        ({"a b": "c"}, "key"),
        ({"": "c"}, "key"),
        ({"a": "b\r\nc: d"}, "headers"),
        ({"a": ""}, "headers"),
    ],
)
def test_headers_can_not_break_the_head(headers: dict[str, str], place: str) -> None:
    """What would be another head is refused when the fault is set."""
    with pytest.raises(msgspec.ValidationError, match=rf"{place}"):
        msgspec.convert(
            {"type": "HttpError", "status_code": 500, "message": "", "headers": headers}, HttpError
        )


def test_the_seeds_json_is_still_good() -> None:
    """Headers may be left out."""
    read = msgspec.json.decode(
        b'{"type":"HttpError","status_code":500,"message":""}', type=HttpError
    )
    assert read == HttpError(500, "")
