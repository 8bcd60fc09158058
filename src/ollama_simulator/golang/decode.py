"""What a request may hold: a table of fields, and Go's words for what doesn't fit.

Source: native specification 1.9, compatibility specification 2.2.

Rules of this file:

1. Keys match in any case, unknown ones are ignored, and null is as good as absent.
2. A request is described by a `Record` of types. Each type knows Go's name for it, which the
   client reads when it sends something else.
3. Whatever is wrong raises a `Refusal` with status 400 and nothing else.
4. Of several values of a wrong type the first is told; but a type that Go reads by code of its
   own ends the reading, so what it says wins over all that was wrong before.

It must not import a dialect.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ollama_simulator.golang import gobase64
from ollama_simulator.golang.parse import Json, kind, number, parse, refused, too_large
from ollama_simulator.model import Refusal

_INT64 = range(-(2**63), 2**63)
_INTEGER = re.compile(rb"-?[0-9]{1,19}")


class Place(msgspec.Struct, frozen=True):
    """Where in a request something stands: the struct that has the field, and the way to it."""

    struct: str = ""
    path: str = ""
    mistakes: list[Refusal] = msgspec.field(default_factory=list)
    """Values of a wrong type, found so far. The first is what the client reads, unless a type
    with messages of its own refuses something later."""
    own: bool = False
    """Whether it is inside of something that Go reads by code of its own."""

    def wrong(self, what: str, go: str) -> None:
        """Note that something of kind `what` stands where a `go` should."""
        target = f"struct field {self.struct}.{self.path}" if self.path else "value"
        said = f"json: cannot unmarshal {what} into Go {target} of type {go}"
        self.mistakes.append(refused(said))


class Type(msgspec.Struct, frozen=True):
    """What may stand in a place. This one takes anything, unread."""

    go: str = "interface {}"

    def read(self, value: Json, place: Place) -> Any:
        """The Python form of a value that is not null. Raises `Refusal`: one type on its own."""
        alone = Place(place.struct, place.path, own=place.own)
        taken = self.take(value, alone)
        if alone.mistakes:
            raise alone.mistakes[0]
        return taken

    def take(self, value: Json, place: Place) -> Any:
        """As `read`, but a wrong type is noted in the place and read as the zero value."""
        return value

    def zero(self) -> Any:
        """What a null in an array is read as."""
        return None


class Anything(Type, frozen=True):
    """A value of any kind, left as it is; its numbers are floats to Go."""

    def take(self, value: Json, place: Place) -> Any:
        """The value."""
        if (digits := too_large(value)) is not None:
            place.wrong(f"number {digits}", "float64")
        return value


class Text(Type, frozen=True):
    """A string."""

    go: str = "string"

    def take(self, value: Json, place: Place) -> str:
        """The string."""
        if not isinstance(value, str):
            place.wrong(kind(value), self.go)
            return ""
        return value

    def zero(self) -> str:
        """The empty string."""
        return ""


class Flag(Type, frozen=True):
    """A boolean."""

    go: str = "bool"

    def take(self, value: Json, place: Place) -> bool:
        """The boolean."""
        if not isinstance(value, bool):
            place.wrong(kind(value), self.go)
            return False
        return value


class Int(Type, frozen=True):
    """An integer of a certain width, written without point and exponent."""

    go: str = "int"
    range: range = _INT64

    def take(self, value: Json, place: Place) -> int:
        """The integer."""
        if not isinstance(value, msgspec.Raw):
            place.wrong(kind(value), self.go)
            return 0
        digits = bytes(value)
        if not _INTEGER.fullmatch(digits) or int(digits) not in self.range:
            place.wrong(f"number {digits.decode()}", self.go)
            return 0
        return int(digits)

    def zero(self) -> int:
        """Zero."""
        return 0


_BYTE = Int("uint8", range(256))


class Float(Type, frozen=True):
    """A 64-bit float."""

    go: str = "float64"

    def take(self, value: Json, place: Place) -> float:
        """The float."""
        if not isinstance(value, msgspec.Raw):
            place.wrong(kind(value), self.go)
            return 0.0
        x = number(value)
        if math.isinf(x):
            place.wrong(f"number {bytes(value).decode()}", self.go)
        return x


class Bytes(Type, frozen=True):
    """Bytes, as base64, or as an array of numbers."""

    go: str = "[]uint8"

    def take(self, value: Json, place: Place) -> bytes:
        """The bytes."""
        if isinstance(value, list):
            return bytes(0 if v is None else _BYTE.take(v, place) for v in value)
        if not isinstance(value, str):
            place.wrong(kind(value), self.go)
            return b""
        try:
            return gobase64.decode(value)
        except ValueError as error:
            place.mistakes.append(refused(str(error)))
            return b""

    def zero(self) -> bytes:
        """None at all."""
        return b""


class Table(Type, frozen=True, kw_only=True):
    """An object with any keys, whose values have one type."""

    item: Type

    def take(self, value: Json, place: Place) -> dict[str, Any]:
        """The keys, as they are, with what their values are read as."""
        if not isinstance(value, dict):
            place.wrong(kind(value), self.go)
            return {}
        item = self.item
        return {k: item.zero() if v is None else item.take(v, place) for k, v in value.items()}


class Array(Type, frozen=True, kw_only=True):
    """An array of one type."""

    item: Type

    def take(self, value: Json, place: Place) -> list[Any]:
        """A list of what its items are read as."""
        if not isinstance(value, list):
            place.wrong(kind(value), self.go)
            return []
        item = self.item
        return [item.zero() if v is None else item.take(v, place) for v in value]


class Own(Type, frozen=True, kw_only=True):
    """A type that Go reads by code of its own, with messages of its own."""

    reader: Callable[[Json, Place], Any]
    """Raises `Refusal`, which ends the reading of the whole request."""

    def take(self, value: Json, place: Place) -> Any:
        """Whatever the reader makes of it."""
        return self.reader(value, place)

    def zero(self) -> Any:
        """Whatever the reader makes of null."""
        return self.reader(None, Place())


class Record(Type, frozen=True, kw_only=True):
    """An object with known keys; read as a dict of those that are present."""

    fields: Mapping[str, Type]
    """By the key's name in Go's struct."""
    name: str | None = None
    """What the client reads when a field in it is wrong, if that isn't the last part of `go`."""
    own: bool = False
    """Whether Go reads it by code of its own: then the struct around it is named instead, and a
    mistake in it ends the reading."""
    nulls: frozenset[str] = frozenset()
    """Keys for which null is not the same as absent."""

    def take(self, value: Json, place: Place) -> dict[str, Any]:
        """The known keys, spelled as in `fields`, with what their values are read as."""
        out: dict[str, Any] = {}
        inside = Place(place.struct, place.path, own=True) if self.own else place
        if isinstance(value, dict):
            self._take_fields(value, inside, out)
        else:
            inside.wrong(kind(value), self.go)
        if self.own and inside.mistakes:
            raise inside.mistakes[0]
        return out

    def _take_fields(self, value: dict[str, Json], place: Place, out: dict[str, Any]) -> None:
        struct = self.go.rpartition(".")[2] if self.name is None else self.name
        if place.own:
            struct = place.struct
        way = f"{place.path}." if place.path else ""
        for key, given in value.items():
            name = key if key in self.fields else self._meant(key)
            if name is None:
                continue
            field = self.fields[name]
            if given is not None:
                if type(given) is str and type(field) is Text:
                    out[name] = given
                else:
                    out[name] = field.take(
                        given, Place(struct, way + name, place.mistakes, place.own)
                    )
            elif name in self.nulls:
                out[name] = None

    def _meant(self, key: str) -> str | None:
        """The field that is spelled otherwise in a request. Go folds these two letters, too."""
        folded = key.lower().replace("\u017f", "s")
        return next((name for name in self.fields if name.lower() == folded), None)

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
UNREAD = Type()
ANYTHING = Anything()
MAP = Table("map[string]interface {}", item=ANYTHING)
