"""What a request to `/v1/messages` holds, and the conversation it comes to.

Source: compatibility specification 3.4 to 3.6 and 10.1.

It must not import another dialect.
"""

from typing import Any

from ollama_simulator.golang import gobase64, gojson
from ollama_simulator.golang.decode import (
    ANYTHING,
    FLAG,
    FLOAT,
    INT,
    TEXT,
    Array,
    Own,
    Place,
    Record,
)
from ollama_simulator.golang.parse import Json, plain, refused
from ollama_simulator.golang.printed import printed
from ollama_simulator.model import Message, Refusal, Tool, ToolCall
from ollama_simulator.wire import search, tools
from ollama_simulator.wire.native import OBJECT, PARAMETERS, STRINGS

_SOURCE = Record(
    "anthropic.ImageSource",
    fields=dict.fromkeys("type media_type data url".split(), TEXT),
)
_CITATION = Record(
    "anthropic.Citation",
    fields=dict.fromkeys("type url title encrypted_index cited_text".split(), TEXT),
)

BLOCK = Record(
    "anthropic.ContentBlock",
    fields={
        **dict.fromkeys("type text id name tool_use_id thinking signature".split(), TEXT),
        "citations": Array("[]anthropic.Citation", item=_CITATION),
        "source": _SOURCE,
        "input": OBJECT,
        "content": ANYTHING,
        "is_error": FLAG,
    },
)
_BLOCKS = Array("[]anthropic.ContentBlock", item=BLOCK)


_PARAM = Record(
    r'struct { Role string "json:\"role\""; Content json.RawMessage "json:\"content\"" }',
    own=True,
    nulls=frozenset({"content"}),
    fields={"role": TEXT, "content": ANYTHING},
)


def _param(value: Json, place: Place) -> dict[str, Any]:
    param = {} if value is None else _PARAM.read(value, place)
    if "content" not in param:
        raise refused("unexpected end of JSON input")
    # Ollama reads the blocks on their own, so their way starts at the message.
    return {
        **param,
        "content": _content(param["content"], Place(place.struct, "messages", own=True)),
    }


def _content(value: Json, place: Place) -> list[dict[str, Any]]:
    """Blocks; a string is one of them, a null none."""
    if value is None:
        return []
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    blocks: list[dict[str, Any]] = _BLOCKS.read(value, place)
    return blocks


MESSAGES = Record(
    "anthropic.MessagesRequest",
    fields={
        "model": TEXT,
        "max_tokens": INT,
        "messages": Array(
            "[]anthropic.MessageParam", item=Own("anthropic.MessageParam", reader=_param)
        ),
        "system": ANYTHING,
        "stream": FLAG,
        "temperature": FLOAT,
        "top_p": FLOAT,
        "top_k": INT,
        "stop_sequences": STRINGS,
        "tools": Array(
            "[]anthropic.Tool",
            item=Record(
                "anthropic.Tool",
                fields={
                    **dict.fromkeys("type name description".split(), TEXT),
                    "input_schema": ANYTHING,
                    "max_uses": INT,
                },
            ),
        ),
        "tool_choice": Record(
            "anthropic.ToolChoice",
            fields={"type": TEXT, "name": TEXT, "disable_parallel_tool_use": FLAG},
        ),
        "thinking": Record("anthropic.ThinkingConfig", fields={"type": TEXT, "budget_tokens": INT}),
        "metadata": Record("anthropic.Metadata", fields={"user_id": TEXT}),
        "output_config": Record("anthropic.OutputConfig", fields={"effort": TEXT}),
    },
)

_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "max"}


def think(body: dict[str, Any]) -> bool | str | None:
    """Whether and how hard the model is to think; None leaves it to the model (3.4)."""
    match body.get("thinking", {}).get("type"):
        case "enabled":
            return True
        case "disabled":
            return False
    return _EFFORTS.get(body.get("output_config", {}).get("effort", "").strip().lower())


def options(body: dict[str, Any]) -> dict[str, Any]:
    """The native options (3.5)."""
    out: dict[str, Any] = {"num_predict": body["max_tokens"]}
    for name in ("temperature", "top_p", "top_k"):
        if name in body:
            out[name] = body[name]
    if body.get("stop_sequences"):
        out["stop"] = body["stop_sequences"]
    return out


def searches(body: dict[str, Any]) -> bool:
    """Whether the built-in web search is among the tools."""
    return any(_is_search(tool) for tool in body.get("tools", ()))


def given_tools(body: dict[str, Any]) -> tuple[Tool, ...]:
    """The tools. Raises `Refusal` if the schema of one can't be read."""
    built_in = searches(body)
    found = []
    for given in body.get("tools", ()):
        if _is_search(given):
            found.append(search.TOOL)
        elif not (built_in and given.get("name") == search.NAME):
            found.append(_tool(given))
    return tuple(found)


def conversation(body: dict[str, Any]) -> tuple[Message, ...]:
    """The messages, the system's first. Raises `Refusal`."""
    system = texts(body.get("system"))
    messages = [Message("system", system)] if system else []
    for param in body["messages"]:
        messages += _messages(param.get("role", "").lower(), param["content"])
    return tuple(messages)


def texts(blocks: Json) -> str:
    """The text of a string, or of the text blocks of a list; nothing for anything else."""
    if isinstance(blocks, str):
        return blocks
    if not isinstance(blocks, list):
        return ""
    found = (block for block in blocks if isinstance(block, dict) and block.get("type") == "text")
    return "".join(text for block in found if isinstance(text := block.get("text"), str))


def _is_search(tool: dict[str, Any]) -> bool:
    return bool(tool.get("type", "").startswith("web_search"))


def _tool(given: dict[str, Any]) -> Tool:
    name = given.get("name", "")
    schema = given.get("input_schema")
    try:
        parameters = {} if schema is None else PARAMETERS["0.33"].read(schema, Place())
    except Refusal as refusal:
        shown = gojson.quote(name)
        raise refused(f"invalid input_schema for tool {shown}: {refusal.message}") from None
    return tools.tool(name, given.get("description", ""), parameters)


def _messages(role: str, blocks: list[dict[str, Any]]) -> list[Message]:
    """What one message becomes: all its blocks are one, but each result of a tool is its own."""
    images: list[bytes] = []
    calls: list[ToolCall] = []
    results: list[Message] = []
    thinking = ""
    for block in blocks:
        match block.get("type"):
            case "image":
                if "source" not in block:
                    raise refused("invalid image source")
                images.append(_image(block["source"]))
            case "tool_use":
                for key in ("id", "name"):
                    if not block.get(key):
                        raise refused(f"tool_use block missing required '{key}' field")
                calls.append(_call(block))
            case "server_tool_use":
                calls.append(_call(block))
            case "tool_result":
                results.append(_result(block))
            case "web_search_tool_result":
                found = _search_result(block.get("content"))
                results.append(Message("tool", found, tool_call_id=block.get("tool_use_id", "")))
            case "thinking":
                thinking = block.get("thinking", thinking)
    text = texts(blocks)
    whole = []
    if text or images or calls or thinking:
        whole.append(Message(role, text, thinking, tuple(images), tuple(calls)))
    return [*results, *whole] if role == "user" else [*whole, *results]


def _call(block: dict[str, Any]) -> ToolCall:
    return tools.call(block.get("name", ""), block.get("input", {}), id=block.get("id", ""))


def _image(source: dict[str, Any]) -> bytes:
    kind = source.get("type", "")
    if kind != "base64":
        raise refused(f"invalid image source type: {kind}. Only base64 images are supported.")
    try:
        return gobase64.decode(source.get("data", ""))
    except ValueError as error:
        raise refused(f"invalid base64 image data: {error}") from None


def _result(block: dict[str, Any]) -> Message:
    content = block.get("content")
    images = []
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") == "image":
            source = part.get("source")
            if not isinstance(source, dict):
                raise refused("invalid tool_result image source")
            texts_only = {key: value for key, value in source.items() if isinstance(value, str)}
            images.append(_image(texts_only))
    return Message(
        "tool", texts(content), images=tuple(images), tool_call_id=block.get("tool_use_id", "")
    )


def _search_result(content: Json) -> str:
    """What an earlier search found, as the model reads it."""
    match content:
        case str():
            return content
        case list():
            return _results(content)
        case {"type": "web_search_tool_result_error"}:
            return _search_error(content)
    return printed(plain(content))


def _results(entries: list[Json]) -> str:
    lines = []
    for entry in entries:
        match entry:
            case {"type": "web_search_result"}:
                shown = (entry.get(key) for key in ("title", "url"))
                title, url = (value if isinstance(value, str) else "" for value in shown)
                lines.append(f"- {title}: {url}\n")
            case {"type": "web_search_tool_result_error"}:
                return _search_error(entry)
    return "".join(lines)


def _search_error(given: dict[str, Json]) -> str:
    code = given.get("error_code")
    return "web_search_tool_result_error" + (f": {code}" if isinstance(code, str) and code else "")
