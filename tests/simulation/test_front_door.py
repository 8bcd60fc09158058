"""Everything that users need can be had from the package itself, and only what they ask for is
loaded."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

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
