"""A server in the body of a request: as a table of `[[servers]]` in a fleet's file.

Rules of this file:

1. What stands in `environment` are Ollama's own variables; a field that is given, too, wins.

It must not import the servers' insides.
"""

import functools
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec

from ollama_simulator.complaints import about_models
from ollama_simulator.control import body
from ollama_simulator.control.body import BadBody
from ollama_simulator.control.operation import Call
from ollama_simulator.control.problems import Culprit, pointer
from ollama_simulator.environment import Invalid, settings_in
from ollama_simulator.faults import fault, rule
from ollama_simulator.faults.pace import Normal
from ollama_simulator.settings import Settings

T = TypeVar("T", bound=Settings)
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
Variables = Mapping[str, str | int | float | bool]


class ChangedServer(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a server that is there. Those that are not given stay as they are."""

    environment: Variables = msgspec.field(default_factory=dict)
    """Ollama's own variables, by name."""


@functools.cache
def new_server() -> Any:
    """The type of a server that is to come: its faults may be any that are known."""
    rules = tuple.__class_getitem__((rule.readable(), ...))
    return msgspec.defstruct(
        "NewServer",
        [
            ("port", Port, 0),
            ("behavior", fault.any_fault(), Normal()),
            ("rules", rules, ()),
        ],
        bases=(ChangedServer,),
        namespace={"__doc__": "A server that is to come; all fields may be left out."},
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


def read(call: Call, kind: type[T], before: Settings | None = None) -> T:
    """The table in a body; what it doesn't say is as `before`, or by default. Raises `BadBody`."""
    given = call.body(dict[str, Any], empty={})
    own = () if before is None else Settings.__struct_fields__
    fields = {name: msgspec.to_builtins(getattr(before, name)) for name in own}
    try:
        found = msgspec.convert({**fields, **_set_by(given), **given}, kind)
    except msgspec.ValidationError as error:
        raise _placed(str(error)) from None
    if found.helper != (before is not None and before.helper):
        raise bad("helper", "only a server of the start can have one, and keeps it")
    if wrong := about_models(found.installed_models or ()):
        raise bad(f"installed_models{wrong[0]}", wrong[1])
    return found


def settings_of(table: Settings) -> Settings:
    """The settings in a table."""
    return Settings(**{name: getattr(table, name) for name in Settings.__struct_fields__})


def bad(place: str, words: str) -> BadBody:
    """A complaint about a field."""
    return BadBody(f"{place}: {words}", (Culprit(words, pointer(f"$.{place}")),))


def _set_by(given: dict[str, Any]) -> dict[str, Any]:
    """The fields that the variables in a table set. Raises `BadBody`."""
    try:
        variables = msgspec.convert(given.get("environment", {}), Variables)
    except msgspec.ValidationError:
        raise bad("environment", "it must be an object of Ollama's variables") from None
    fields: dict[str, Any] = {}
    for name, value in variables.items():
        try:
            fields |= settings_in({name: str(value)})
        except Invalid as invalid:
            raise bad(f"environment.{name}", str(invalid).removeprefix(f"{name}: ")) from None
    return fields


def _placed(message: str) -> BadBody:
    """What `msgspec` complains of, or what a check of the settings' own does, which begins with
    the field."""
    own = re.match(r"(\w+)(?:\.[^:]+)?: ", message)
    if own and own[1] in Settings.__struct_fields__:
        return bad(own[1], message[own.end() :])
    culprit = body.culprit(message)
    return BadBody(f"{culprit.pointer}: {culprit.detail}", (culprit,))
