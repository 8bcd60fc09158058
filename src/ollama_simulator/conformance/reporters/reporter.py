"""What a reporter is: a function from a report to a text.

Rules of this file:

1. A reporter is pure: the same report gives the same text.
2. Every module of this folder is loaded; a reporter registers by being defined. Two of one name
   are an error that names both files.

It must not import the player.
"""

import importlib
import pkgutil
from collections.abc import Callable

from ollama_simulator.conformance.report import Report

Reporter = Callable[[Report], str]

_REPORTERS: dict[str, Reporter] = {}


def reporter(name: str) -> Callable[[Reporter], Reporter]:
    """Make a function known as a reporter."""

    def register(write: Reporter) -> Reporter:
        known = _REPORTERS.get(name)
        if known is not None:
            where = f"{known.__module__} and {write.__module__}"
            raise ValueError(f"two reporters are called {name}: in {where}")
        _REPORTERS[name] = write
        return write

    return register


def known() -> dict[str, Reporter]:
    """Every reporter by name, after loading every module of this folder."""
    package = importlib.import_module(__package__ or "")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    return dict(sorted(_REPORTERS.items()))
