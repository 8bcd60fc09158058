"""What a request to `/v1/chat/completions` holds, and the conversation that it comes to.

Source: compatibility specification 3.3 to 3.6 and 5.1.

It must not import another dialect.
"""

from collections.abc import Mapping
from typing import Any

from ollama_simulator.golang import gobase64, gojson
from ollama_simulator.golang.decode import ANYTHING, FLAG, FLOAT, INT, TEXT, Array, Record, Type
from ollama_simulator.golang.parse import Json, refused
from ollama_simulator.model import Message, ToolCall
from ollama_simulator.settings import PROFILES, Profile
from ollama_simulator.wire import parts, tools
from ollama_simulator.wire.native import TOOL

_FUNCTION = Record(
    r'struct { Name string "json:\"name\""; Arguments string "json:\"arguments\"" }',
    name="",  # Go's struct has no name, so the client reads none
    fields={"name": TEXT, "arguments": TEXT},
)

_TOOL_CALL = Record(
    "openai.ToolCall", fields={"id": TEXT, "index": INT, "type": TEXT, "function": _FUNCTION}
)

_CHAT: dict[str, Type] = {
    "model": TEXT,
    "messages": Array(
        "[]openai.Message",
        item=Record(
            "openai.Message",
            fields={
                **dict.fromkeys("role reasoning name tool_call_id".split(), TEXT),
                "content": ANYTHING,
                "tool_calls": Array("[]openai.ToolCall", item=_TOOL_CALL),
            },
        ),
    ),
    "stream": FLAG,
    "stream_options": Record("openai.StreamOptions", fields={"include_usage": FLAG}),
    **dict.fromkeys("max_tokens seed top_logprobs".split(), INT),
    **dict.fromkeys("temperature top_p frequency_penalty presence_penalty".split(), FLOAT),
    "stop": ANYTHING,
    "response_format": Record(
        "openai.ResponseFormat",
        fields={
            "type": TEXT,
            "json_schema": Record("openai.JsonSchema", fields={"schema": ANYTHING}),
        },
    ),
    "reasoning": Record("openai.Reasoning", fields={"effort": TEXT}),
    "reasoning_effort": TEXT,
    "logprobs": FLAG,
    "_debug_render_only": FLAG,
}


def _chat(profile: Profile) -> Record:
    fields = {**_CHAT, "tools": Array("[]api.Tool", item=TOOL[profile])}
    return Record("openai.ChatCompletionRequest", fields=fields)


CHAT = {profile: _chat(profile) for profile in PROFILES}

_PARTS: dict[Profile, tuple[str, ...]] = {
    "0.33": ("text", "image_url", "input_audio"),
    "0.13.5": ("text", "image_url"),
}
"""The parts that a content may have."""


def conversation(given: list[dict[str, Any]], profile: Profile) -> tuple[Message, ...]:
    """The messages: one for each part of a content that has parts. Raises `Refusal`."""
    messages: list[Message] = []
    names: dict[str, str] = {}
    for entry in given:
        calls = _calls(entry.get("tool_calls", ()))
        names.update((call.id, call.name) for call in calls)
        messages += _messages(entry, calls, names, profile)
    return tuple(messages)


def options(body: Mapping[str, Any]) -> dict[str, Any]:
    """The native options of a chat (3.5)."""
    out: dict[str, Any] = {}
    stop = body.get("stop")
    if isinstance(stop, str):
        out["stop"] = [stop]
    elif isinstance(stop, list):
        out["stop"] = [item for item in stop if isinstance(item, str)]
    if "max_tokens" in body:
        out["num_predict"] = body["max_tokens"]
    out["temperature"] = body.get("temperature", 1.0)
    for name in ("seed", "frequency_penalty", "presence_penalty"):
        if name in body:
            out[name] = body[name]
    out["top_p"] = body.get("top_p", 1.0)
    return out


def format_of(wanted: Mapping[str, Any]) -> str | None:
    """The native format that a `response_format` stands for, as JSON text."""
    match wanted.get("type", "").strip().lower():
        case "json_object":
            return '"json"'
        case "json_schema" if (schema := wanted.get("json_schema", {}).get("schema")) is not None:
            return gojson.encode(schema).decode()
    return None


def _messages(
    entry: dict[str, Any], calls: tuple[ToolCall, ...], names: Mapping[str, str], profile: Profile
) -> list[Message]:
    role = entry.get("role", "").lower()
    call_id = entry.get("tool_call_id", "")
    said = {
        "thinking": entry.get("reasoning", ""),
        "tool_calls": calls,
        "tool_name": (entry.get("name") or names.get(call_id, "")) if role == "tool" else "",
        "tool_call_id": call_id,
    }
    match entry.get("content"):
        case str() as content:
            return [Message(role, content, **said)]
        case list() as pieces:
            return _of_parts(role, pieces, said, profile)
        case None if calls:
            return [Message(role, **said)]
        case None:
            raise refused("invalid message content type: <nil>")
        case bool():
            raise refused("invalid message content type: bool")
        case dict():
            raise refused("invalid message content type: map[string]interface {}")
        case _:
            raise refused("invalid message content type: float64")


def _of_parts(
    role: str, pieces: list[Json], said: dict[str, Any], profile: Profile
) -> list[Message]:
    """A message for each part. What belongs to the whole is said with the last one."""
    messages = [_part(role, piece, profile) for piece in pieces]
    if messages and (said["tool_calls"] or said["thinking"] or said["tool_call_id"]):
        last = messages[-1]
        messages[-1] = Message(last.role, last.content, images=last.images, **said)
    return messages


def _part(role: str, part: Json, profile: Profile) -> Message:
    if isinstance(part, dict) and part.get("type") in _PARTS[profile]:
        match part["type"]:
            case "text" if isinstance(part.get("text"), str):
                return Message(role, part["text"])
            case "image_url":
                return Message(role, images=(parts.image(_url(part.get("image_url")), profile),))
            case "input_audio":
                return Message(role, images=(_sound(part.get("input_audio")),))
    raise refused("invalid message format")


def _url(given: Json) -> str:
    if isinstance(given, dict):
        given = given.get("url")
    if not isinstance(given, str):
        raise refused("invalid message format")
    return given


def _sound(given: Json) -> bytes:
    if not isinstance(given, dict):
        raise refused("invalid input_audio format")
    data = given.get("data")
    if not isinstance(data, str) or not data:
        raise refused("invalid input_audio format: missing data")
    try:
        return gobase64.decode(data)
    except ValueError as error:
        raise refused(f"invalid input_audio base64 data: {error}") from None


def _calls(given: list[dict[str, Any]]) -> tuple[ToolCall, ...]:
    calls = []
    for entry in given:
        function = entry.get("function", {})
        arguments = tools.arguments_in(function.get("arguments", ""))
        if arguments is None:
            raise refused("invalid tool call arguments")
        name, number = function.get("name", ""), entry.get("index", 0)
        calls.append(tools.call(name, arguments, id=entry.get("id", ""), index=number))
    return tuple(calls)
