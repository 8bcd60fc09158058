"""Everything that users need can be had from the package itself, and only what they ask for is
loaded."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import typing
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, assert_type

import msgspec
import pytest

import ollama_simulator
from ollama_simulator.faults import fault

SOURCE = Path(ollama_simulator.__file__)
SHOWN = {
    alias.asname: f"{node.module}.{alias.name}"
    for node in ast.walk(ast.parse(SOURCE.read_text(encoding="utf-8")))
    if isinstance(node, ast.ImportFrom) and node.module != "typing"
    for alias in node.names
}
"""What type checkers are shown: where each name is from."""


def test_type_checkers_and_programs_see_the_same() -> None:
    found = {
        name: f"ollama_simulator.{module}.{name}"
        for name, module in ollama_simulator._MODULES.items()
    }
    assert found == SHOWN


@pytest.mark.parametrize("name", sorted(ollama_simulator._MODULES))
def test_every_name_can_be_had(name: str) -> None:
    module, _, own = SHOWN[name].rpartition(".")
    assert getattr(ollama_simulator, name) is getattr(importlib.import_module(module), own)
    assert name in dir(ollama_simulator)


def test_every_fault_can_be_had() -> None:
    """A new one is added to `ollama_simulator/__init__.py`, twice."""
    here = {name for name, kind in fault.known().items() if "ollama_simulator." in kind.__module__}
    assert here <= set(SHOWN)


def test_all_of_them_can_be_had_at_once() -> None:
    """A type checker thinks so, so it must be."""
    found: dict[str, object] = {}
    exec("from ollama_simulator import *", found)
    assert set(found) - {"__builtins__"} == set(SHOWN)


ELSEWHERE = ("ollama_simulator.hardware", "ollama_simulator.registry")
"""Modules with whole documents of their own, whose parts have names that others have, too."""


def parts(annotation: Any) -> Iterator[type]:
    """The structs and enumerations of ours that a field may hold."""
    for each in typing.get_args(annotation):
        yield from parts(each)
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct | Enum):
        yield annotation


def test_what_their_fields_can_be_can_be_had() -> None:
    """Nobody has to know in which module the values of a field are, to say them or their type."""
    shown = [getattr(ollama_simulator, name) for name in ollama_simulator._MODULES]
    looked, missing = 0, []
    for kind in shown:
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            for field, annotation in typing.get_type_hints(kind).items():
                for part in parts(annotation):
                    looked += 1
                    if part not in shown and part.__module__ not in ELSEWHERE:
                        missing.append(f"{part.__module__}.{part.__name__} of {kind}.{field}")
    assert looked > 20
    assert missing == []


def test_the_values_of_a_fault_in_a_typed_program() -> None:
    """mypy reads this, too: a field takes a value of its enumeration, which has a name here."""
    cut = ollama_simulator.NoTerminator(ending=ollama_simulator.Ending.RST)
    assert_type(cut.ending, ollama_simulator.Ending)
    assert cut.ending.value == "rst"


def test_what_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'simulat'"):
        _ = ollama_simulator.simulat


def test_importing_it_loads_nothing() -> None:
    """Neither anything of ours nor of others: it costs next to nothing."""
    code = (
        f"import importlib, sys, typing; sys.path.insert(0, {str(SOURCE.parent.parent)!r})\n"
        "before = set(sys.modules)\n"
        "import ollama_simulator\n"
        "print(sorted(set(sys.modules) - before))\n"
    )
    run = subprocess.run(
        [sys.executable, "-I", "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout == "['ollama_simulator']\n"
