"""The profile 0.13.5: what its endpoints take and say otherwise, dialect by dialect."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.model import (
    Create,
    Done,
    Event,
    Infer,
    Origin,
    Refusal,
    Show,
    Token,
    ToolCall,
)
from ollama_simulator.settings import Settings
from ollama_simulator.wire.openai_chat_old import OldChatCompletions
from tests.wire.speaking import USAGE, post, refusal

OLD = Settings(wire="0.13.5")
USER = [{"role": "user", "content": "x"}]


def tool(**parameters: Any) -> dict[str, Any]:
    """A tool with these parameters."""
    return {"type": "function", "function": {"name": "f", "parameters": parameters}}


@pytest.mark.parametrize(
    ("arguments", "kind"), [([1], "array"), ("{}", "string"), (False, "bool"), (5, "number")]
)
def test_arguments_of_a_call(arguments: Any, kind: str) -> None:
    """They are a plain map to the older server, so Go's own library complains."""
    call = {"function": {"name": "f", "arguments": arguments}}
    body = {"model": "m", "messages": [{"role": "assistant", "tool_calls": [call]}]}
    field = "ChatRequest.messages.tool_calls.function.arguments"
    said = (
        f"json: cannot unmarshal {kind} into Go struct field {field} "
        "of type api.ToolCallFunctionArguments"
    )
    assert refusal("/api/chat", body, OLD) == (400, said, Origin.DECODE)
    new = "Value looks like object, but can't find closing '}' symbol"
    assert refusal("/api/chat", body) == (400, new, Origin.DECODE)


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
@pytest.mark.parametrize(
    ("properties", "kind", "field", "go"),
    [
        (1.5, "number", "FunctionParameters.@", "map[string]api.ToolProperty"),
        ({"a": ""}, "string", "FunctionParameters.@", "api.ToolProperty"),
        ({"a": {"type": 3}}, "number", "Property.@.type", "[]string"),
        ({"a": {"type": [{}]}}, "object", "Property.@.type", "string"),
        ({"a": {"anyOf": [1]}}, "number", "Property.@.anyOf", "api.ToolProperty"),
        ({"a": {"anyOf": 1}}, "number", "Property.@.anyOf", "[]api.ToolProperty"),
        (
            {"a": {"properties": []}},
            "array",
            "Property.@.properties",
            "map[string]api.ToolProperty",
        ),
    ],
)
def test_properties_of_a_tool(path: str, properties: Any, kind: str, field: str, go: str) -> None:
    """So are these, and the innermost struct is named."""
    body = {"model": "m", "messages": USER, "tools": [tool(properties=properties)]}
    at = field.replace("@", "tools.function.parameters.properties")
    said = f"json: cannot unmarshal {kind} into Go struct field Tool{at} of type {go}"
    assert refusal(path, body, OLD) == (400, said, Origin.DECODE)


def test_a_property_has_no_required() -> None:
    """What the older server doesn't know of, no model gets to see."""
    inner = {"type": "object", "properties": {"b": {}}, "required": ["b"]}
    body = {"model": "m", "messages": USER, "tools": [tool(properties={"a": inner})]}
    for settings, there in ((OLD, False), (Settings(), True)):
        job = post("/api/chat", body, settings).job
        assert isinstance(job, Infer)
        assert ('"required":["b"]' in job.tools[0].source) is there


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/v1/chat/completions", {"messages": USER}, 400, "model is required"),
        ("/v1/completions", {"prompt": "x"}, 404, "model '@' not found"),
        ("/v1/embeddings", {"input": "x"}, 404, 'model "@" not found, try pulling it first'),
        ("/api/embed", {"input": "x"}, 404, 'model "@" not found, try pulling it first'),
        ("/api/show", {}, 500, "invalid model path"),
    ],
)
@pytest.mark.parametrize("name", ["a b", "/m", "x:local:cloud", "m ", "é"])
def test_invalid_names(
    path: str, body: dict[str, Any], status: int, message: str, name: str
) -> None:
    """Each endpoint has its own word for them, and blanks belong to the name."""
    said = message.replace("@", name)
    assert refusal(path, {"model": name, **body}, OLD)[:2] == (status, said)


def test_an_invalid_name_of_a_response() -> None:
    """It is told where a stream would begin, as ever."""
    wrong = post("/v1/responses", {"model": "a b", "input": "x"}, OLD).wrong
    assert wrong is not None
    assert (wrong.status, wrong.message) == (400, "model is required")


def test_what_a_creation_may_hold() -> None:
    """Fields that came later are not read; that a digest is empty is found later."""
    body = {"model": "m", "from": "x", "requires": 5, "draft_files": 5, "files": {"a": ""}}
    job = post("/api/create", body, OLD).job
    assert isinstance(job, Create)
    assert job.fields == {"model": "m", "from": "x", "files": {"a": ""}, "messages": ()}
    assert refusal("/api/create", body)[0] == 400


def test_names_that_say_where_a_model_runs() -> None:
    """They are names like any other."""
    job = post("/api/show", {"model": "m:cloud"}, OLD).job
    assert isinstance(job, Show)
    assert job.model == "m:cloud"


def test_the_arguments_of_a_former_response() -> None:
    """Go's library complains of them, too."""
    item = {"type": "function_call", "name": "f", "arguments": "[]"}
    said = (
        "failed to parse function call arguments: json: cannot unmarshal array "
        "into Go value of type api.ToolCallFunctionArguments"
    )
    assert refusal("/v1/responses", {"model": "m", "input": [item]}, OLD)[:2] == (400, said)


LINK = "http://example.com/a.png"


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (
            "/v1/chat/completions",
            {"messages": [{"content": [{"type": "image_url", "image_url": {"url": LINK}}]}]},
            "invalid image input",
        ),
        (
            "/v1/chat/completions",
            {"messages": [{"content": [{"type": "input_audio", "input_audio": {"data": "AA=="}}]}]},
            "invalid message format",
        ),
        (
            "/v1/responses",
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": LINK}]}]},
            "invalid image input",
        ),
    ],
)
def test_pictures_by_link_and_sounds_are_unknown(
    path: str, body: dict[str, Any], words: str
) -> None:
    """The newer version has words of its own for links, and takes sounds."""
    with pytest.raises(Refusal, match=f"^{words}$"):
        post(path, {"model": "m", **body}, OLD)


def test_calls_are_the_reason_of_a_whole_chat() -> None:
    """Even of one that was too long; the newer server says so of one that stopped only."""
    body = {"model": "m", "messages": USER, "tools": [tool()]}
    said: list[Event] = [Token("", calls=(ToolCall("f", "{}"),)), Done("length", USAGE)]
    for settings, reason in ((OLD, "tool_calls"), (Settings(), "length")):
        answer = post("/v1/chat/completions", body, settings).collect(said)
        assert f'"finish_reason":"{reason}"'.encode() in answer


def test_a_chat_that_breaks_off() -> None:
    """The piece that stands for the error has a role."""
    body = {"model": "m", "messages": USER, "stream": True}
    codec = post("/v1/chat/completions", body, OLD)
    (frame,) = codec.broken(Refusal(500, "x", Origin.RUNNER))
    assert b'"model":""' in frame
    assert b'"delta":{"role":"assistant","content":""}' in frame


def test_the_input_of_embeddings_without_a_model() -> None:
    """Whoever complains of the name looks at that first."""
    wrong = refusal("/v1/embeddings", {"input": 5}, OLD)
    assert wrong[:2] == (400, "invalid input type")


def test_the_old_chat_is_the_old_profiles() -> None:
    """Which of the two answers is a matter of the table of routes."""
    body = {"model": "m", "messages": USER}
    assert isinstance(post("/v1/chat/completions", body, OLD), OldChatCompletions)
    assert not isinstance(post("/v1/chat/completions", body), OldChatCompletions)
