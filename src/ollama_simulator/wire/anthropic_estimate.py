"""How many tokens a request to `/v1/messages` is told to have before they are counted.

Source: compatibility specification 10.7.

It must not import another dialect.
"""

from typing import Any

import msgspec

from ollama_simulator.golang import gojson, raw
from ollama_simulator.golang.decode import Place
from ollama_simulator.golang.parse import Json
from ollama_simulator.golang.printed import printed
from ollama_simulator.model import Refusal
from ollama_simulator.wire.anthropic_request import BLOCK

_KEYS = (
    *"text citations source id name input tool_use_id content is_error".split(),
    *"thinking signature".split(),
)
_KEPT = frozenset({"text", "thinking"})
"""Keys that are printed even with an empty text, if the request has them."""


def estimate(body: dict[str, Any], sent: bytes) -> int:
    """A quarter of the bytes, and at least 1. `sent` is the body as it came: the schemas of tools
    count with all their white space."""
    return max(1, _bytes_in(body, sent) // 4)


def _bytes_in(body: dict[str, Any], sent: bytes) -> int:
    size = _system(body.get("system"))
    for param in body["messages"]:
        size += _bytes(param.get("role", "")) + sum(map(_block, param["content"]))
    for tool in body.get("tools", ()):
        size += _bytes(tool.get("name", "")) + _bytes(tool.get("description", ""))
    return size + _schemas(sent) if body.get("tools") else size


def _schemas(sent: bytes) -> int:
    tools = raw.elements(raw.member(raw.text_of(sent), "tools") or "")
    return sum(_bytes(raw.member(tool, "input_schema") or "") for tool in tools)


def _system(system: Json) -> int:
    match system:
        case None:
            return 0
        case str():
            return _bytes(system)
        case list():
            return sum(map(_part, system))
    return _bytes(printed(system))


def _part(part: Json) -> int:
    """A part of the system's text; one that is no block counts nothing."""
    try:
        return 0 if part is None else _block(BLOCK.read(part, Place()))
    except Refusal:
        return 0


def _block(block: dict[str, Any]) -> int:
    size = _bytes(block.get("text", "")) + _bytes(block.get("thinking", ""))
    if block.get("type") in ("tool_use", "tool_result"):
        size += len(gojson.encode(_encoded(block)))
    return size


def _encoded(block: dict[str, Any]) -> dict[str, Any]:
    """A block as Go prints it: in the order of its struct, without what is empty."""
    shown = {
        **block,
        "input": _input(block),
        "content": _printed(block.get("content")),
        "source": _source(block.get("source")),
        "citations": [_citation(given) for given in block.get("citations", ())],
    }
    return {"type": block["type"]} | {
        key: shown[key] for key in _KEYS if shown.get(key) or (key in _KEPT and key in block)
    }


def _input(block: dict[str, Any]) -> msgspec.Raw | None:
    given = block.get("input")
    return None if given is None else msgspec.Raw(printed(given, keep_order=True).encode())


def _printed(value: Json) -> msgspec.Raw | None:
    return None if value is None else msgspec.Raw(printed(value).encode())


def _source(given: dict[str, Any] | None) -> dict[str, Any] | None:
    if given is None:
        return None
    rest = {key: given[key] for key in ("media_type", "data", "url") if given.get(key)}
    return {"type": given.get("type", ""), **rest}


def _citation(given: dict[str, Any]) -> dict[str, Any]:
    always = {key: given.get(key, "") for key in ("type", "url", "title")}
    return always | {key: given[key] for key in ("encrypted_index", "cited_text") if given.get(key)}


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
