"""Messages and tools as Go templates see them.

Source: native specification 3.6, 3.7, 4.8.

Rules of this file:

1. Field names are those of Ollama's structs, which templates in the wild use.
2. A tool prints with its description, even an empty one, and with its parameters sorted by name.

It must not import anything but layer 0 and its own package.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from ollama_simulator.engine.render.gotemplate.values import Listed, Record, Slice, Spelled, Value
from ollama_simulator.golang import gojson
from ollama_simulator.model import Message, Tool, ToolCall


def message(turn: Message) -> Record:
    """A turn: `.Role`, `.Content`, `.ToolCalls` and so on."""
    calls = [_call(call) for call in turn.tool_calls]
    return Record(
        "*template.templateMessage",
        {
            "Role": turn.role,
            "Content": turn.content,
            "Thinking": turn.thinking,
            "Images": Slice("[]api.ImageData", turn.images or None),
            "ToolCalls": Slice("[]template.templateToolCall", calls or None),
            "ToolName": turn.tool_name,
            "ToolCallID": turn.tool_call_id,
        },
    )


def messages(turns: Iterable[Message]) -> Slice:
    """A conversation."""
    return Slice("[]*template.templateMessage", map(message, turns))


def tools(given: tuple[Tool, ...] | None) -> Listed:
    """The tools: each prints as its JSON, and so do all. None for no list of them."""
    listed = None if given is None else (_tool(tool) for tool in given)
    return Listed("template.templateTools", listed)


def _call(call: ToolCall) -> Record:
    function = Record(
        "template.templateToolCallFunction",
        {
            "Index": call.index,
            "Name": call.name,
            "Arguments": Spelled(json.loads(call.arguments) or {}),
        },
    )
    return Record("template.templateToolCall", {"ID": call.id, "Function": function})


def _tool(tool: Tool) -> Record:
    source: Mapping[str, Any] = json.loads(tool.source)
    function = source.get("function") or {}
    parameters = _parameters(function.get("parameters") or {})
    told: dict[str, Value] = {
        "name": function.get("name", ""),
        "description": function.get("description", ""),
        "parameters": parameters,
    }
    items = {"items": source["items"]} if source.get("items") else {}
    kind = source.get("type", "")
    spelled = {"type": kind, **items, "function": told}
    described = Record(
        "template.templateToolFunction",
        {
            "Name": told["name"],
            "Description": told["description"],
            "Parameters": Record(
                "template.templateToolFunctionParameters",
                {
                    "Type": parameters["type"],
                    "Defs": parameters.get("$defs"),
                    "Items": parameters.get("items"),
                    "Required": parameters.get("required") or [],
                    "Properties": _properties(parameters["properties"]),
                },
            ),
        },
    )
    fields = {"Type": kind, "Items": items.get("items"), "Function": described}
    return Record("template.templateTool", fields, gojson.encode(spelled).decode())


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a tool as a template's JSON has them: their names sorted."""
    properties = given.get("properties")
    kept = {word: given[word] for word in ("$defs", "items", "required") if given.get(word)}
    return {
        "type": given.get("type", ""),
        **kept,
        "properties": properties and {name: properties[name] for name in sorted(properties)},
    }


def _properties(given: Mapping[str, Any] | None) -> Spelled:
    return Spelled((name, _property(value)) for name, value in (given or {}).items())


def _property(given: Any) -> Value:
    if not isinstance(given, dict):
        return given
    return Record(
        "api.ToolProperty",
        {
            "AnyOf": [_property(choice) for choice in given.get("anyOf") or ()],
            "Type": given.get("type", ""),
            "Items": given.get("items"),
            "Description": given.get("description", ""),
            "Enum": given.get("enum") or [],
            "Properties": _properties(given.get("properties")),
            "Required": given.get("required") or [],
        },
        gojson.encode(given).decode(),
    )
