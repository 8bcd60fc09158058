"""What a caller wants, checked: rules from a fault and its conditions, settings from fields.

Rules of this file:

1. A keyword that nobody knows is a `TypeError`, a value that can't be a `ValueError`; both name
   the culprit and, for a slip of the pen, what was meant.
2. The keywords are those of the control API and of a fleet's file.

It must not import anything of this package but layers 0 to 3, and `words`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict, TypeVar

import msgspec

from ollama_simulator import names
from ollama_simulator.complaints import about_models, field_of, with_choices
from ollama_simulator.engine.store import TEST_MODEL
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.rule import Rule, complaint
from ollama_simulator.hardware import BadProfile, HardwareProfile
from ollama_simulator.limits import Limits
from ollama_simulator.model import Found, Model
from ollama_simulator.registry import Registry
from ollama_simulator.script import Script
from ollama_simulator.settings import Caching, KvType, Miss, Profile, Settings
from ollama_simulator.simulation.words import near

S = TypeVar("S", bound=msgspec.Struct)

LONGEST_S = 1e9
"""Seconds that anything may take."""
LONGEST_SHOWN = 200
"""Characters of a value that are told with what is wrong with it."""


class Conditions(TypedDict, total=False):
    """The fields of `Rule` but for its fault, which say whom it strikes and when."""

    name: str
    path: str
    method: str
    model: str
    header: Mapping[str, str]
    contains: str
    probability: float
    ramp: float
    skip: int
    limit: int | None
    every: int
    shared: bool
    since: float
    until: float | None
    ttl: float | None


class Fields(TypedDict, total=False):
    """The fields of `Settings` but for `speed`."""

    wire: Profile
    profile: str | HardwareProfile
    model_profiles: Mapping[str, str | HardwareProfile]
    engine: Caching
    cache_endpoints: Literal["chat", "all"] | None
    multiuser_cache: bool
    cache_ram_mib: int
    kv_cache_type: KvType
    gpu_overhead: int
    helper: bool
    health: bool
    fault_header: bool
    keep_bodies: int
    limits: Limits
    downtime: float | None
    num_parallel: int
    max_queue: int
    max_loaded_models: int
    keep_alive: float | None
    load_timeout: float
    gpu: bool
    context_length: int
    bind: str
    origins: Sequence[str]
    no_cloud: bool
    cloud: str
    remotes: Sequence[str]
    models: str
    hostname: str
    zone: str
    web_search: Sequence[Found] | None
    key: bool
    pull_bytes_per_second: float
    registries: Sequence[Registry]
    installed_models: Sequence[Model | str] | None
    scripts: Sequence[Script]
    upstream: str | None
    record: str | None
    record_body_limit: int
    record_secrets: bool
    replay: str | None
    replay_speed: float
    replay_miss: Miss
    replay_volatile: Sequence[str]


class AllFields(Fields, total=False):
    """The fields of `Settings`."""

    speed: float


def checked(value: S) -> S:
    """A struct whose fields have the types and bounds that they declare.

    Raises `ValueError`: Python itself would take any.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(value), type(value))
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        whole = repr(value)
        shown = whole if len(whole) <= LONGEST_SHOWN else f"{type(value).__name__}(…)"
        raise ValueError(f"{shown}: {_placed(error)}") from None


def fault(wish: Fault) -> Fault:
    """A fault that can be. Raises `TypeError`, `ValueError`."""
    if isinstance(wish, type) and issubclass(wish, Fault):
        raise TypeError(f"{wish.__name__} is a class of faults; make one: {wish.__name__}(…)")
    if not isinstance(wish, Fault):
        raise TypeError(f"{wish!r} is no fault; one is a value such as Hang()")
    return checked(wish)


def rule(wish: Fault | Rule, conditions: Mapping[str, Any]) -> Rule:
    """The rule of a fault, or one that is given, with conditions. Raises `TypeError`,
    `ValueError`."""
    _known(conditions, Rule, "condition of a rule", but="fault")
    given = msgspec.structs.asdict(wish) if isinstance(wish, Rule) else {"fault": wish}
    try:
        made = msgspec.convert(given | dict(conditions), Rule)
    except msgspec.ValidationError as error:
        raise ValueError(_placed(error, conditions)) from None
    made = msgspec.structs.replace(made, fault=fault(made.fault))
    if wrong := complaint(made):
        raise ValueError(f"{wrong[0]}: {wrong[1]}")
    return made


def settings(base: Settings, fields: Mapping[str, Any]) -> Settings:
    """Settings with other fields. Raises `TypeError`, `ValueError`."""
    known_settings(fields)
    wanted = dict(fields)
    if (wish := wanted.get("installed_models")) is not None:
        wanted["installed_models"] = models(wish)
    if (said := wanted.get("scripts")) is not None:
        wanted["scripts"] = scripts(said)
    try:
        made = msgspec.convert(msgspec.structs.asdict(base) | wanted, type(base))
    except BadProfile as error:
        raise ValueError(str(error)) from None
    except msgspec.ValidationError as error:
        raise ValueError(_placed(error, wanted)) from None
    return made


def known_settings(fields: Mapping[str, Any]) -> None:
    """Raise `TypeError` unless all of these are settings."""
    _known(fields, Settings, "setting of a server")


def models(wish: Iterable[Model | str]) -> tuple[Model, ...]:
    """Models that can be installed together; a name stands for one like the test model.

    Raises `TypeError`, `ValueError`.
    """
    found = tuple(map(_model, wish))
    if wrong := about_models(found):
        raise ValueError(f"models{wrong[0]}: {wrong[1]}")
    return found


def _model(wish: Model | str) -> Model:
    if isinstance(wish, str):
        digest = hashlib.sha256(wish.encode()).hexdigest()
        return msgspec.structs.replace(TEST_MODEL, name=wish, digest=digest)
    if not isinstance(wish, Model):
        raise TypeError(f"{wish!r} is no model; it must be a Model or a name")
    return checked(wish)


def model_name(wish: Any) -> str | None:
    """The name of a model, or None. Raises `ValueError`."""
    if wish is None:
        return None
    if not isinstance(wish, str) or not names.valid(wish):
        raise ValueError(
            f"{wish!r} is no model name; it must look like [host/][namespace/]model[:tag]"
        )
    return wish


def scripts(wish: Iterable[Script]) -> tuple[Script, ...]:
    """Scripts that can be. Raises `TypeError`, `ValueError`."""
    found = tuple(wish)
    for each in found:
        if not isinstance(each, Script):
            raise TypeError(f"{each!r} is no script; one is a value such as Script(contains='Hi')")
    return tuple(map(checked, found))


def seconds(wish: float | None) -> float | None:
    """A time that a server can be down, or None. Raises `TypeError`, `ValueError`."""
    if wish is not None and not 0 <= number("seconds", wish) <= LONGEST_S:
        raise ValueError(f"a server can't be down for {wish} seconds")
    return wish


def number(name: str, wish: float) -> float:
    """An argument that is a number. Raises `TypeError`."""
    if isinstance(wish, bool) or not isinstance(wish, int | float):
        raise TypeError(f"{name}: {wish!r} is no number")
    return wish


def whole(name: str, wish: int) -> int:
    """An argument that is a whole number. Raises `TypeError`."""
    if isinstance(wish, bool) or not isinstance(wish, int):
        raise TypeError(f"{name}: {wish!r} is no whole number")
    return wish


def port(wish: int, name: str = "port") -> int:
    """A port, or 0. Raises `TypeError`, `ValueError`."""
    if not 0 <= whole(name, wish) <= 65535:
        raise ValueError(f"{name}: {wish!r} is no port; it must be 0 to 65535")
    return wish


def _known(fields: Mapping[str, Any], kind: type[msgspec.Struct], what: str, but: str = "") -> None:
    there = [name for name in kind.__struct_fields__ if name != but]
    for name in fields:
        if name not in there:
            raise TypeError(
                f"{name!r} is no {what}{near(name, there)}; there are {', '.join(there)}"
            )


def _placed(error: Exception, given: Mapping[str, Any] | None = None) -> str:
    """A complaint of msgspec with its place in front, and the value behind it if that is among
    what was given and is short."""
    message, _, place = str(error).partition(" - at `$")
    place = place.rstrip("`").removeprefix(".")
    message = with_choices(message, field_of(place))
    if given is not None and place in given and ", got " not in message:
        shown = repr(given[place])
        message += f", and not {shown}" if len(shown) <= LONGEST_SHOWN else ""
    return f"{place}: {message}" if place else message
