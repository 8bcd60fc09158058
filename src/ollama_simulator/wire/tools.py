"""Tools and calls of tools, as every dialect takes and prints them.

Source: native specification 3.6, 3.7 and 5.2, compatibility specification 2.8 and 3.6.

Rules of this file:

1. A tool is kept as Go prints it again: the known keys in the order of its structs, the names of
   its properties in the order of the request.
2. A key that the request left out is left out, where Go's struct says so.

It must not import the engine or the network.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ollama_simulator.golang import gojson
from ollama_simulator.golang.parse import Json, parse
from ollama_simulator.golang.printed import printed
from ollama_simulator.model import Refusal, Tool, ToolCall


def tools(given: Iterable[Mapping[str, Any]]) -> tuple[Tool, ...]:
    """The tools of a request, decoded by `native.TOOL`."""
    return tuple(_tool(entry) for entry in given)


def tool(name: str, description: str, parameters: Mapping[str, Any]) -> Tool:
    """A function that the model may call, with the JSON Schema of its parameters."""
    function = {"name": name, "description": description, "parameters": parameters}
    return _tool({"type": "function", "function": function})


def call(name: str, arguments: Mapping[str, Json], *, id: str = "", index: int = 0) -> ToolCall:
    """A call in the history, its arguments decoded."""
    return ToolCall(name, printed(arguments, keep_order=True), id, index)


def arguments_in(text: str) -> dict[str, Json] | None:
    """The object in the arguments of a call, sent as text; None if there is none."""
    try:
        value = parse(text.encode("utf-8", "replace"), "")
    except Refusal:
        return None
    return value if isinstance(value, dict) else None


def _tool(entry: Mapping[str, Any]) -> Tool:
    function = entry.get("function") or {}
    name = function.get("name", "")
    description = function.get("description", "")
    parameters = function.get("parameters") or {}
    shown: dict[str, Any] = {"name": name}
    if description:
        shown["description"] = description
    shown["parameters"] = _parameters(parameters)
    whole: dict[str, Any] = {"type": entry.get("type", "")}
    if entry.get("items") is not None:
        whole["items"] = _raw(entry["items"])
    whole["function"] = shown
    return Tool(name, description, gojson.encode(whole).decode())


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"type": given.get("type", "")}
    for key in ("$defs", "items"):
        if given.get(key) is not None:
            out[key] = _raw(given[key])
    if given.get("required"):
        out["required"] = given["required"]
    properties = given.get("properties")
    out["properties"] = None if properties is None else _properties(properties)
    return out


def _properties(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _property(entry) for name, entry in given.items() if isinstance(entry, dict)}


def _property(given: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if given.get("anyOf"):
        out["anyOf"] = [_property(entry) for entry in given["anyOf"] if isinstance(entry, dict)]
    kind = given.get("type", [])
    if kind != []:
        one = isinstance(kind, list) and len(kind) == 1
        # A null is read as the name of a type that is empty.
        out["type"] = kind[0] if one else kind or ""
    if given.get("items") is not None:
        out["items"] = _raw(given["items"])
    if given.get("description"):
        out["description"] = given["description"]
    if given.get("enum"):
        out["enum"] = [_raw(item) for item in given["enum"]]
    if given.get("properties") is not None:
        out["properties"] = _properties(given["properties"])
    if given.get("required"):
        out["required"] = given["required"]
    return out


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(printed(value).encode())
