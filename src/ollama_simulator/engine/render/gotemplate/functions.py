"""The functions that a template may call.

Source: the documentation of Go's text/template; native specification 4.7.

Rules of this file:

1. A function that can't do what it is asked raises `ValueError` with Go's words.
2. `and`, `or` and `call` are the executor's: the first two don't look at all of their arguments,
   and no value that a template gets can be called.

It must not import anything but layer 0 and its own package.
"""

import itertools
import urllib.parse
from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from ollama_simulator.engine.render.day import TODAY
from ollama_simulator.engine.render.gotemplate.printf import sprint, sprintf, sprintln
from ollama_simulator.engine.render.gotemplate.values import (
    NIL,
    Record,
    Slice,
    Value,
    json,
    plain,
    printed,
    settled,
    truth,
    type_of,
)


class Function(msgspec.Struct, frozen=True):
    """A function, and what it may be given."""

    run: Callable[..., Value]
    least: int
    """Arguments that it needs."""
    most: int | None = None
    """None for any number."""
    texts: int = 0
    """How many of the first arguments have to be strings; -1 for all."""


def _length(value: Value) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "replace"))
    if isinstance(value, list | dict):
        return len(value)
    if value is NIL:
        raise ValueError("len of nil pointer")
    if value is None:
        raise ValueError("reflect: call of reflect.Value.Type on zero Value")
    raise ValueError(f"len of type {type_of(value)}")


def _position(index: Value, size: int, *, beyond: bool) -> int:
    index = settled(index)
    if index is None:
        raise ValueError("cannot index slice/array with nil")
    if not isinstance(index, int) or isinstance(index, bool):
        raise ValueError(f"cannot index slice/array with type {type_of(index)}")
    if not 0 <= index < size + beyond:
        raise ValueError(f"index out of range: {index}")
    return index


def _index(item: Value, *indexes: Value) -> Value:
    item = settled(item)
    if item is None:
        raise ValueError("index of untyped nil")
    for index in indexes:
        match item:
            case list():
                item = item[_position(index, len(item), beyond=False)]
            case str():
                data = item.encode("utf-8", "replace")
                item = data[_position(index, len(data), beyond=False)]
            case dict():
                key = settled(index)
                if key is None:
                    raise ValueError("value is nil; should be of type string")
                if not isinstance(key, str):
                    raise ValueError(f"value has type {type_of(key)}; should be string")
                item = item.get(key)
            case _:
                if settled(item) is None:
                    raise ValueError("index of nil pointer")
                raise ValueError(f"can't index item of type {type_of(item)}")
    return item


def _slice(item: Value, *indexes: Value) -> Value:
    item = settled(item)
    if item is None:
        raise ValueError("slice of untyped nil")
    if len(indexes) > 3:
        raise ValueError(f"too many slice indexes: {len(indexes)}")
    if isinstance(item, str) and len(indexes) == 3:
        raise ValueError("cannot 3-index slice a string")
    if not isinstance(item, str | list):
        raise ValueError(f"can't slice item of type {type_of(item)}")
    data = item.encode("utf-8", "replace") if isinstance(item, str) else item
    bounds = [_position(index, len(data), beyond=True) for index in indexes]
    for low, high in itertools.pairwise(bounds):
        if low > high:
            raise ValueError(f"invalid slice index: {low} > {high}")
    start = bounds[0] if bounds else 0
    end = bounds[1] if len(bounds) > 1 else len(data)
    part = data[start:end]
    if isinstance(part, bytes):
        return part.decode("utf-8", "replace")
    return Slice(item.kind, part) if isinstance(item, Slice) else part


def _kind(value: Value) -> str:
    """What a value is compared as; empty if it isn't."""
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float"), (str, "string")):
        if isinstance(value, kind):
            return name
    return ""


def _equal(first: Value, *others: Value) -> bool:
    first = settled(first)
    if not others:
        raise ValueError("missing argument for comparison")
    return any(_same(first, other) for other in map(settled, others))


def _same(first: Value, other: Value) -> bool:
    if first is None or other is None:
        return first is other
    if _kind(first) != _kind(other):
        raise ValueError(_INCOMPATIBLE.format(type_of(first), type_of(other)))
    if _kind(first):
        return bool(first == other)
    if isinstance(first, Record) and isinstance(other, Record):
        return first is other
    shown = sprintf("%s", [other])
    if type_of(first) != type_of(other):
        kinds = f"{sprintf('%s', [first])}: {type_of(first)}, {type_of(other)}: {plain(other)}"
        raise ValueError(f"non-comparable types {kinds}")
    raise ValueError(f"non-comparable type {shown}: {type_of(other)}")


_INCOMPATIBLE = "incompatible types for comparison: {} and {}"


def _less(first: Value, second: Value) -> bool:
    first, second = settled(first), settled(second)
    kinds = _kind(first), _kind(second)
    if "" in kinds or kinds == ("bool", "bool"):
        raise ValueError("invalid type for comparison")
    if kinds[0] != kinds[1]:
        raise ValueError(_INCOMPATIBLE.format(type_of(first), type_of(second)))
    return bool(first < second)


def _at_most(first: Value, second: Value) -> bool:
    return _less(first, second) or _equal(first, second)


_HTML = {
    "\0": "\ufffd",
    '"': "&#34;",
    "'": "&#39;",
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
}
_JS = {
    "\\": r"\\",
    "'": r"\'",
    '"': r"\"",
    "<": r"\u003C",
    ">": r"\u003E",
    "&": r"\u0026",
    "=": r"\u003D",
}


def _escaped(table: Mapping[str, str], values: tuple[Value, ...]) -> str:
    return "".join(table.get(char, char) for char in _text(values))


def _text(values: tuple[Value, ...]) -> str:
    return sprint([printed(value) if settled(value) is None else value for value in values])


def _js(*values: Value) -> str:
    text = _escaped(_JS, values)
    return "".join(
        rf"\u{ord(char):04X}" if ord(char) < 32 or not char.isprintable() else char for char in text
    )


_TYPESCRIPT = {
    "string": "string",
    "number": "number",
    "integer": "number",
    "boolean": "boolean",
    "array": "any[]",
    "object": "Record<string, any>",
    "null": "null",
}


def _typescript(value: Value) -> str:
    """The type of a tool's parameter, as TypeScript has it."""
    if not isinstance(value, Record):
        return "any"
    if choices := value.fields.get("AnyOf"):
        return " | ".join(map(_typescript, choices))
    kinds = value.fields.get("Type")
    listed = kinds if isinstance(kinds, list) else [kinds] if kinds else []
    return " | ".join(_TYPESCRIPT.get(kind, "any") for kind in listed) or "any"


BUILT_IN: dict[str, Function] = {
    "and": Function(lambda *values: values, 1),
    "or": Function(lambda *values: values, 1),
    "call": Function(lambda *values: values, 1),
    "html": Function(lambda *values: _escaped(_HTML, values), 0),
    "index": Function(_index, 1),
    "js": Function(_js, 0),
    "len": Function(_length, 1, 1),
    "not": Function(lambda value: not truth(settled(value)), 1, 1),
    "print": Function(lambda *values: sprint(values), 0),
    "printf": Function(lambda text, *values: sprintf(text, values), 1, texts=1),
    "println": Function(lambda *values: sprintln(values), 0),
    "slice": Function(_slice, 1),
    "urlquery": Function(lambda *values: urllib.parse.quote_plus(_text(values)), 0),
    "eq": Function(_equal, 1),
    "ne": Function(lambda first, second: not _equal(first, second), 2, 2),
    "lt": Function(_less, 2, 2),
    "le": Function(_at_most, 2, 2),
    "gt": Function(lambda first, second: not _at_most(first, second), 2, 2),
    "ge": Function(lambda first, second: not _less(first, second), 2, 2),
}
"""Go's own."""

FUNCTIONS: dict[str, Function] = {
    **BUILT_IN,
    "json": Function(json, 1, 1),
    "currentDate": Function(lambda *_: TODAY.isoformat(), 0, texts=-1),
    "yesterdayDate": Function(lambda *_: (TODAY - timedelta(days=1)).isoformat(), 0, texts=-1),
    "toTypeScriptType": Function(_typescript, 1, 1),
}
"""What every template may call: Go's own functions, then Ollama's."""
