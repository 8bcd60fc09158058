"""`/v1/messages`: what a request comes to."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.model import Infer, Message, Origin, Refusal, Token
from tests.wire.speaking import post, refusal

PATH = "/v1/messages"
HI = [{"role": "user", "content": "hi"}]


def job(**fields: Any) -> Infer:
    """The job of a request with these fields."""
    found = post(PATH, {"model": "m", "max_tokens": 5, "messages": HI, **fields}).job
    assert isinstance(found, Infer)
    return found


def test_conversation() -> None:
    """Blocks are merged; results of tools are messages in front of their own."""
    messages = [
        {"role": "User", "content": "hi"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "text", "text": "a"},
                {"type": "text", "text": "b"},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "there"},
                {"type": "tool_result", "tool_use_id": "t", "content": "sunny"},
                {
                    "type": "tool_result",
                    "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}],
                },
                {"type": "tool_result"},
            ],
        },
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "so"}]},
        {"role": "user", "content": [{"type": "image", "source": {}}]},
        {"role": "user", "content": [{"type": "document"}, {"type": "thinking"}]},
        {"role": "user", "content": ""},
        {"role": "user", "content": None},
    ]
    system = [{"type": "text", "text": "be "}, {"type": "x"}, 5, {"type": "text", "text": "brief"}]
    assert job(messages=messages, system=system).messages == (
        Message("system", "be brief"),
        Message("user", "hi"),
        Message("assistant", "ab"),
        Message("tool", "sunny"),
        Message("tool", "12"),
        Message("tool", ""),
        Message("user", "there"),
        Message("assistant", ""),
        Message("user", ""),
    )


def test_job() -> None:
    """The limit is required, the cache not used, and what a system can't be is ignored."""
    assert job(system=5, max_tokens=7) == Infer("m", (Message("user", "hi"),), 7)
    assert job(system="be brief").messages[0] == Message("system", "be brief")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "EOF"),
        ({}, "model is required"),
        ({"model": "m"}, "max_tokens is required and must be positive"),
        ({"model": "m", "max_tokens": 0}, "max_tokens is required and must be positive"),
        ({"model": "m", "max_tokens": -1}, "max_tokens is required and must be positive"),
        ({"model": "m", "max_tokens": 1}, "messages is required"),
        ({"model": "m", "max_tokens": 1, "messages": []}, "messages is required"),
        ({"messages": [{"role": "user"}]}, "unexpected end of JSON input"),
        ({"messages": [None]}, "unexpected end of JSON input"),
    ],
)
def test_order_of_checks(body: Any, message: str) -> None:
    """All of them before the native handler is asked."""
    assert refusal(PATH, body) == (400, message, Origin.DECODE)


def test_bad_name() -> None:
    """The native handler is asked last."""
    body = {"model": "bad name", "max_tokens": 1, "messages": HI}
    assert refusal(PATH, body) == (400, "invalid model name", Origin.HANDLER)


FIELD = "json: cannot unmarshal {} into Go struct field MessagesRequest.{}"
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"max_tokens": "5"}, "string", "max_tokens of type int"),
    ({"stop_sequences": "x"}, "string", "stop_sequences of type []string"),
    ({"tool_choice": "auto"}, "string", "tool_choice of type anthropic.ToolChoice"),
    (
        {"messages": [{"role": "user", "content": 5}]},
        "number",
        "messages of type []anthropic.ContentBlock",
    ),
    ({"messages": [{"role": 5, "content": "x"}]}, "number", "messages.role of type string"),
    (
        {"messages": [{"role": "user", "content": [{"type": 5}]}]},
        "number",
        "messages.type of type string",
    ),
]


@pytest.mark.parametrize(("fields", "kind", "where"), WRONG)
def test_wrong_types(fields: dict[str, Any], kind: str, where: str) -> None:
    """Go's words for a field of a wrong type."""
    assert refusal(PATH, fields) == (400, FIELD.format(kind, where), Origin.DECODE)


CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}}
CALL_BYTES = len('{"type":"tool_use","id":"t","name":"f","input":{"x":1}}')


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, 6),
        ({"messages": [{"role": "user", "content": "é" * 20}]}, 44),
        ({"system": "x" * 40}, 46),
        (
            {"messages": [{"role": "user", "content": [{"type": "thinking", "thinking": "hmmm"}]}]},
            8,
        ),
        ({"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, 4),
        ({"messages": [{"role": "assistant", "content": [CALL]}]}, 9 + CALL_BYTES),
        (
            {"tools": [{"name": "f", "description": "does it", "input_schema": {"a": [1.50]}}]},
            6 + 8 + len('{"a":[1.5]}'),
        ),
        ({"tools": [{"name": "f"}]}, 7),
    ],
)
def test_estimate(fields: dict[str, Any], size: int) -> None:
    """A quarter of the bytes, at least 1, at the start of the stream."""
    body = {"model": "m", "max_tokens": 1, "messages": HI, "stream": True, **fields}
    start = post(PATH, body).encode(Token("x"))[0]
    assert f'"input_tokens":{max(1, size // 4)},'.encode() in start


def test_a_deep_schema_is_no_crash() -> None:
    """However deep the parser goes, the encoder may not go as far."""
    for depth in range(700, 1100, 7):
        nested = b"[" * depth + b"]" * depth
        body = (
            b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}],'
            b'"tools":[{"name":"f","input_schema":' + nested + b"}]}"
        )
        outcome = "read"
        try:
            post(PATH, body)
        except Refusal as refused:
            outcome = refused.message
        assert outcome in ("read", "exceeded max depth")
