"""What `/api/chat` and `/api/generate` take: fields, jobs, and what is wrong without a model."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from ollama_simulator.model import Infer, Message, Origin, ToolCall
from ollama_simulator.settings import Settings
from tests.wire.speaking import post, refusal

HI = [{"role": "user", "content": "hi"}]
OLD = Settings(wire="0.13.5")
PATHS = pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])


def chat(**fields: Any) -> Infer:
    """The job of a chat with these fields."""
    job = post("/api/chat", {"model": "plain", "messages": HI, **fields}).job
    assert isinstance(job, Infer)
    return job


def test_chat_job() -> None:
    """The conversation, with its roles in lower case and nulls as nothing."""
    called = {"id": "1", "function": {"index": 2, "name": "f", "arguments": {"b": 1.0, "a": "<"}}}
    given = [
        {"role": "System", "content": "be brief"},
        {"role": "USER", "content": None},
        {"content": "x", "images": ["AQ\nI=", None]},
        {"role": "assistant", "content": "\ud800", "thinking": "t", "tool_calls": [called, {}]},
        {"role": "tool", "content": "22", "tool_name": "f", "tool_call_id": "1"},
        None,
    ]
    assert chat(messages=given).messages == (
        Message("system", "be brief"),
        Message("user", ""),
        Message("", "x", images=(b"\x01\x02", b"")),
        Message(
            "assistant",
            "\ufffd",
            "t",
            tool_calls=(ToolCall("f", '{"b":1,"a":"\\u003c"}', "1", 2), ToolCall("")),
        ),
        Message("tool", "22", tool_name="f", tool_call_id="1"),
        Message("", ""),
    )


def test_a_job_has_every_field() -> None:
    """And its defaults where the request has none."""
    assert chat() == Infer("plain", (Message("user", "hi"),), uses_cache=True)
    job = chat(
        think="low",
        format={"type": "object"},
        options={"num_ctx": 4096, "top_p": 0.5, "seed": 1e3, "stop": ["a"], "bogus": None},
        keep_alive="5m",
        truncate=False,
        shift=False,
        logprobs=True,
        top_logprobs=20,
        _debug_render_only=True,
        tools=[{"type": "function", "function": {"name": "f"}}],
    )
    assert job == Infer(
        "plain",
        (Message("user", "hi"),),
        think="low",
        format='{"type": "object"}',
        options={"num_ctx": 4096, "top_p": 0.5, "seed": 1000.0, "stop": ["a"], "bogus": None},
        keep_alive=300.0,
        truncate=False,
        shift=False,
        logprobs=True,
        top_logprobs=20,
        debug=True,
        tools=job.tools,
        uses_cache=True,
    )
    assert [tool.name for tool in job.tools] == ["f"]
    assert chat(tools=[], think=None, format=None, options=None, shift=None) == chat()


def test_generate_job() -> None:
    """Everything that a prompt may come with."""
    body = {
        "model": "m",
        "prompt": "hi",
        "suffix": "s",
        "system": "be brief",
        "template": "t",
        "context": [1, None, 3],
        "raw": True,
        "images": ["AAAA"],
        "think": False,
    }
    assert post("/api/generate", body).job == Infer(
        "m",
        kind="generate",
        prompt="hi",
        suffix="s",
        system="be brief",
        template="t",
        context=(1, 0, 3),
        raw=True,
        images=(b"\0\0\0",),
        think=False,
    )


@pytest.mark.parametrize(("given", "taken"), [(None, None), ([], ()), ([1], (1,))])
def test_a_context(given: Any, taken: tuple[int, ...] | None) -> None:
    """Even an empty one is one."""
    job = post("/api/generate", {"model": "m", "prompt": "x", "context": given}).job
    assert isinstance(job, Infer)
    assert job.context == taken


@pytest.mark.parametrize(
    "written",
    ['"json"', '""', '{ "type" : "object" }', "5", '"\\u0078ml"', "[1, 2]", '{"a":{"b":[{}]}}'],
)
@PATHS
def test_a_format_is_passed_on_as_it_was_sent(path: str, written: str) -> None:
    """Blanks and escapes included; the last one counts, in any case, whatever follows."""
    text = f'{{"a":"}}","FORMAT": 1 , "Format" : {written} ,"model":"m"}} trash'
    job = post(path, text.encode()).job
    assert isinstance(job, Infer)
    assert job.format == written
    assert chat(format=None).format is None


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(None, None), (0, 0.0), (0.4, 0.4), (-1, math.inf), ("5m", 300.0), ("-1s", math.inf)],
)
def test_keep_alive(given: Any, seconds: float | None) -> None:
    """Numbers and durations."""
    assert chat(keep_alive=given).keep_alive == seconds


THINK = '"high", "medium", "low", "max", true, or false'


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("keep_alive", "5", 'time: missing unit in duration "5"'),
        ("keep_alive", True, "Unsupported type: 'bool'"),
        ("keep_alive", [], "Unsupported type: '[]interface {}'"),
        ("keep_alive", {}, "Unsupported type: 'map[string]interface {}'"),
        ("think", "huge", f'invalid think value: "huge" (must be {THINK})'),
        ("think", 5, f"think must be a boolean or string ({THINK})"),
    ],
)
@PATHS
def test_own_words(path: str, field: str, value: Any, message: str) -> None:
    """Fields with messages of their own."""
    body = {"model": "plain", field: value}
    assert refusal(path, body) == (400, message, Origin.DECODE)


@PATHS
def test_think_of_the_old_version(path: str) -> None:
    """It has one level less."""
    choices = THINK.replace('"max", ', "")
    expected = (400, f'invalid think value: "max" (must be {choices})', Origin.DECODE)
    assert refusal(path, {"model": "m", "think": "max"}, OLD) == expected
    expected = (400, f"think must be a boolean or string ({choices})", Origin.DECODE)
    assert refusal(path, {"model": "m", "think": []}, OLD) == expected


FIELD = "json: cannot unmarshal {} into Go struct field {}"
CHAT_FIELDS: list[tuple[dict[str, Any], str, str]] = [
    ({"stream": "yes"}, "string", "ChatRequest.stream of type bool"),
    ({"messages": "x"}, "string", "ChatRequest.messages of type []api.Message"),
    ({"messages": [5]}, "number", "ChatRequest.messages of type api.Alias"),
    ({"messages": [{"content": []}]}, "array", "ChatRequest.messages.content of type string"),
    (
        {"messages": [{"images": "x"}]},
        "string",
        "ChatRequest.messages.images of type []api.ImageData",
    ),
    (
        {"messages": [{"images": [1]}]},
        "number",
        "ChatRequest.messages.images of type api.ImageData",
    ),
    (
        {"messages": [{"tool_calls": {}}]},
        "object",
        "ChatRequest.messages.tool_calls of type []api.ToolCall",
    ),
    (
        {"messages": [{"tool_calls": [{"function": {"name": 5}}]}]},
        "number",
        "ChatRequest.messages.tool_calls.function.name of type string",
    ),
    ({"tools": {}}, "object", "ChatRequest.tools of type api.Tools"),
    ({"tools": ["x"]}, "string", "ChatRequest.tools of type api.Tool"),
    (
        {"tools": [{"function": "f"}]},
        "string",
        "Tool.tools.function of type api.ToolFunction",
    ),
    (
        {"tools": [{"function": {"name": 5}}]},
        "number",
        "ToolFunction.tools.function.name of type string",
    ),
    (
        {"tools": [{"function": {"parameters": {"required": "x"}}}]},
        "string",
        "ToolFunctionParameters.tools.function.parameters.required of type []string",
    ),
    ({"options": 5}, "number", "ChatRequest.options of type map[string]interface {}"),
    (
        {"options": {"a": [{"b": msgspec.Raw(b"1e999")}]}},
        "number 1e999",
        "ChatRequest.options of type float64",
    ),
    (
        {"keep_alive": msgspec.Raw(b"-1e999"), "stream": 5},
        "number -1e999",
        "ChatRequest.keep_alive of type float64",
    ),
    ({"stream": 5, "options": 5}, "number", "ChatRequest.stream of type bool"),
    (
        {"stream": 5, "messages": [{"content": 5, "tool_calls": [5]}]},
        "number",
        "ChatRequest.messages.content of type string",
    ),
    *(
        (
            {"tools": [{"function": {"parameters": {"properties": {"a": given}}}}]},
            kind,
            f"ToolFunctionParameters.tools.function.parameters.properties{where}",
        )
        for given, kind, where in [
            (5, "number", " of type api.ToolProperty"),
            ({"type": 5}, "number", ".type of type []string"),
            ({"type": ["string", 5]}, "number", ".type of type string"),
            ({"description": []}, "array", ".description of type string"),
            ({"enum": "x"}, "string", ".enum of type []interface {}"),
            ({"anyOf": {}}, "object", ".anyOf of type []api.ToolProperty"),
            ({"anyOf": [5]}, "number", ".anyOf of type api.ToolProperty"),
            ({"anyOf": [{"type": True}]}, "bool", ".anyOf.type of type []string"),
            (
                {"properties": {"b": {"required": "x"}}},
                "string",
                ".properties.required of type []string",
            ),
        ]
    ),
]


@pytest.mark.parametrize(("fields", "kind", "where"), CHAT_FIELDS)
def test_chat_fields(fields: dict[str, Any], kind: str, where: str) -> None:
    """Go's words for a field of a wrong type."""
    expected = (400, FIELD.format(kind, where), Origin.DECODE)
    body = msgspec.json.encode({"model": "plain", **fields})
    assert refusal("/api/chat", body) == expected


def test_objects_that_are_none() -> None:
    """Where Ollama keeps the order of keys, it has other words."""
    words = "Value looks like object, but can't find closing '}' symbol"
    tool: Any = {"function": {"parameters": {"properties": []}}}
    assert refusal("/api/chat", {"model": "m", "tools": [tool]})[1] == words
    call = {"function": {"name": "f", "arguments": "{}"}}
    assert refusal("/api/chat", {"model": "m", "messages": [{"tool_calls": [call]}]})[1] == words


@pytest.mark.parametrize(
    ("text", "at"),
    [("data:image/png;base64,AAAA", 4), ("!!", 0), ("QUJ", 0), ("QUJD=", 4), ("QUI\u00e9", 3)],
)
def test_base64(text: str, at: int) -> None:
    """Where a picture stops being one."""
    expected = (400, f"illegal base64 data at input byte {at}", Origin.DECODE)
    assert refusal("/api/chat", {"model": "m", "messages": [{"images": [text]}]}) == expected
    assert refusal("/api/generate", {"images": [text], "stream": 5}) == expected
    assert "stream" in refusal("/api/generate", {"stream": 5, "images": [text]})[1]


@PATHS
@pytest.mark.parametrize("body", [b"", b" \n"])
def test_empty_body(path: str, body: bytes) -> None:
    """Native words for nothing."""
    assert refusal(path, body) == (400, "missing request body", Origin.DECODE)


def test_order_of_checks() -> None:
    """Body, alternatives, name."""
    top = (400, "top_logprobs must be between 0 and 20", Origin.HANDLER)
    assert refusal("/api/chat", {"top_logprobs": 21}) == top
    assert refusal("/api/generate", {"top_logprobs": -1}) == top
    assert refusal("/api/chat", b"null") == (400, "model is required", Origin.HANDLER)
    assert refusal("/api/chat", {"model": "  "}) == (400, "model is required", Origin.HANDLER)
    assert refusal("/api/generate", {}) == (404, "model '' not found", Origin.HANDLER)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a b", "invalid model name"),
        ("a b:cloud", "invalid model name"),
        ("plain:", "invalid model name"),
        ("p:cloud:local", 'use either :local or :cloud, not both: "p:cloud:local"'),
        (" p:local:CLOUD ", 'use either :local or :cloud, not both: "p:local:CLOUD"'),
    ],
)
@PATHS
def test_names(path: str, name: str, message: str) -> None:
    """What no model can be called."""
    body = {"model": name, "options": {"seed": "x"}, "messages": HI, "prompt": "x"}
    assert refusal(path, body) == (400, message, Origin.HANDLER)


@pytest.mark.parametrize("name", ["plain:local", "a/b:20b-CLOUD", " plain "])
def test_names_stay_as_they_were_typed(name: str) -> None:
    """The engine knows what they mean."""
    assert post("/api/chat", {"model": name}).job == Infer(name, uses_cache=True)


def test_names_of_the_old_version() -> None:
    """A suffix was a tag, a space was wrong, and each endpoint had its own word for it."""
    required = (400, "model is required", Origin.HANDLER)
    assert refusal("/api/chat", {"model": "a b"}, OLD) == required
    assert refusal("/api/chat", {"model": " plain"}, OLD) == required
    missing = (404, "model 'a b' not found", Origin.HANDLER)
    assert refusal("/api/generate", {"model": "a b"}, OLD) == missing
    job = post("/api/chat", {"model": "p:cloud"}, OLD).job
    assert job == Infer("p:cloud", uses_cache=True)
