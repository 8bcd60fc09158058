"""The values that a template works on, as Go sees them.

Source: native specification 4.7, the documentation of Go's text/template and fmt.

Rules of this file:

1. A value is None (no value at all), `NIL` (an interface that holds nothing), a bool, int, float,
   str, list, dict or `Record`; each has a type with a name of Go's.
2. A `Record` is a struct: only its fields may be named. One with a `text` prints as that.
3. A pointer inside of another value prints as an address; these are always the same.

It must not import anything but layer 0.
"""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from ollama_simulator.golang import gojson

Value = Any


class _Nil:
    """An interface without a value in it, as of a missing key."""


NIL: Final = _Nil()


class Record:
    """A struct."""

    def __init__(self, kind: str, fields: Mapping[str, Value], text: str | None = None) -> None:
        self.kind = kind
        """Its type, such as `*api.Message`."""
        self.fields = fields
        self.text = text
        """What it says when it is printed, if it has words of its own."""


class Spelled(dict[str, Value]):
    """A map that prints as JSON."""


class Slice(list[Value]):
    """A slice of a type that has a name."""

    def __init__(self, kind: str, items: Iterable[Value] | None = None) -> None:
        super().__init__(items or ())
        self.kind = kind
        """Its type, such as `[]string`."""
        self.nil = items is None
        """Whether there is no slice at all, which only its JSON tells."""


class Listed(Slice):
    """A slice that prints as JSON."""


def type_of(value: Value) -> str:
    """The name of a value's type."""
    match value:
        case _Nil():
            return "interface {}"
        case Record(kind=kind) | Slice(kind=kind):
            return kind
    for python, name in _TYPES.items():
        if isinstance(value, python):
            return name
    return "<nil>"


_TYPES: dict[type, str] = {
    bool: "bool",
    int: "int",
    float: "float64",
    str: "string",
    list: "[]interface {}",
    dict: "map[string]interface {}",
}


def settled(value: Value) -> Value:
    """What is in an interface."""
    return None if value is NIL else value


def truth(value: Value) -> bool:
    """Whether a value counts as true."""
    return isinstance(value, Record) or bool(value)


def points(value: Value) -> bool:
    """Whether a value is a pointer that prints as one where it is inside of another value."""
    return isinstance(value, Record) and value.kind.startswith("*") and value.text is None


def address(place: int) -> str:
    """What a pointer prints as that is the item at a place."""
    return f"{_HEAP + place * _ITEM:#x}"


_HEAP = 0xC000100000
_ITEM = 0x80


def printed(value: Value) -> str:
    """A value as `{{ }}` prints it: a pointer as what it points to."""
    if settled(value) is None:
        return "<no value>"
    return plain(value).removeprefix("&") if points(value) else plain(value)


def plain(value: Value, *, names: bool = False) -> str:
    """A value as fmt's `%v` prints it, or as `%+v` does, with the names of a struct's fields."""
    match value:
        case None | _Nil():
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return number(value)
        case Record(text=str(text)):
            return text
        case Record(fields=fields):
            pointer = "&" if value.kind.startswith("*") else ""
            inside = [
                f"{name}:{plain(item, names=True)}" if names else plain(item)
                for name, item in fields.items()
            ]
            return f"{pointer}{{{' '.join(inside)}}}"
        case Spelled() | Listed():
            return json(value)
        case list():
            items = (
                address(i) if points(item) else plain(item, names=names)
                for i, item in enumerate(value)
            )
            return f"[{' '.join(items)}]"
        case dict():
            pairs = (f"{key}:{plain(value[key], names=names)}" for key in sorted(value))
            return f"map[{' '.join(pairs)}]"
    return str(value)


def json(value: Value) -> str:
    """A value as Go's encoding/json writes it: maps sorted by key, safe inside HTML."""
    match value:
        case None | _Nil():
            return "null"
        case float():
            return gojson.float64(value)
        case Record(text=str(text)):
            return text
        case Record(fields=fields):
            inside = (f"{json(name)}:{json(item)}" for name, item in fields.items())
            return f"{{{','.join(inside)}}}"
        case Slice(nil=True):
            return "null"
        case list():
            return f"[{','.join(map(json, value))}]"
        case dict():
            inside = (f"{json(key)}:{json(value[key])}" for key in sorted(value))
            return f"{{{','.join(inside)}}}"
    return gojson.encode(value).decode()


def number(value: float) -> str:
    """A 64-bit float as fmt's `%v` prints it."""
    if not math.isfinite(value):
        return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN")
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return gojson.float64(value)
    mantissa, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(2)}"
