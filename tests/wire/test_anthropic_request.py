"""`/v1/messages`: what a request comes to."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.model import Infer, Message, Origin, Token, ToolCall
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
                {"type": "tool_use", "id": "t", "name": "f", "input": CALL["input"]},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "there"},
                {"type": "tool_result", "tool_use_id": "t", "content": "sunny"},
                {
                    "type": "tool_result",
                    "content": [
                        {"type": "text", "text": "1"},
                        IMAGE,
                        {"type": "text", "text": "2"},
                    ],
                },
                {"type": "tool_result"},
            ],
        },
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "so"}]},
        {"role": "user", "content": [IMAGE, {"type": "text", "text": "look"}]},
        {"role": "user", "content": [{"type": "document"}, {"type": "thinking"}]},
        {"role": "user", "content": ""},
        {"role": "user", "content": None},
    ]
    system = [{"type": "text", "text": "be "}, {"type": "x"}, 5, {"type": "text", "text": "brief"}]
    call = ToolCall("f", '{"x":1,"b":{"c":"\\u003c","d":1}}', "t")
    assert job(messages=messages, system=system).messages == (
        Message("system", "be brief"),
        Message("user", "hi"),
        Message("assistant", "ab", "hm", tool_calls=(call,)),
        Message("tool", "sunny", tool_call_id="t"),
        Message("tool", "12", images=(b"hi",)),
        Message("tool", ""),
        Message("user", "there"),
        Message("assistant", "", "so"),
        Message("user", "look", images=(b"hi",)),
    )


def test_results_of_tools_that_the_model_gives() -> None:
    """They stand behind its own message."""
    blocks = [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": FOUND},
    ]
    assert job(messages=[{"role": "assistant", "content": blocks}]).messages == (
        Message("assistant", tool_calls=(ToolCall("web_search", '{"query":"x"}', "s"),)),
        Message("tool", "- T: U\n- : \n", tool_call_id="s"),
    )


FOUND = [
    {"type": "web_search_result", "title": "T", "url": "U"},
    5,
    {"type": "web_search_result", "title": 5},
]


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ("plain", "plain"),
        ([{"type": "web_search_tool_result_error"}], "web_search_tool_result_error"),
        (
            {"type": "web_search_tool_result_error", "error_code": "unavailable"},
            "web_search_tool_result_error: unavailable",
        ),
        ({"b": 1.0, "a": 2}, '{"a":2,"b":1}'),
        (None, "null"),
    ],
)
def test_what_a_search_found_before(content: Any, read: str) -> None:
    """The model reads it as text."""
    block = {"type": "web_search_tool_result", "content": content}
    assert job(messages=[{"role": "user", "content": [block]}]).messages == (Message("tool", read),)


def test_job() -> None:
    """Options are passed on if they are given; whoever can't think needn't."""
    assert job(system=5, max_tokens=7) == Infer(
        "m", (Message("user", "hi"),), options={"num_predict": 7}, think_if_able=True
    )
    given = {"temperature": 0.5, "top_p": 1, "top_k": 3, "stop_sequences": ["x"]}
    assert job(**given).options == {
        "num_predict": 5,
        "temperature": 0.5,
        "top_p": 1,
        "top_k": 3,
        "stop": ["x"],
    }
    assert "stop" not in job(stop_sequences=[]).options


@pytest.mark.parametrize(
    ("fields", "think"),
    [
        ({}, None),
        ({"thinking": {"type": "enabled", "budget_tokens": 9}}, True),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, False),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": " HIGH "}}, "high"),
        ({"output_config": {"effort": "xhigh"}}, "high"),
        ({"output_config": {"effort": "max"}}, "max"),
        ({"output_config": {"effort": "none"}}, None),
    ],
)
def test_think(fields: dict[str, Any], think: bool | str | None) -> None:
    """`thinking` decides; if it doesn't, the effort does, and an unknown one is no error."""
    assert job(**fields).think == think


def test_tools() -> None:
    """The built-in search is a function, too, and owns its name."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    mine = {"name": "f", "description": "does it", "input_schema": schema}
    (tool,) = job(tools=[mine]).tools
    assert (tool.name, tool.description) == ("f", "does it")
    assert tool.source == (
        '{"type":"function","function":{"name":"f","description":"does it",'
        '"parameters":{"type":"object","properties":{"a":{"type":"string"}}}}}'
    )
    built_in = {"type": "web_search_20250305", "name": "search"}
    names = [tool.name for tool in job(tools=[{"name": "web_search"}, mine, built_in]).tools]
    assert names == ["f", "web_search"]
    assert [tool.name for tool in job(tools=[{"name": "web_search"}]).tools] == ["web_search"]


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
    """The native handler is asked last, when the headers of a stream are set."""
    codec = post(PATH, {"model": "bad name", "max_tokens": 1, "messages": HI, "stream": True})
    assert codec.wrong is not None
    assert (codec.wrong.status, codec.wrong.message) == (400, "invalid model name")
    assert codec.wrong.origin is Origin.HANDLER
    assert codec.headers == (("Cache-Control", "no-cache"), ("Connection", "keep-alive"))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"type": "image"}, "invalid image source"),
        (
            {"type": "image", "source": {"type": "url", "url": "https://x"}},
            "invalid image source type: url. Only base64 images are supported.",
        ),
        (
            {"type": "image", "source": {"type": "base64", "data": "?"}},
            "invalid base64 image data: illegal base64 data at input byte 0",
        ),
        ({"type": "tool_use", "name": "f"}, "tool_use block missing required 'id' field"),
        ({"type": "tool_use", "id": "t"}, "tool_use block missing required 'name' field"),
        (
            {"type": "tool_use", "id": "t", "name": "f", "input": "{}"},
            "Value looks like object, but can't find closing '}' symbol",
        ),
        (
            {"type": "tool_result", "content": [{"type": "image", "source": "x"}]},
            "invalid tool_result image source",
        ),
    ],
)
def test_wrong_blocks(block: dict[str, Any], message: str) -> None:
    """Blocks that can't be converted."""
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [block]}]}
    assert refusal(PATH, body) == (400, message, Origin.DECODE)


@pytest.mark.parametrize(
    ("schema", "what"),
    [
        ("x", "string into Go value of type api.ToolFunctionParameters"),
        ({"type": 5}, "number into Go struct field ToolFunctionParameters.type of type string"),
    ],
)
def test_wrong_schema(schema: Any, what: str) -> None:
    """The schema of a tool is read late, with the tool's name in the complaint."""
    body = {"model": "m", "max_tokens": 1, "messages": HI}
    body["tools"] = [{"name": "f", "input_schema": schema}]
    said = f'invalid input_schema for tool "f": json: cannot unmarshal {what}'
    assert refusal(PATH, body) == (400, said, Origin.DECODE)


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
    (
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"data": 5}}]}]},
        "number",
        "messages.source.data of type string",
    ),
    (
        {"messages": ["x"]},
        "string",
        r'messages of type struct { Role string "json:\"role\""; Content json.RawMessage '
        r'"json:\"content\"" }',
    ),
    ({"thinking": "enabled"}, "string", "thinking of type anthropic.ThinkingConfig"),
    ({"output_config": 5}, "number", "output_config of type anthropic.OutputConfig"),
]


@pytest.mark.parametrize(("fields", "kind", "where"), WRONG)
def test_wrong_types(fields: dict[str, Any], kind: str, where: str) -> None:
    """Go's words for a field of a wrong type."""
    assert refusal(PATH, fields) == (400, FIELD.format(kind, where), Origin.DECODE)


CALL = {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1.0, "b": {"d": 1, "c": "<"}}}
CALL_BYTES = len(
    r'{"type":"tool_use","id":"t","name":"f","input":{"x":1,"b":{"c":"\u003c","d":1}}}',
)
RESULT = {
    "type": "tool_result",
    "tool_use_id": "t",
    "content": [{"type": "text", "text": "sunny"}],
    "is_error": True,
    "cache_control": {"type": "ephemeral"},
}
RESULT_BYTES = len(
    '{"type":"tool_result","tool_use_id":"t","content":[{"text":"sunny","type":"text"}],'
    '"is_error":true}'
)
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({}, 6),
        ({"messages": [{"role": "user", "content": "é" * 20}]}, 44),
        ({"messages": [{"role": "u", "content": "x"}]}, 4),
        ({"system": "x" * 40}, 46),
        ({"system": [{"type": "text", "text": "x" * 40}, 5, {"type": "text", "text": 5}]}, 46),
        ({"system": {"a": 1.0}}, 6 + len('{"a":1}')),
        (
            {"messages": [{"role": "user", "content": [{"type": "thinking", "thinking": "hmmm"}]}]},
            8,
        ),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, 4),
        ({"messages": [{"role": "assistant", "content": [CALL]}]}, 9 + CALL_BYTES),
        ({"messages": [{"role": "user", "content": [RESULT]}]}, 4 + RESULT_BYTES),
        # As it was sent: Python writes a space behind each colon and comma.
        (
            {
                "tools": [
                    {"name": "f", "description": "does it", "input_schema": {"type": "object"}}
                ]
            },
            6 + 8 + len('{"type": "object"}'),
        ),
        ({"tools": [{"name": "f"}]}, 7),
    ],
)
def test_estimate(fields: dict[str, Any], size: int) -> None:
    """A quarter of the bytes, at least 1, at the start of the stream."""
    body = {"model": "m", "max_tokens": 1, "messages": HI, "stream": True, **fields}
    start = post(PATH, body).encode(Token("x"))[0]
    assert f'"input_tokens":{max(1, size // 4)},'.encode() in start
