"""A call of a tool as qwen's models write it: a function and its parameters between tags.

Source: the recordings `tools/*-qwen3-*`; compatibility specification 3.2 (what a parser says).

Rules of this file:

1. It is read as XML in which functions and parameters are the only tags; all else is text.
2. A value has the strictest type that the tool's schema allows and that it fits, and is a string
   where it fits none.

It must not import anything but layer 0 and its own package.
"""

import json
import re
from collections.abc import Iterable, Mapping
from html import unescape
from typing import Any

from ollama_simulator.engine.answer.parsers.parsed import Unparsable
from ollama_simulator.golang.printed import printed
from ollama_simulator.golang.unmarshal import NotJson, unmarshal
from ollama_simulator.model import Tool

Types = Mapping[str, tuple[str, ...]]
"""The types that each parameter of a tool may have, as its JSON schema calls them."""

FUNCTION = "function"
PARAMETER = "parameter"

_NAMED = re.compile(r"<(\w+)=([^>]+)>", re.ASCII)
_TAG = re.compile(r"<(/?)(function|parameter)(?:([ \t\n\f\r]+)name=\"([^\"]*)\")?>")
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_ESCAPES = str.maketrans(
    {
        '"': "&#34;",
        "'": "&#39;",
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        "\t": "&#x9;",
        "\n": "&#xA;",
        "\r": "&#xD;",
    }
)
_INTEGER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INT64 = range(-(2**63), 2**63)
_KINDS = ("boolean", "integer", "number", "array", "object")
"""The types that are tried, one after another."""


def types(tool: Tool) -> Types:
    """The types of a tool's parameters."""
    schema = json.loads(tool.source).get("function", {}).get("parameters") or {}
    properties = schema.get("properties") or {}
    return {name: tuple(_types_of(shape)) for name, shape in properties.items()}


def _types_of(shape: Any) -> Iterable[str]:
    """The types of a shape: those of its options, if it has any, else its own."""
    if not isinstance(shape, dict):
        return
    for option in shape.get("anyOf") or (shape,):
        kind = option.get("type") if isinstance(option, dict) else None
        yield from kind if isinstance(kind, list) else [kind] if isinstance(kind, str) else []


def call(text: str, tools: Mapping[str, Types], *, sorts: bool) -> tuple[str, str]:
    """The name of the function and the JSON of its arguments. Raises `Unparsable`."""
    name, values = _read(_NAMED.sub(_tagged, text))
    known = tools.get(name, {})
    arguments = {
        key: _value(value.removeprefix("\n").removesuffix("\n"), known.get(key, ()))
        for key, value in values
    }
    return name, printed(arguments, keep_order=not sorts)


def _tagged(found: re.Match[str]) -> str:
    """A tag as XML has it: its name is an attribute."""
    return f'<{found[1]} name="{found[2].translate(_ESCAPES)}">'


def _read(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The name of the function, and its parameters with their values. Raises `Unparsable`."""
    function = ""
    values: list[tuple[str, str]] = []
    opened: list[str] = []
    at = 0
    for found in _TAG.finditer(text):
        between = text[at : found.start()]
        at = found.end()
        _legal(text, between, found.start() - len(between))
        closes, tag, space, name = found.groups()
        line = f"XML syntax error on line {_line(text, at)}: "
        if len(opened) == 2 and opened[1] == PARAMETER:
            values[-1] = (values[-1][0], values[-1][1] + _lines(between))
        if closes:
            if space is not None:
                raise Unparsable(f"{line}invalid characters between </{tag} and >")
            if not opened:
                raise Unparsable(f"{line}unexpected end element </{tag}>")
            if (inner := opened.pop()) != tag:
                raise Unparsable(f"{line}element <{inner}> closed by </{tag}>")
            if not opened:
                return function, values
            continue
        if not opened:
            if tag != FUNCTION:
                raise Unparsable(f"expected element type <function> but have <{tag}>")
            function = unescape(name or "")
        elif len(opened) == 1 and tag == PARAMETER:
            values.append((unescape(name or ""), ""))
        opened.append(tag)
    _legal(text, text[at:], at)
    if opened:
        raise Unparsable(f"XML syntax error on line {_line(text, len(text))}: unexpected EOF")
    raise Unparsable("EOF")


def _legal(text: str, part: str, start: int) -> None:
    """Raise `Unparsable` for a character that XML has no place for."""
    if (found := _ILLEGAL.search(part)) is not None:
        line = _line(text, start + found.start())
        code = f"illegal character code U+{ord(found[0]):04X}"
        raise Unparsable(f"XML syntax error on line {line}: {code}")


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _lines(text: str) -> str:
    """A text with the ends of its lines as XML has them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _value(text: str, kinds: tuple[str, ...]) -> Any:
    """A value as the first type that it fits."""
    if text.lower() == "null":
        return None
    for kind in _KINDS:
        if kind in kinds:
            fitting = _fitting(text, kind)
            if fitting is not None:
                return fitting
            if kind == "boolean" and len(kinds) == 1:
                return False
    return text


def _fitting(text: str, kind: str) -> Any:
    match kind:
        case "boolean" if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case "integer" if _INTEGER.fullmatch(text) and int(text) in _INT64:
            return int(text)
        case "number" if _NUMBER.fullmatch(text):
            return _number(float(text))
        case "array" | "object":
            try:
                value = unmarshal(text)
            except NotJson:
                return None
            return value if isinstance(value, list if kind == "array" else dict) else None
    return None


def _number(value: float) -> int | float | None:
    """A number as a whole one if it is one, as far as 64 bits hold it."""
    if value in (float("inf"), float("-inf")):
        return None
    if not value.is_integer():
        return value
    return int(value) if int(value) in _INT64 else _INT64.start
