"""What a flaw is: a reference balancer, or a part of it (relay, plan), that breaks one clause.

Rules of this file:

1. A flaw registers by being defined, under its class name in lower case with hyphens. Its
   docstring says what it does wrong.
2. It breaks one thing and keeps all others.

It must not import the scenarios.
"""

import importlib
import pkgutil
import re
import sys

from ollama_simulator.conformance.reference.balancer import Balancer
from ollama_simulator.conformance.reference.plan import Plan
from ollama_simulator.conformance.reference.relay import Relay

Flaw = type[Balancer] | type[Relay] | type[Plan]
FLAWS: dict[str, Flaw] = {}


def _register(flaw: Flaw) -> None:
    name = re.sub(r"(?<!^)(?=[A-Z0-9])", "-", flaw.__name__).lower()
    name = re.sub(r"(?<=\d)-(?=\d)", "", name)
    if name in FLAWS:
        where = f"{FLAWS[name].__module__} and {flaw.__module__}"
        raise ValueError(f"two flaws are called {name}: in {where}")
    FLAWS[name] = flaw


class Flawed(Balancer):
    """A balancer with a flaw; its docstring says which."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _register(cls)


class FlawedRelay(Relay):
    """A relay with a flaw; its docstring says which."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _register(cls)


class FlawedPlan(Plan):
    """A plan of version 1.0.4 with a flaw; its docstring says which."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        _register(cls)


def source(name: str) -> str:
    """The file of a flaw from outside this folder; empty for one of its own."""
    known()
    module = FLAWS[name].__module__
    inside = module.startswith(f"{__package__}.")
    return "" if inside else sys.modules[module].__file__ or ""


def known() -> dict[str, str]:
    """Every flaw by name with what it does wrong, after loading every module of this folder."""
    package = importlib.import_module(__package__ or "")
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if module.name.rpartition(".")[2] != "__main__":
            importlib.import_module(module.name)
    return {name: (flaw.__doc__ or "").strip() for name, flaw in sorted(FLAWS.items())}
