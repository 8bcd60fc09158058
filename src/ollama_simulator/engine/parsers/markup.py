"""A call of a tool as qwen's models write it: a function and its parameters between tags.

Source: the recordings `tools/*-qwen3-*`; compatibility specification 3.2 (what a parser says).

Rules of this file:

1. A value has the type that the tool's schema gives it, and is a string where it doesn't fit.

It must not import anything but layer 0 and its own package.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ollama_simulator.engine.parsers.parsed import Unparsable
from ollama_simulator.golang.printed import printed
from ollama_simulator.model import Tool

NEWLINE = "\n"

Types = Mapping[str, tuple[str, ...]]
"""The types that each parameter of a tool may have, as its JSON schema calls them."""

_FUNCTION = re.compile(r"\s*<function=([^>]*)>(.*)</function>", re.DOTALL)
_PARAMETER = re.compile(r"\s*<parameter=([^>]*)>(.*?)</parameter>", re.DOTALL)
_TAG = re.compile(r"<(/?)(\w+)[^>]*>")
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def types(tool: Tool) -> Types:
    """The types of a tool's parameters."""
    schema = json.loads(tool.source).get("function", {}).get("parameters") or {}
    properties = schema.get("properties") or {}
    return {name: tuple(_types_of(shape)) for name, shape in properties.items()}


def _types_of(shape: Any) -> Iterable[str]:
    if not isinstance(shape, dict):
        return
    for option in (shape, *(shape.get("anyOf") or ())):
        kind = option.get("type") if isinstance(option, dict) else None
        yield from kind if isinstance(kind, list) else [kind] if isinstance(kind, str) else []


def call(text: str, tools: Mapping[str, Types], *, sorts: bool) -> tuple[str, str]:
    """The name of the function and the JSON of its arguments. Raises `Unparsable`."""
    found = _FUNCTION.match(text)
    if found is None or "<" in _PARAMETER.sub("", found[2]):
        raise Unparsable(_complaint(text))
    name, body = found.groups()
    known = tools.get(name, {})
    arguments = {
        key: _value(value.removeprefix("\n").removesuffix("\n"), known.get(key, ()))
        for key, value in _PARAMETER.findall(body)
    }
    return name, printed(arguments, keep_order=not sorts)


def _complaint(text: str) -> str:
    """What Go's reader of XML says of text that is not one whole function."""
    opened: list[str] = []
    for found in _TAG.finditer(text):
        closes, name = found.groups()
        wrong = f"XML syntax error on line {text.count(NEWLINE, 0, found.start()) + 1}: "
        if not closes and not opened and name != "function":
            return f"expected element type <function> but have <{name}>"
        if not closes:
            opened.append(name)
        elif not opened:
            return f"{wrong}unexpected end element </{name}>"
        elif (inner := opened.pop()) != name:
            return f"{wrong}element <{inner}> closed by </{name}>"
    if opened:
        return f"XML syntax error on line {text.count(NEWLINE) + 1}: unexpected EOF"
    return "EOF"


def _value(text: str, kinds: tuple[str, ...]) -> Any:
    """A value as the first type that it fits."""
    if text.lower() == "null":
        return None
    for kind in kinds:
        fitting = _fitting(text, kind)
        if fitting is not None:
            return fitting
    return text


def _fitting(text: str, kind: str) -> Any:
    match kind:
        case "boolean" if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case "integer" if _INTEGER.fullmatch(text):
            return int(text)
        case "integer" | "number" if _NUMBER.fullmatch(text):
            return float(text)
        case "array" | "object":
            try:
                value = json.loads(text)
            except ValueError:
                return None
            return value if isinstance(value, list if kind == "array" else dict) else None
    return None
