"""`/api/chat` and `/api/generate`."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from ollama_simulator.model import Answer, Done, Infer, Message, Origin, Refusal, Token
from ollama_simulator.wire.ollama import VOCABULARY
from tests.wire.speaking import HELLO, USAGE, ask, error_of, post, refusal, streamed

JSON = "application/json; charset=utf-8"
TIME = '"created_at":"2026-11-23T14:05:21.4389085Z"'
NUMBERS = (
    '"total_duration":342439095,"load_duration":267755716,"prompt_eval_count":12,'
    '"prompt_eval_duration":33387435,"eval_count":3,"eval_duration":267475275'
)
HI = [{"role": "user", "content": "hi"}]


def chat(**fields: Any) -> Infer:
    """The job of a chat with these fields."""
    job = post("/api/chat", {"model": "plain", "messages": HI, **fields}).job
    assert isinstance(job, Infer)
    return job


def test_chat_stream() -> None:
    """A line for each token, a line with the numbers."""
    codec = post("/api/chat", {"model": " Plain ", "messages": HI})
    assert (codec.stream, codec.media, codec.headers) == (True, "application/x-ndjson", ())
    begin = f'{{"model":" Plain ",{TIME}'
    assert [chunk.decode() for chunk in streamed(codec, HELLO)] == [
        f'{begin},"message":{{"role":"assistant","content":"Hello"}},"done":false}}\n',
        f'{begin},"message":{{"role":"assistant","content":"!"}},"done":false}}\n',
        f'{begin},"message":{{"role":"assistant","content":""}},"done":true,'
        f'"done_reason":"stop",{NUMBERS}}}\n',
    ]


def test_chat_whole() -> None:
    """One object, without a newline."""
    codec = post("/api/chat", {"model": "plain", "messages": HI, "stream": False})
    assert (codec.stream, codec.media) == (False, JSON)
    assert codec.collect(HELLO).decode() == (
        f'{{"model":"plain",{TIME},"message":{{"role":"assistant","content":"Hello!"}},"done":true,'
        f'"done_reason":"stop",{NUMBERS}}}'
    )


@pytest.mark.parametrize("stream", [True, False, None])
def test_chat_load_and_unload(stream: bool | None) -> None:
    """One object of the JSON type, whatever `stream` says, and without numbers."""
    codec = post("/api/chat", {"model": "plain", "messages": [], "stream": stream})
    assert codec.job == Infer("plain", (), uses_cache=True)
    assert (codec.stream, codec.media) == (False, JSON)
    assert codec.collect([Done("load", None)]).decode() == (
        f'{{"model":"plain",{TIME},"message":{{"role":"assistant","content":""}},"done":true,'
        '"done_reason":"load"}'
    )
    codec = post("/api/chat", {"model": "plain", "stream": stream, "keep_alive": 0})
    assert codec.job == Infer("plain", (), keep_alive=0.0, uses_cache=True)
    assert codec.stream is False
    assert codec.collect([Done("unload", None)]).endswith(b'"done":true,"done_reason":"unload"}')


def test_zero_numbers_are_left_out() -> None:
    """A cached prompt takes no time, and a warm model none to load."""
    codec = post("/api/chat", {"model": "plain", "messages": HI})
    usage = type(USAGE)(0.5, 0.0, 12, 0.0, 1, 0.25)
    (line,) = codec.encode(Done("length", usage))
    assert line.endswith(
        b'"done_reason":"length","total_duration":500000000,"prompt_eval_count":12,'
        b'"eval_count":1,"eval_duration":250000000}\n'
    )


def test_text_is_escaped_for_html() -> None:
    """`<think>` is not sent as such."""
    (line,) = post("/api/chat", {"model": "plain", "messages": HI}).encode(Token("<think>&\u2028é"))
    assert rb'"content":"\u003cthink\u003e\u0026\u2028' + "é".encode() in line


def test_chat_job() -> None:
    """The conversation, with its roles in lower case and nulls as nothing."""
    given = [
        {"role": "System", "content": "be brief"},
        {"role": "USER", "content": None},
        {"content": "x"},
        {"role": "assistant", "content": "\ud800", "tool_calls": None, "images": ["AAAA"]},
        None,
    ]
    assert chat(messages=given).messages == (
        Message("system", "be brief"),
        Message("user", ""),
        Message("", "x"),
        Message("assistant", "\ufffd"),
        Message("", ""),
    )
    assert chat().uses_cache is True


@pytest.mark.parametrize(
    ("options", "limit"),
    [
        (None, None),
        ({}, None),
        ({"num_predict": 5}, 5),
        ({"num_predict": 1.7}, 1),
        ({"num_predict": 0}, None),
        ({"num_predict": -1}, None),
        ({"num_predict": None}, None),
        ({"NUM_PREDICT": 5}, None),
        ({"num_predict": 1e300}, 2**62),
        ({"bogus": [], "temperature": 1, "stop": ["a"], "use_mmap": True, "seed": None}, None),
    ],
)
def test_limit(options: Any, limit: int | None) -> None:
    """`num_predict`, cut to an integer; 0 and less is none."""
    assert chat(options=options).limit == limit


def test_a_number_too_large_for_a_float_is_no_crash() -> None:
    """Whatever it means."""
    body = b'{"model":"m","messages":[{}],"options":{"num_predict":1e999},"keep_alive":1e999}'
    job = post("/api/chat", body).job
    assert isinstance(job, Infer)
    assert (job.limit, job.keep_alive) == (2**62, 0.0)
    body = b'{"model":"m","messages":[{}],"options":{"num_predict":-1e999},"keep_alive":-1e999}'
    job = post("/api/chat", body).job
    assert isinstance(job, Infer)
    assert (job.limit, job.keep_alive) == (None, math.inf)


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ({"num_ctx": "4096"}, '"num_ctx" must be of type integer'),
        ({"num_predict": True}, '"num_predict" must be of type integer'),
        ({"use_mmap": 1}, '"use_mmap" must be of type boolean'),
        ({"temperature": "hot"}, '"temperature" must be of type float32'),
        ({"stop": "x"}, '"stop" must be of type array'),
        ({"stop": ["x", 5]}, '"stop" must be of an array of strings'),
    ],
)
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_option_types(path: str, option: dict[str, Any], word: str) -> None:
    """Wrong types are 500. An unload doesn't look at them."""
    body = {"model": "plain", "messages": HI, "prompt": "x", "options": option}
    assert refusal(path, body) == (500, f"option {word}", Origin.HANDLER)
    post(path, {"model": "plain", "options": option, "keep_alive": 0})


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
def test_own_words(field: str, value: Any, message: str) -> None:
    """Fields with messages of their own."""
    body = {"model": "plain", field: value}
    assert refusal("/api/chat", body) == (400, message, Origin.DECODE)
    assert refusal("/api/generate", body) == (400, message, Origin.DECODE)


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
]


@pytest.mark.parametrize(("fields", "kind", "where"), CHAT_FIELDS)
def test_chat_fields(fields: dict[str, Any], kind: str, where: str) -> None:
    """Go's words for a field of a wrong type."""
    expected = (400, FIELD.format(kind, where), Origin.DECODE)
    assert refusal("/api/chat", {"model": "plain", **fields}) == expected


def test_objects_that_are_none() -> None:
    """Where Ollama keeps the order of keys, it has other words."""
    words = "Value looks like object, but can't find closing '}' symbol"
    tool: Any = {"function": {"parameters": {"properties": []}}}
    assert refusal("/api/chat", {"model": "m", "tools": [tool]})[1] == words
    call = {"function": {"name": "f", "arguments": "{}"}}
    assert refusal("/api/chat", {"model": "m", "messages": [{"tool_calls": [call]}]})[1] == words


@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
@pytest.mark.parametrize("body", [b"", b" \n"])
def test_empty_body(path: str, body: bytes) -> None:
    """Native words for nothing."""
    assert refusal(path, body) == (400, "missing request body", Origin.DECODE)


def test_order_of_checks() -> None:
    """Body, alternatives, name, options."""
    top = (400, "top_logprobs must be between 0 and 20", Origin.HANDLER)
    assert refusal("/api/chat", {"top_logprobs": 21}) == top
    assert refusal("/api/generate", {"top_logprobs": -1}) == top
    assert refusal("/api/chat", b"null") == (400, "model is required", Origin.HANDLER)
    assert refusal("/api/generate", {}) == (404, "model '' not found", Origin.HANDLER)
    bad = {"model": "a b", "options": {"seed": "x"}, "messages": HI, "prompt": "x"}
    assert refusal("/api/chat", bad) == (400, "invalid model name", Origin.HANDLER)
    assert refusal("/api/generate", bad) == (400, "invalid model name", Origin.HANDLER)


def test_generate_stream() -> None:
    """A line for each token, a line with context and numbers."""
    codec = post("/api/generate", {"model": "plain", "prompt": "hi"})
    assert (codec.stream, codec.media) == (True, "application/x-ndjson")
    *pieces, last = streamed(codec, HELLO)
    assert [piece.decode() for piece in pieces] == [
        f'{{"model":"plain",{TIME},"response":"Hello","done":false}}\n',
        f'{{"model":"plain",{TIME},"response":"!","done":false}}\n',
    ]
    context = json.loads(last)["context"]
    assert len(context) == USAGE.prompt_tokens + 2
    assert all(0 <= number < VOCABULARY for number in context)
    shown = json.dumps(context, separators=(",", ":"))
    assert last.decode() == (
        f'{{"model":"plain",{TIME},"response":"","done":true,"done_reason":"stop",'
        f'"context":{shown},{NUMBERS}}}\n'
    )
    again = post("/api/generate", {"model": "plain", "prompt": "hi"})
    assert streamed(again, HELLO)[-1] == last
    other = post("/api/generate", {"model": "plain", "prompt": "ho"})
    assert streamed(other, HELLO)[-1] != last


def test_generate_whole() -> None:
    """One object; raw has no context."""
    fields = {"model": "plain", "prompt": "hi", "stream": False, "raw": True}
    codec = post("/api/generate", fields)
    assert (codec.stream, codec.media) == (False, JSON)
    assert codec.collect(HELLO).decode() == (
        f'{{"model":"plain",{TIME},"response":"Hello!","done":true,"done_reason":"stop",{NUMBERS}}}'
    )
    cooked = post("/api/generate", {**fields, "raw": False})
    assert len(json.loads(cooked.collect(HELLO))["context"]) == USAGE.prompt_tokens + 2


@pytest.mark.parametrize("stream", [True, False])
def test_generate_load_and_unload(stream: bool) -> None:
    """As in chat."""
    codec = post("/api/generate", {"model": "plain", "system": "x", "stream": stream})
    assert codec.job == Infer("plain", ())
    assert (codec.stream, codec.media) == (False, JSON)
    assert codec.collect([Done("load", None)]).decode() == (
        f'{{"model":"plain",{TIME},"response":"","done":true,"done_reason":"load"}}'
    )


def test_generate_job() -> None:
    """System and prompt are a conversation; no cache is used."""
    body = {"model": "m", "prompt": "hi", "system": "be brief", "options": {"num_predict": 3}}
    said = (Message("system", "be brief"), Message("user", "hi"))
    assert post("/api/generate", body).job == Infer("m", said, 3)


@pytest.mark.parametrize("field", [{"template": "x"}, {"system": "x"}, {"context": [1]}])
def test_raw(field: dict[str, Any]) -> None:
    """A raw prompt is all there is. An unload doesn't look at it."""
    body = {"model": "m", "raw": True, **field}
    message = "raw mode does not support template, system, or context"
    assert refusal("/api/generate", {**body, "prompt": "x"}) == (400, message, Origin.HANDLER)
    post("/api/generate", {**body, "keep_alive": 0})


def test_errors() -> None:
    """An object without a newline. What the runner says has another type; a line is a line."""
    whole = error_of("/api/chat", 404, "model 'nope' not found")
    assert (whole.media, whole.body) == (JSON, b'{"error":"model \'nope\' not found"}')
    runner = error_of("/api/generate", 500, "a<b", Origin.RUNNER)
    assert (runner.media, runner.body) == ("application/json", rb'{"error":"a\u003cb"}')
    codec = post("/api/chat", {"model": "plain", "messages": HI})
    assert codec.broken(Refusal(500, "gone")) == [b'{"error":"gone"}\n']
    assert codec.missing("nope") == "model 'nope' not found"


def test_a_generation_says_nothing_else() -> None:
    """Any other event is a bug of ours, and a whole answer can't be streamed."""
    codec = post("/api/chat", {"model": "plain", "messages": HI})
    with pytest.raises(AssertionError):
        codec.encode(Answer(None))
    with pytest.raises(AssertionError):
        ask("GET", "/api/version").encode(Answer(None))
