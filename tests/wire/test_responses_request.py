"""`/v1/responses`: what a request comes to."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.model import Infer, Message, Origin, ToolCall
from ollama_simulator.settings import Settings
from tests.wire.speaking import post, refusal

PATH = "/v1/responses"
OLD = Settings(wire="0.13.5")


def job(settings: Settings | None = None, **fields: Any) -> Infer:
    """The job of a request with these fields."""
    found = post(PATH, {"model": "m", **fields}, settings or Settings()).job
    assert isinstance(found, Infer)
    return found


def test_texts() -> None:
    """Instructions are the system's; a text is the user's."""
    assert job(input="hi", instructions="be brief").messages == (
        Message("system", "be brief"),
        Message("user", "hi"),
    )


@pytest.mark.parametrize("given", [{}, {"input": ""}, {"input": []}, {"input": None}])
def test_nothing(given: dict[str, Any]) -> None:
    """A mere load."""
    assert job(**given).empty


PICTURE = "data:image/png;base64,aGk="


def test_conversation() -> None:
    """Thinking goes with the next thing that the assistant does, a call with its message."""
    items = [
        {"role": "User", "content": "hi"},
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": PICTURE},
                {"type": "input_image", "file_id": "f"},
                {"type": "output_text", "text": "b"},
            ],
        },
        {"type": "reasoning", "summary": [], "encrypted_content": "hm"},
        {"type": "message", "role": "assistant", "content": None},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"x":1.0}'},
        {"type": "function_call", "call_id": "d", "name": "g", "arguments": ""},
        {"type": "function_call_output", "call_id": "c", "output": "sunny"},
        {"type": "web_search_call", "id": "w", "status": "completed"},
        {"type": "reasoning", "encrypted_content": "so"},
        {"type": "function_call", "call_id": "e", "name": "h"},
        {
            "type": "function_call_output",
            "call_id": "e",
            "output": [
                {"type": "input_text", "text": "1"},
                {"type": "input_image", "image_url": PICTURE},
                {"type": "output_text", "text": "2"},
            ],
        },
        {"type": "reasoning", "encrypted_content": "end"},
    ]
    assert job(input=items).messages == (
        Message("user", "hi"),
        Message("user", "ab", images=(b"hi",)),
        Message(
            "assistant",
            thinking="hm",
            tool_calls=(ToolCall("f", '{"x":1}', "c"), ToolCall("g", "{}", "d")),
        ),
        Message("tool", "sunny", tool_call_id="c"),
        Message("assistant", thinking="so", tool_calls=(ToolCall("h", "{}", "e"),)),
        Message("tool", "12", images=(b"hi",), tool_call_id="e"),
        Message("assistant", thinking="end"),
    )


def test_a_message_between_a_call_and_its_result() -> None:
    """It becomes one with the call, so that the result follows it at once."""
    call = {"type": "function_call", "call_id": "c", "name": "f"}
    between = {"role": "assistant", "content": "wait"}
    result = {"type": "function_call_output", "call_id": "c", "output": "x"}
    called = (ToolCall("f", "{}", "c"),)
    assert job(input=[call, between, result]).messages == (
        Message("assistant", "wait", tool_calls=called),
        Message("tool", "x", tool_call_id="c"),
    )
    first = {"role": "assistant", "content": "look"}
    merged = job(input=[first, call, between, result]).messages
    assert merged[0] == Message("assistant", "look\nwait", tool_calls=called)
    other = {**result, "call_id": "d"}
    assert [m.content for m in job(input=[call, between, other]).messages] == ["", "wait", "x"]


def test_options() -> None:
    """A temperature is always said, the rest if it is given."""
    assert job(input="x").options == {"temperature": 1.0}
    given: dict[str, Any] = {"temperature": 0.5, "top_p": 0.9, "max_output_tokens": 0}
    assert job(input="x", **given).options == {
        "temperature": 0.5,
        "top_p": 0.9,
        "num_predict": 0,
    }


@pytest.mark.parametrize(
    ("effort", "think"), [("", None), ("none", False), ("minimal", "low"), ("xhigh", "max")]
)
def test_effort(effort: str, think: bool | str | None) -> None:
    """The words of OpenAI; the old profile doesn't read them."""
    assert job(input="x", reasoning={"effort": effort}).think == think
    assert job(OLD, input="x", reasoning={"effort": effort}).think is None


@pytest.mark.parametrize(
    ("format", "native"),
    [
        (
            {"type": "json_schema", "name": "n", "schema": {"type": "object", "b": 1.50, "a": "<"}},
            '{"type":"object","b":1.5,"a":"<"}',
        ),
        ({"type": "json_schema"}, None),
        ({"type": "json_schema", "schema": None}, None),
        ({"type": "json_object"}, None),
        ({"type": "text"}, None),
    ],
)
def test_format(format: dict[str, Any], native: str | None) -> None:
    """A schema is passed on as it was sent, without its white space."""
    assert job(input="x", text={"format": format}).format == native


def test_tools() -> None:
    """Functions, namespaces, and what Ollama doesn't know, which becomes a tool without a name."""
    schema = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "string"}}}
    mine = {"type": "function", "name": "f", "description": "d", "parameters": schema}
    inner = {"type": "namespace", "name": "in", "tools": [{"type": "function", "name": "x"}]}
    space = {
        "type": "namespace",
        "name": "ns",
        "tools": [{"name": "g"}, {"name": "ns.h"}, inner],
    }
    nameless = {"type": "namespace", "tools": [{"name": "i"}]}
    given = [mine, space, nameless, {"type": "file_search"}, None]
    tools = job(input="x", tools=given).tools
    assert [tool.name for tool in tools] == ["f", "ns.g", "ns.h", "ns.in.x", "i", "", ""]
    assert tools[0].source == (
        '{"type":"function","function":{"name":"f","description":"d","parameters":'
        '{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}}}'
    )
    assert tools[5].source.startswith('{"type":"file_search",')


def test_search() -> None:
    """The built-in search is a function, too, and owns its name."""
    mine = {"type": "function", "name": "web_search"}
    names = [tool.name for tool in job(input="x", tools=[mine, {"type": "web_search"}]).tools]
    assert names == ["web_search"]
    assert len(job(OLD, input="x", tools=[mine, {"type": "web_search"}]).tools) == 2


def test_properties_of_tools() -> None:
    """What is empty is printed where Go's structs say so."""
    given = {"a": {"type": None}, "b": {"type": []}, "c": {"type": ["x"], "properties": {}}}
    tool = {"type": "function", "name": "f", "parameters": {"properties": given}}
    (found,) = job(input="x", tools=[tool]).tools
    assert '"properties":{"a":{"type":""},"b":{},"c":{"type":"x","properties":{}}}' in found.source


STRUCT = "Go struct field"
PEEK = r'struct { Type string "json:\"type\""; Role string "json:\"role\"" }'
WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"input": 5},
        "input must be a string or array: json: cannot unmarshal number into Go value of type "
        "[]json.RawMessage",
    ),
    ({"input": [5]}, f"input[0]: json: cannot unmarshal number into Go value of type {PEEK}"),
    (
        {"input": [{"type": 5}]},
        f"input[0]: json: cannot unmarshal number into {STRUCT} .type of type string",
    ),
    ({"input": ["x", {}]}, f"input[0]: json: cannot unmarshal string into Go value of type {PEEK}"),
    ({"input": [{}]}, "input[0]: input item missing required 'type' field"),
    ({"input": [None]}, "input[0]: input item missing required 'type' field"),
    (
        {"input": [{"role": "user"}, {"type": "item_reference"}]},
        'input[1]: unknown input item type: "item_reference"',
    ),
    (
        {"input": [{"role": "user", "content": 5}]},
        "input[0]: content must be a string or array: json: cannot unmarshal number into Go value "
        "of type []json.RawMessage",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
        "input[0]: content[0]: unknown content type: text",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": 5}]}]},
        f"input[0]: content[0]: json: cannot unmarshal number into {STRUCT} "
        "ResponsesTextContent.text of type string",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_file"}]}]},
        "file inputs are not currently supported",
    ),
    (
        {"input": [{"role": "u", "content": [{"type": "input_image", "image_url": "http://x"}]}]},
        "image URLs are not currently supported, please use base64 encoded data instead",
    ),
    (
        {"input": [{"type": "function_call", "arguments": "{"}]},
        "failed to parse function call arguments: unexpected end of JSON input",
    ),
    (
        {"input": [{"type": "function_call", "arguments": "{} x"}]},
        "failed to parse function call arguments: invalid character 'x' after top-level value",
    ),
    (
        {"input": [{"type": "function_call", "arguments": "[]"}]},
        "failed to parse function call arguments: Value looks like object, but can't find closing "
        "'}' symbol",
    ),
    (
        {"input": [{"type": "function_call", "arguments": {}}]},
        f"input[0]: json: cannot unmarshal object into {STRUCT} ResponsesFunctionCall.arguments "
        "of type string",
    ),
    (
        {"input": [{"type": "function_call_output", "output": 5}]},
        "input[0]: output must be a string or array: json: cannot unmarshal number into Go value "
        "of type []json.RawMessage",
    ),
    (
        {"input": [{"type": "function_call_output", "output": [{"type": "x"}]}]},
        "input[0]: output[0]: unknown content type: x",
    ),
    (
        {"reasoning": {"effort": "foo"}},
        'invalid reasoning value: "foo" (must be "minimal", "low", "medium", "high", "xhigh", '
        '"ultra", "max", or "none")',
    ),
    (
        {"tools": [{"type": "function", "name": "f", "parameters": {"type": 5}}]},
        f"failed to unmarshal tool parameters: json: cannot unmarshal number into {STRUCT} "
        "ToolFunctionParameters.type of type string",
    ),
    (
        {"tools": [{"parameters": []}]},
        f"json: cannot unmarshal array into {STRUCT} ResponsesTool.tools.parameters of type "
        "map[string]interface {}",
    ),
    (
        {"include": "x"},
        f"json: cannot unmarshal string into {STRUCT} ResponsesRequest.include of type []string",
    ),
    (
        {"text": {"format": "x"}},
        f"json: cannot unmarshal string into {STRUCT} ResponsesText.text.format of type "
        "openai.ResponsesTextFormat",
    ),
]


@pytest.mark.parametrize(("fields", "message"), WRONG)
def test_wrong(fields: dict[str, Any], message: str) -> None:
    """All of them before the model is asked for."""
    assert refusal(PATH, fields) == (400, message, Origin.DECODE)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"type": "web_search_call"}, "input[0]: unknown input item type: web_search_call"),
        ({}, "input[0]: unknown input item type: "),
        (
            {"type": "function_call_output", "output": []},
            f"input[0]: json: cannot unmarshal array into {STRUCT} "
            "ResponsesFunctionCallOutput.output of type string",
        ),
        (
            {"role": "user", "content": [{"type": "input_file"}]},
            "input[0]: content[0]: unknown content type: input_file",
        ),
    ],
)
def test_wrong_for_the_old_profile(item: dict[str, Any], message: str) -> None:
    """It knows less, and quotes nothing."""
    assert refusal(PATH, {"input": [item]}, OLD) == (400, message, Origin.DECODE)


@pytest.mark.parametrize(
    ("model", "message"), [("", "model is required"), ("bad name", "invalid model name")]
)
def test_names(model: str, message: str) -> None:
    """The native handler is asked last, when the headers of a stream are set."""
    codec = post(PATH, {"model": model, "input": "x", "stream": True})
    assert codec.wrong is not None
    assert (codec.wrong.message, codec.wrong.origin) == (message, Origin.HANDLER)
    assert codec.headers == (("Cache-Control", "no-cache"), ("Connection", "keep-alive"))
