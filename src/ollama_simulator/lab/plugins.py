"""Policies from a file of the user's.

It must not import anything but its own package.
"""

import importlib.util
from pathlib import Path

from ollama_simulator.lab.policies import POLICIES


class BadPolicies(ValueError):
    """A file of policies that can't be used. The text says which, and why."""


def read(file: Path) -> list[str]:
    """Run a Python file, and tell the names of the policies in it. Raises `BadPolicies`."""
    if not file.is_file():
        raise BadPolicies(f"{file}: there is no such file")
    before = set(POLICIES)
    spec = importlib.util.spec_from_file_location(f"policies_of_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise BadPolicies(f"{file}: it is no Python file: its name must end in .py")
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except Exception as error:
        raise BadPolicies(f"{file}: {type(error).__name__}: {error}") from error
    found = [name for name in POLICIES if name not in before]
    if not found:
        raise BadPolicies(f"{file}: it has no function with @policy")
    return found
