"""What a request may hold: a table of fields, and Go's words for what doesn't fit.

Source: native specification 1.9, compatibility specification 2.2.

Rules of this file:

1. Keys match in any case, unknown ones are ignored, and null is as good as absent.
2. A request is described by a `Record` of types. Each type knows Go's name for it, which the
   client reads when it sends something else.
3. Whatever is wrong raises a `Refusal` with status 400 and nothing else.

It must not import a dialect.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ollama_simulator.golang.parse import Json, kind, number, parse, refused
from ollama_simulator.model import Refusal

_INT64 = range(-(2**63), 2**63)
_INTEGER = re.compile(rb"-?[0-9]{1,19}")


class Place(msgspec.Struct, frozen=True):
    """Where in a request something stands: the struct that has the field, and the way to it."""

    struct: str = ""
    path: str = ""

    def wrong(self, what: str, go: str) -> Refusal:
        """Say that something of kind `what` stands where a `go` should."""
        target = f"struct field {self.struct}.{self.path}" if self.path else "value"
        return refused(f"json: cannot unmarshal {what} into Go {target} of type {go}")


class Type(msgspec.Struct, frozen=True):
    """What may stand in a place. This one takes anything, and leaves it as it is."""

    go: str = "interface {}"

    def read(self, value: Json, place: Place) -> Any:
        """The Python form of a value that is not null. Raises `Refusal`."""
        return value

    def zero(self) -> Any:
        """What a null in an array is read as."""
        return None


class Text(Type, frozen=True):
    """A string."""

    go: str = "string"

    def read(self, value: Json, place: Place) -> str:
        """The string."""
        if not isinstance(value, str):
            raise place.wrong(kind(value), self.go)
        return value

    def zero(self) -> str:
        """The empty string."""
        return ""


class Flag(Type, frozen=True):
    """A boolean."""

    go: str = "bool"

    def read(self, value: Json, place: Place) -> bool:
        """The boolean."""
        if not isinstance(value, bool):
            raise place.wrong(kind(value), self.go)
        return value


class Int(Type, frozen=True):
    """A 64-bit integer, written without point and exponent."""

    go: str = "int"

    def read(self, value: Json, place: Place) -> int:
        """The integer."""
        if not isinstance(value, msgspec.Raw):
            raise place.wrong(kind(value), self.go)
        digits = bytes(value)
        if not _INTEGER.fullmatch(digits) or int(digits) not in _INT64:
            raise place.wrong(f"number {digits.decode()}", self.go)
        return int(digits)


class Float(Type, frozen=True):
    """A 64-bit float."""

    go: str = "float64"

    def read(self, value: Json, place: Place) -> float:
        """The float."""
        if not isinstance(value, msgspec.Raw):
            raise place.wrong(kind(value), self.go)
        x = number(value)
        if math.isinf(x):
            raise place.wrong(f"number {bytes(value).decode()}", self.go)
        return x


class Map(Type, frozen=True):
    """An object with any keys, left as it is."""

    go: str = "map[string]interface {}"

    def read(self, value: Json, place: Place) -> dict[str, Json]:
        """The object."""
        if not isinstance(value, dict):
            raise place.wrong(kind(value), self.go)
        return value


class Array(Type, frozen=True, kw_only=True):
    """An array of one type."""

    item: Type

    def read(self, value: Json, place: Place) -> list[Any]:
        """A list of what its items are read as."""
        if not isinstance(value, list):
            raise place.wrong(kind(value), self.go)
        item = self.item
        return [item.zero() if v is None else item.read(v, place) for v in value]


class Own(Type, frozen=True, kw_only=True):
    """A type that Go reads by code of its own, with messages of its own."""

    reader: Callable[[Json, Place], Any]

    def read(self, value: Json, place: Place) -> Any:
        """Whatever the reader makes of it."""
        return self.reader(value, place)

    def zero(self) -> Any:
        """Whatever the reader makes of null."""
        return self.reader(None, Place())


class Record(Type, frozen=True, kw_only=True):
    """An object with known keys; read as a dict of those that are present."""

    fields: Mapping[str, Type]
    """By lower-case key."""
    name: str | None = None
    """What the client reads when a field in it is wrong, if that isn't the last part of `go`."""
    own: bool = False
    """Whether Go reads it by code of its own: then the struct around it is named instead."""
    nulls: frozenset[str] = frozenset()
    """Keys for which null is not the same as absent."""

    def read(self, value: Json, place: Place) -> dict[str, Any]:
        """The known keys, in lower case, with what their values are read as."""
        if not isinstance(value, dict):
            raise place.wrong(kind(value), self.go)
        struct = self.go.rpartition(".")[2] if self.name is None else self.name
        if self.own:
            struct = place.struct
        way = f"{place.path}." if place.path else ""
        out: dict[str, Any] = {}
        for key, given in value.items():
            name = key.lower()
            field = self.fields.get(name)
            if field is None:
                continue
            if given is not None:
                out[name] = field.read(given, Place(struct, way + name))
            elif name in self.nulls:
                out[name] = None
        return out

    def zero(self) -> dict[str, Any]:
        """An object without keys."""
        return {}


def body(data: bytes, shape: Record, empty: str) -> dict[str, Any]:
    """The body of a request, read by its table. A body of null is one without keys."""
    value = parse(data, empty)
    return {} if value is None else shape.read(value, Place())


TEXT = Text()
FLAG = Flag()
INT = Int()
FLOAT = Float()
ANYTHING = Type()
MAP = Map()
