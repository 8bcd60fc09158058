"""Whether what a pattern wants can be at all: servers, faults, and fields of a few values.

Without it, a misspelt value would never be found, and `count=0` would say that all is well.

Rules of this file:

1. A value that is in the journal can be, whatever else is known.
2. A server that is yet to come can be asked for in `ServerAdded` only.

It must not import anything of this package but `records`, the faults and its own folder.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from msgspec import inspect

from ollama_simulator.faults import fault
from ollama_simulator.records import Behaved, Injected, Record, ServerAdded, Struck
from ollama_simulator.simulation.pattern import Pattern
from ollama_simulator.simulation.words import near

FAULTS: Mapping[type[Record], str] = {Struck: "fault", Injected: "fault", Behaved: "behavior"}
"""The field of a kind that has the name of a fault."""


def check(pattern: Pattern[Any], seen: Sequence[Record]) -> None:
    """Raise `LookupError` if a field is to be what it can't be, servers aside.

    `seen` is what was read of the journal. Functions can't be checked.
    """
    for name, wanted in pattern.fields.items():
        if callable(wanted) and not isinstance(wanted, type):
            continue
        there = _choices(pattern.kind, name)
        if FAULTS.get(pattern.kind) == name:
            there = [*fault.known(), *_seen(pattern.kind, name, seen)]
        plain = wanted.value if isinstance(wanted, Enum) else wanted
        if there and plain not in there:
            raise LookupError(_words(pattern, name, plain, there))


def unknown_server(pattern: Pattern[Any], there: Iterable[str]) -> str | None:
    """What is said if a pattern wants a server that isn't among these; None if all is well."""
    wanted = pattern.fields.get("server")
    if "server" not in pattern.fields or callable(wanted) or issubclass(pattern.kind, ServerAdded):
        return None
    names = list(dict.fromkeys(there))
    return None if wanted in names else _words(pattern, "server", wanted, names)


def _choices(kind: type[Record], name: str) -> list[Any]:
    """The values that a field can have, if they are few; else none."""
    told = inspect.type_info(kind)
    assert isinstance(told, inspect.StructType)
    of = next(field.type for field in told.fields if field.name == name)
    if isinstance(of, inspect.LiteralType):
        return list(of.values)
    return [each.value for each in of.cls] if isinstance(of, inspect.EnumType) else []


def _seen(kind: type[Record], name: str, seen: Sequence[Record]) -> set[Any]:
    return {getattr(record, name) for record in seen if isinstance(record, kind)}


def _words(pattern: Pattern[Any], name: str, wanted: Any, there: Sequence[Any]) -> str:
    names = [str(each) for each in there]
    # Of many servers only the first are told.
    shown = ", ".join(names[:50]) + (f" and {len(names) - 50} more" if len(names) > 50 else "")
    return (
        f"{pattern.kind.__name__}: there is no {name} {wanted!r}{near(wanted, names)}; "
        f"there are {shown}"
    )
