"""What somebody looks for in a journal: a kind of record, and what its fields are to be.

Rules of this file:

1. A field is given by its value or by a function that says of a value whether it will do. How a
   connection ended and where a door stands may be given by their words, too (`"rst"`, `"shut"`).
2. A kind or a field that there isn't is an error that names the one that was meant.

It must not import anything of this package but `records` and its own folder.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, Generic, TypeVar, overload

from ollama_simulator.records import Record
from ollama_simulator.simulation.words import near

R = TypeVar("R", bound=Record)
Kind = type[R] | str
"""A kind of record: its class, or the name of that."""

KINDS: dict[str, type[Record]] = {kind.__name__: kind for kind in Record.__subclasses__()}
"""Every kind of record, by its name."""


class Pattern(Generic[R]):
    """A kind of record, and what its fields are to be."""

    def __init__(self, kind: type[R] | str, fields: Mapping[str, Any]) -> None:
        """`kind` is a class of `records` or its name; `Record` stands for every kind.

        Raises `LookupError` for a kind that there isn't, `TypeError` for such a field.
        """
        self.kind: type[R] = _kind(kind)
        self.fields = dict(fields)
        for name in fields:
            there = self.kind.__struct_fields__
            if name not in there:
                raise TypeError(
                    f"{self.kind.__name__} has no field {name!r}{near(name, there)}; "
                    f"it has {', '.join(sorted(there))}"
                )

    def matches(self, record: Record) -> bool:
        """Whether a record is one of these."""
        return isinstance(record, self.kind) and not self.differences(record)

    def differences(self, record: Record) -> list[str]:
        """In what a record of this kind is another one, in words: a phrase for each field."""
        found = []
        for name, wanted in self.fields.items():
            value = getattr(record, name)
            if not _is(wanted, value):
                found.append(f"{name} is {_shown(value)}, not {_shown(wanted)}")
        return found

    def nearest(self, seen: Sequence[Record], places: Iterable[int]) -> int | None:
        """Of the records at some places, that of this kind which differs in the fewest fields, and
        the last of several; None if there is none of the kind."""
        best, fewest = None, len(self.fields)
        for place in places:
            if isinstance(seen[place], self.kind):
                count = len(self.differences(seen[place]))
                if count <= fewest:
                    best, fewest = place, count
        return best

    def __str__(self) -> str:
        fields = ", ".join(f"{name}={_shown(value)}" for name, value in self.fields.items())
        return f"{self.kind.__name__}({fields})"

    __repr__ = __str__


@overload
def happening(kind: type[R], /, **fields: Any) -> Pattern[R]: ...
@overload
def happening(kind: str, /, **fields: Any) -> Pattern[Any]: ...
def happening(kind: Any, /, **fields: Any) -> Pattern[Any]:
    """Something that can have happened, as a value: `happening("Finished", outcome="rst")`.

    Args:
        kind: A class of `ollama_simulator.records`, or its name.
        fields: Values of its fields, or functions that say whether a value will do.

    Raises:
        LookupError: There is no such kind of record.
        TypeError: It has no such field.
    """
    return Pattern(kind, fields)


def _kind(kind: Any) -> Any:
    if isinstance(kind, type) and issubclass(kind, Record):
        return kind
    if kind == Record.__name__:
        return Record
    if not isinstance(kind, str):
        raise TypeError(
            f"{kind!r} is no kind of record; it must be a class of `records`, or a name"
        )
    if kind not in KINDS:
        there = ", ".join(sorted(KINDS))
        raise LookupError(f"there is no record {kind!r}{near(kind, KINDS)}; there are {there}")
    return KINDS[kind]


def _is(wanted: Any, value: Any) -> bool:
    if callable(wanted) and not isinstance(wanted, type):
        return bool(wanted(value))
    return bool(wanted == value) or (isinstance(value, Enum) and wanted == value.value)


def _shown(value: Any) -> str:
    if isinstance(value, Enum):
        return repr(value.value)
    if callable(value):
        return f"<{getattr(value, '__qualname__', type(value).__name__).rpartition('.')[2]}>"
    return repr(value)
