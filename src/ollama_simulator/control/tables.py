"""A server in the body of a request: as a table of `[[servers]]` in a fleet's file.

Rules of this file:

1. What stands in `environment` are Ollama's own variables; a field that is given, too, wins.
2. A body is one server, which its answer is about; so there is no `count`.
3. A body names no file of this machine, be it to be read or written: who may ask for anything
   here need not be who may do that. The command line and a fleet's file may.
4. Where other machines reach the API, a body names no other server, either: what is asked there
   would be asked from within.

It must not import the servers' insides.
"""

from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

import msgspec

from ollama_simulator import fleet_types
from ollama_simulator.control import body
from ollama_simulator.control.operation import Call
from ollama_simulator.fleet_checks import variables
from ollama_simulator.fleet_types import Variables, nothing
from ollama_simulator.hardware import is_file
from ollama_simulator.mistakes import Mistake
from ollama_simulator.once import once
from ollama_simulator.places import Place
from ollama_simulator.settings import Settings

T = TypeVar("T", bound=Settings)
Environment = Annotated[Variables, msgspec.Meta(description="Ollama's own variables, by name.")]
ELSEWHERE = "only the command line and a fleet's file name files"


class ChangedServer(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a server that is there. Those that are not given stay as they are."""

    environment: Environment = msgspec.field(default_factory=dict)


@once
def new_server() -> Any:
    """The type of a server that is to come: its faults may be any that are known."""
    return msgspec.defstruct(
        "NewServer",
        [("environment", Environment, {})],
        bases=(fleet_types.readable(),),
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
    wrong = [*_files(given, before or Settings()), *_servers(given, before, call)]
    if wrong:
        raise body.wrong(wrong)
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


def _files(given: dict[str, Any], before: Settings) -> Iterator[Mistake]:
    """The places of a table in which a file is named, unless it is the one that was there."""
    for field in ("record", "replay"):
        if given.get(field) not in (None, getattr(before, field)):
            yield Mistake((field,), ELSEWHERE)
    models = given.get("model_profiles", {})
    profiles: list[tuple[Place, Any, Any]] = [
        (("profile",), given.get("profile"), before.profile),
        *(
            (("model_profiles", name), models[name], before.model_profiles.get(name))
            for name in models
        ),
    ]
    for place, profile, old in profiles:
        if isinstance(profile, str) and is_file(profile) and profile != old:
            yield Mistake(place, f"{ELSEWHERE}; here a profile has a name, or is a table")


def _servers(given: dict[str, Any], before: Settings | None, call: Call) -> Iterator[Mistake]:
    """The place of another server, if it may not be named, and isn't one that a server has."""
    upstream = given.get("upstream")
    if call.local or upstream is None:
        return
    known = {server.settings.upstream for server in call.fleet.servers.values()}
    if upstream not in known | ({before.upstream} if before else set()):
        words = "only the command line and a fleet's file name other servers, as this API is not"
        yield Mistake(("upstream",), f"{words} on loopback")


@once
def _loose(kind: type[Settings]) -> Any:
    """The same type without the checks of fields together, which need those that are not given."""
    return msgspec.defstruct(
        kind.__name__, [], bases=(kind,), namespace={"__post_init__": nothing}, frozen=True
    )
