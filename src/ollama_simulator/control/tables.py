"""A server in the body of a request: as a table of `[[servers]]` in a fleet's file.

Rules of this file:

1. What stands in `environment` are Ollama's own variables; a field that is given, too, wins.

It must not import the servers' insides.
"""

import functools
from typing import Any, TypeVar

import msgspec

from ollama_simulator.control import body
from ollama_simulator.control.operation import Call
from ollama_simulator.faults import fault, rule
from ollama_simulator.faults.pace import Normal
from ollama_simulator.fleet_checks import variables
from ollama_simulator.fleet_types import Port, Variables, nothing, several
from ollama_simulator.settings import Settings

T = TypeVar("T", bound=Settings)


class ChangedServer(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a server that is there. Those that are not given stay as they are."""

    environment: Variables = msgspec.field(default_factory=dict)
    """Ollama's own variables, by name."""


@functools.cache
def new_server() -> Any:
    """The type of a server that is to come: its faults may be any that are known."""
    return msgspec.defstruct(
        "NewServer",
        [
            ("port", Port, 0),
            ("behavior", fault.any_fault(), Normal()),
            ("rules", several(rule.readable()), ()),
        ],
        bases=(ChangedServer,),
        namespace={"__doc__": "A server that is to come; all fields may be left out."},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


def read(call: Call, kind: type[T], before: Settings | None = None) -> T:
    """The table in a body; what it doesn't say is as `before`, or by default. Raises `BadBody`."""
    given = body.document(call.raw) if call.raw.strip() else {}
    # Its shape first, so that the rest may rely on it.
    body.reading(given, _loose(kind))
    fields: dict[str, Any] = {}
    if before is not None:
        fields = {
            name: msgspec.to_builtins(getattr(before, name)) for name in Settings.__struct_fields__
        }
    for name, found in variables(given):
        if isinstance(found, str):
            raise body.bad(("environment", name), found)
        fields |= found
    table: T = body.reading({**fields, **given}, kind).value
    if table.helper != (before is not None and before.helper):
        raise body.bad(("helper",), "only a server of the start can have one, and keeps it")
    body.check_models(table.installed_models or (), "installed_models")
    return table


def settings_of(table: Settings) -> Settings:
    """The settings in a table."""
    return Settings(**{name: getattr(table, name) for name in Settings.__struct_fields__})


@functools.cache
def _loose(kind: type[Settings]) -> Any:
    """The same type without the checks of fields together, which need those that are not given."""
    return msgspec.defstruct(
        kind.__name__, [], bases=(kind,), namespace={"__post_init__": nothing}, frozen=True
    )
