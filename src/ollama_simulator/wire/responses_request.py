"""What a request to `/v1/responses` holds, and the wish that it comes to.

Source: compatibility specification 3.3 to 3.6, 9.1 and 15.

It must not import another dialect.
"""

from typing import Any

import msgspec

from ollama_simulator.golang import raw
from ollama_simulator.golang.decode import (
    ANYTHING,
    FLAG,
    FLOAT,
    INT,
    MAP,
    TEXT,
    Array,
    Place,
    Record,
    Type,
)
from ollama_simulator.golang.parse import Json, parse, parse_all, refused
from ollama_simulator.golang.printed import printed
from ollama_simulator.model import Infer, Message, Refusal, Tool
from ollama_simulator.settings import Profile
from ollama_simulator.wire import effort, parts, search, tools
from ollama_simulator.wire.native import ARGUMENTS, PARAMETERS, STRINGS
from ollama_simulator.wire.responses_input import INPUT, Item

_tool: dict[str, Type] = {
    **dict.fromkeys("type name description".split(), TEXT),
    "strict": FLAG,
    "parameters": MAP,
}
_TOOL = Record("openai.ResponsesTool", fields=_tool)
# A namespace has tools in it, each of them a tool.
_tool["tools"] = Array("[]openai.ResponsesTool", item=_TOOL)

_FORMAT = Record(
    "openai.ResponsesTextFormat",
    fields={"type": TEXT, "name": TEXT, "schema": ANYTHING, "strict": FLAG},
    nulls=frozenset({"schema"}),
)


def _request(profile: Profile) -> Record:
    return Record(
        "openai.ResponsesRequest",
        fields={
            **dict.fromkeys("model instructions truncation".split(), TEXT),
            **dict.fromkeys("background stream".split(), FLAG),
            "include": STRINGS,
            "input": INPUT[profile],
            "max_output_tokens": INT,
            "reasoning": Record(
                "openai.ResponsesReasoning",
                fields=dict.fromkeys("effort generate_summary summary".split(), TEXT),
            ),
            "temperature": FLOAT,
            "text": Record("openai.ResponsesText", fields={"format": _FORMAT}),
            "top_p": FLOAT,
            "tools": Array("[]openai.ResponsesTool", item=_TOOL),
        },
    )


RESPONSES: dict[Profile, Record] = {"0.33": _request("0.33"), "0.13.5": _request("0.13.5")}


def schema_as_sent(sent: bytes) -> msgspec.Raw | None:
    """The schema of `text.format` without its white space; None if there is none."""
    text = raw.text_of(sent)
    for key in ("text", "format", "schema"):
        found = raw.member(text, key)
        if found is None:
            return None
        text = found
    return msgspec.Raw(raw.compact(text).encode("utf-8", "replace"))


def wish(body: dict[str, Any], sent: bytes, profile: Profile) -> Infer:
    """The native job. Raises `Refusal`."""
    messages = _conversation(body, profile)
    given_effort = body.get("reasoning", {}).get("effort", "")
    return Infer(
        body.get("model", ""),
        messages,
        # The old profile doesn't look at the effort.
        think=None if profile == "0.13.5" else effort.think(given_effort, profile),
        tools=_tools(body.get("tools", ()), profile),
        format=_format(body, sent),
        options=_options(body),
    )


def searches(body: dict[str, Any]) -> bool:
    """Whether the built-in web search is among the tools."""
    return any(tool.get("type") == search.NAME for tool in body.get("tools", ()))


def _options(body: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"temperature": body.get("temperature", 1.0)}
    if "top_p" in body:
        out["top_p"] = body["top_p"]
    if "max_output_tokens" in body:
        out["num_predict"] = body["max_output_tokens"]
    return out


def _format(body: dict[str, Any], sent: bytes) -> str | None:
    wanted = body.get("text", {}).get("format", {})
    if wanted.get("type") != "json_schema" or wanted.get("schema") is None:
        return None
    schema = schema_as_sent(sent)
    return None if schema is None else bytes(schema).decode()


# --- the conversation ------------------------------------------------------------------------


def _conversation(body: dict[str, Any], profile: Profile) -> tuple[Message, ...]:
    messages = []
    if body.get("instructions"):
        messages.append(Message("system", body["instructions"]))
    given = body.get("input", "")
    if isinstance(given, str):
        return (*messages, *([Message("user", given)] if given else []))
    thinking = ""
    for index, item in enumerate(given):
        match item["type"]:
            case "reasoning":
                thinking = item.get("encrypted_content", "")
            case "message":
                message = _message(item, profile)
                if message.role == "assistant":
                    message = msgspec.structs.replace(message, thinking=thinking)
                    thinking = ""
                    if _answered(messages, given[index + 1 : index + 2]):
                        messages[-1] = _merged(messages[-1], message)
                        continue
                messages.append(message)
            case "function_call":
                _call(messages, item, thinking, profile)
                thinking = ""
            case "function_call_output":
                text, images = _content(item.get("output", ""), profile)
                call_id = item.get("call_id", "")
                messages.append(Message("tool", text, images=images, tool_call_id=call_id))
    if thinking:
        messages.append(Message("assistant", thinking=thinking))
    return tuple(messages)


def _message(item: Item, profile: Profile) -> Message:
    text, images = _content(item.get("content", ""), profile)
    return Message(item.get("role", "").lower(), text, images=images)


def _answered(messages: list[Message], following: list[Item]) -> bool:
    """Whether an assistant's message stands between a call and its result."""
    if not following or following[0]["type"] != "function_call_output" or not messages:
        return False
    call_id = following[0].get("call_id", "")
    last = messages[-1]
    called = any(call.id == call_id for call in last.tool_calls)
    return bool(call_id) and last.role == "assistant" and called


def _merged(last: Message, message: Message) -> Message:
    between = "\n" if last.content and message.content else ""
    return msgspec.structs.replace(
        last,
        content=last.content + between + message.content,
        images=last.images + message.images,
        thinking=message.thinking or last.thinking,
    )


def _call(messages: list[Message], item: Item, thinking: str, profile: Profile) -> None:
    """A call belongs to the assistant's message in front of it, if there is one."""
    arguments = item.get("arguments", "")
    try:
        read = ARGUMENTS[profile].read(parse_all(arguments), Place()) if arguments else {}
    except Refusal as refusal:
        said = f"failed to parse function call arguments: {refusal.message}"
        raise refused(said) from None
    call = tools.call(item.get("name", ""), read, id=item.get("call_id", ""))
    if not messages or messages[-1].role != "assistant":
        messages.append(Message("assistant"))
    last = messages[-1]
    messages[-1] = msgspec.structs.replace(
        last, tool_calls=(*last.tool_calls, call), thinking=thinking or last.thinking
    )


def _content(given: str | list[Item], profile: Profile) -> tuple[str, tuple[bytes, ...]]:
    if isinstance(given, str):
        return given, ()
    text, images = "", []
    for part in given:
        match part["type"]:
            case "input_image" if part.get("image_url"):
                images.append(parts.image(part["image_url"], profile))
            case "input_file":
                raise refused("file inputs are not currently supported")
            case _:
                text += part.get("text", "")
    return text, tuple(images)


# --- tools -----------------------------------------------------------------------------------


def _tools(given: list[Item], profile: Profile) -> tuple[Tool, ...]:
    if profile == "0.13.5":
        return tuple(_function(entry, profile) for entry in given)
    built_in = any(entry.get("type") == search.NAME for entry in given)
    found = []
    for entry in given:
        if entry.get("type") == search.NAME:
            found.append(search.TOOL)
            continue
        flat = [_function(one, profile) for one in _expanded(entry)]
        found += [tool for tool in flat if not (built_in and tool.name == search.NAME)]
    return tuple(found)


def _expanded(entry: Item) -> list[Item]:
    """A tool; of a namespace the tools in it, with its name in front of theirs."""
    if entry.get("type") != "namespace":
        return [entry]
    prefix = f"{entry['name']}." if entry.get("name") else ""
    members = [one for member in entry.get("tools", ()) for one in _expanded(member)]
    return [{**one, "name": prefix + one.get("name", "").removeprefix(prefix)} for one in members]


def _function(entry: Item, profile: Profile) -> Tool:
    given = entry.get("parameters")
    try:
        # Ollama prints them and reads them again, so their keys are sorted by now.
        shape = PARAMETERS[profile]
        read = {} if given is None else shape.read(_sorted(given), Place())
    except Refusal as refusal:
        raise refused(f"failed to unmarshal tool parameters: {refusal.message}") from None
    function = {
        "name": entry.get("name", ""),
        "description": entry.get("description", ""),
        "parameters": read,
    }
    (tool,) = tools.tools([{"type": entry.get("type", ""), "function": function}])
    return tool


def _sorted(value: Json) -> Json:
    return parse(printed(value).encode(), "")
