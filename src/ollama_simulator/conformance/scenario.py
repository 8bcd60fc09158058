"""What a scenario is: data around one short function.

Rules of this file:

1. `claim` is one sentence that a balancer's author can disagree with.
2. `killed_by` names the flaws of the reference balancer that must fail it. A scenario that
   no flaw fails proves nothing and does not get in.
3. Every module of `scenarios/` is loaded; a scenario registers by being defined.

It must not import the player.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ollama_simulator.conformance import scenarios
from ollama_simulator.conformance.run import Run

Play = Callable[[Run], Awaitable[None]]


class Scenario(msgspec.Struct, frozen=True):
    """One thing that a balancer is judged by."""

    order: int
    """Its place in the report."""
    name: str
    """What the report calls it: the seed's words."""
    claim: str
    killed_by: frozenset[str]
    timeout: float
    """The balancer's longest silence in seconds; 0 for any."""
    play: Play


_SCENARIOS: dict[str, Scenario] = {}


def scenario(
    order: int, name: str, *, claim: str, killed_by: set[str], timeout: float = 5.0
) -> Callable[[Play], Play]:
    """Register a function as a scenario."""

    def register(play: Play) -> Play:
        if name in _SCENARIOS:
            raise ValueError(f"two scenarios are called {name!r}: {play} is the second")
        if not killed_by:
            raise ValueError(f"no flaw fails {name!r}")
        _SCENARIOS[name] = Scenario(order, name, claim, frozenset(killed_by), timeout, play)
        return play

    return register


def known() -> list[Scenario]:
    """Every scenario in the order of the report, after loading every module of `scenarios/`."""
    path: Any = scenarios.__path__
    for module in pkgutil.iter_modules(path, f"{scenarios.__name__}."):
        importlib.import_module(module.name)
    return sorted(_SCENARIOS.values(), key=lambda found: found.order)
