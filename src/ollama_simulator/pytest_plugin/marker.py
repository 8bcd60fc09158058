"""What the marker `ollama` asks for: read, merged, checked.

Rules of this file:

1. Of several markers the closest to the test wins, argument by argument.
2. An argument that can't be meant is an error that names it; none is ignored.

It must not import pytest.
"""

import inspect
import os
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.rule import Rule
from ollama_simulator.model import Model
from ollama_simulator.pytest_plugin.findings import KINDS
from ollama_simulator.settings import Settings
from ollama_simulator.simulation.simulate import simulate
from ollama_simulator.simulation.words import near

OWN = ("behavior", "rules", "models", "allow")
"""Arguments that are no arguments of `simulate`."""


class BadMarker(ValueError):
    """A marker that can't be meant. The text names the argument."""


class Wish(msgspec.Struct, frozen=True):
    """What the markers of a test ask for."""

    simulate: Mapping[str, Any]
    """The arguments of `simulate`."""
    behavior: Fault | None = None
    """How every server behaves at the start."""
    rules: tuple[Rule | Fault, ...] = ()
    """What every server has for rules at the start."""
    models: tuple[Model | str, ...] | None = None
    """What every server has installed; None for what `simulate` installs."""
    allow: frozenset[str] = frozenset()
    """What the test may leave behind, of `KINDS`."""


def wish(markers: Iterable[tuple[tuple[Any, ...], Mapping[str, Any]]]) -> Wish:
    """What the markers of a test ask for, given as their positional and their keyword arguments,
    the closest first. Raises `BadMarker`."""
    merged: dict[str, Any] = {}
    for positional, keywords in markers:
        if positional:
            raise BadMarker(f"{positional[0]!r} has no name; every argument is given by name")
        for name in keywords:
            _known(name)
        merged = {**keywords, **merged}
    if not isinstance(merged.get("config") or "", str | os.PathLike):
        raise BadMarker(f"config is the path of a fleet's file, and {merged['config']!r} is none")
    return Wish(
        {name: value for name, value in merged.items() if name not in OWN},
        _behavior(merged.get("behavior")),
        tuple(_rule(each) for each in _list("rules", merged.get("rules", ()))),
        None if merged.get("models") is None else tuple(_models(merged["models"])),
        frozenset(_allowed(each) for each in _list("allow", merged.get("allow", ()))),
    )


def _known(name: str) -> None:
    parameters = inspect.signature(simulate).parameters.values()
    named = [each.name for each in parameters if each.kind is not inspect.Parameter.VAR_KEYWORD]
    there = [*OWN, *named, *(field for field in Settings.__struct_fields__ if field not in named)]
    if name not in there:
        hint = near(name, there) or f"; there are {', '.join(there)}"
        raise BadMarker(f"it has no argument {name!r}{hint}")


def _list(name: str, value: Any) -> list[Any]:
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise BadMarker(f"{name} is a list, and {value!r} is none")
    return list(value)


def _behavior(value: Any) -> Fault | None:
    if value is not None and not isinstance(value, Fault):
        raise BadMarker(f"behavior is a fault such as Hang(), and {value!r} is none")
    return value


def _rule(value: Any) -> Rule | Fault:
    if not isinstance(value, Rule | Fault):
        raise BadMarker(f"rules are faults such as Hang(), or Rule(…), and {value!r} is neither")
    return value


def _models(value: Any) -> Iterable[Model | str]:
    for each in _list("models", value):
        if not isinstance(each, Model | str):
            raise BadMarker(f"models are names, or Model(…), and {each!r} is neither")
        yield each


def _allowed(value: Any) -> str:
    if value not in KINDS:
        there = ", ".join(map(repr, KINDS))
        raise BadMarker(
            f"allow: there is nothing like {value!r}{near(value, KINDS)}; there are {there}"
        )
    return str(value)
