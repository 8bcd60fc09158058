"""What a request to `/v1/messages` holds, and the conversation and the size it comes to.

Source: compatibility specification 10.1 and 10.7.

It must not import another dialect.
"""

from typing import Any

from ollama_simulator.golang import gojson
from ollama_simulator.golang.gosyntax import TOO_DEEP
from ollama_simulator.golang.parse import Json, refused
from ollama_simulator.model import Message
from ollama_simulator.wire.decode import ANYTHING, FLAG, FLOAT, INT, TEXT, Array, Own, Place, Record
from ollama_simulator.wire.native import STRINGS

_BLOCKS = Array(
    "[]anthropic.ContentBlock",
    item=Record(
        "anthropic.ContentBlock",
        own=True,
        fields={
            **dict.fromkeys("type text id name tool_use_id thinking signature".split(), TEXT),
            **dict.fromkeys("source input content".split(), ANYTHING),
            "is_error": FLAG,
        },
    ),
)


def _content(value: Json, place: Place) -> list[dict[str, Any]]:
    """Blocks; a string is one of them."""
    if isinstance(value, str):
        return [{"type": "text", "text": value}]
    # Ollama reads the blocks on their own, so their way starts at the message.
    blocks: list[dict[str, Any]] = _BLOCKS.read(value, Place(place.struct, "messages"))
    return blocks


_PARAM = Record(
    "anthropic.MessageParam",
    own=True,
    nulls=frozenset({"content"}),
    fields={"role": TEXT, "content": Own("[]anthropic.ContentBlock", reader=_content)},
)


def _param(value: Json, place: Place) -> dict[str, Any]:
    param = {} if value is None else _PARAM.read(value, place)
    if "content" not in param:
        raise refused("unexpected end of JSON input")
    return {**param, "content": param["content"] or []}


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
                },
            ),
        ),
        "tool_choice": Record("anthropic.ToolChoice", fields={"type": TEXT, "name": TEXT}),
        "thinking": Record("anthropic.ThinkingConfig", fields={"type": TEXT, "budget_tokens": INT}),
    },
)


def conversation(body: dict[str, Any]) -> tuple[Message, ...]:
    """The messages, the system's first. The blocks of one are merged into one, but each result
    of a tool is one of its own, in front of it."""
    system = _texts(body.get("system"))
    messages = [Message("system", system)] if system else []
    for param in body["messages"]:
        blocks = param["content"]
        results = [block for block in blocks if block.get("type") == "tool_result"]
        messages += [Message("tool", _texts(block.get("content"))) for block in results]
        text = _texts(blocks)
        if text or any(_is_usable(block) for block in blocks):
            messages.append(Message(param.get("role", "").lower(), text))
    return tuple(messages)


def _is_usable(block: dict[str, Any]) -> bool:
    """Whether a message with this block and no text is one."""
    kind = block.get("type")
    return kind in ("image", "tool_use") or (kind == "thinking" and bool(block.get("thinking")))


def estimate(body: dict[str, Any]) -> int:
    """How many tokens the request is told to have before they are counted: a quarter of its
    bytes, and at least 1."""
    size = _bytes(_texts(body.get("system")))
    for param in body["messages"]:
        size += _bytes(param.get("role", ""))
        for block in param["content"]:
            kind = block.get("type")
            if kind in ("text", "thinking"):
                size += _bytes(block.get(kind, ""))
            elif kind in ("tool_use", "tool_result"):
                size += _encoded(block)
    for tool in body.get("tools", ()):
        size += _bytes(tool.get("name", "")) + _bytes(tool.get("description", ""))
        size += _encoded(tool["input_schema"]) if "input_schema" in tool else 0
    return max(1, size // 4)


def _bytes(text: str) -> int:
    return len(text.encode())


def _encoded(value: Json) -> int:
    try:
        return len(gojson.encode(value))
    except RecursionError:
        raise refused(TOO_DEEP) from None


def _texts(blocks: Json) -> str:
    """The text of a string, or of the text blocks of a list; nothing for anything else."""
    if isinstance(blocks, str):
        return blocks
    if not isinstance(blocks, list):
        return ""
    found = (block for block in blocks if isinstance(block, dict) and block.get("type") == "text")
    return "".join(text for block in found if isinstance(text := block.get("text"), str))
