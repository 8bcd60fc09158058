"""What a scenario is: data around one short function. What a case is: a scenario's variant.

Rules of this file:

1. `claim` is one sentence that a balancer's author can disagree with.
2. `killed_by` names the flaws of the reference balancer that must fail it. A scenario that
   no flaw fails proves nothing and does not get in.
3. Every module of `scenarios/` is loaded; a scenario registers by being defined. Its id is
   `GROUP.NAME`: the file (or folder) in `scenarios/`, and the function. A case's id is that of
   its scenario, and `.VARIANT` if it has variants.

It must not import the player.
"""

import importlib
import itertools
import pkgutil
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec

from ollama_simulator.conformance import scenarios
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.settings import Settings

Play = Callable[..., Awaitable[None]]
Arrange = Callable[..., Awaitable[None]]


class Variant(msgspec.Struct, frozen=True):
    """What makes a case of a scenario: arguments of its function, and what they need."""

    arguments: Mapping[str, Any] = {}
    needs: frozenset[Feature] = frozenset()
    """Beside the scenario's."""
    level: Level | None = None
    """None for the scenario's."""
    killed_by: frozenset[str] | None = None
    """None for the scenario's."""
    annotations: tuple[str, ...] | None = None
    """Likewise."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One claim that a balancer is judged by, in one or several cases."""

    id: str
    order: int
    """Its place in the report."""
    name: str = ""
    """What the seed's report calls it."""
    claim: str
    level: Level
    needs: frozenset[Feature]
    """Without these it is skipped."""
    wants: frozenset[Feature]
    """Without these it only tells."""
    after: tuple[str, ...]
    """Ids of scenarios or cases that must pass before a pass of this means anything."""
    killed_by: frozenset[str]
    advice: str
    """What the author of a balancer that fails might do."""
    evidence: tuple[str, ...]
    """Where the trouble was met in the world."""
    servers: int
    settings: Settings | tuple[Settings, ...] | None
    timeout: float
    """The balancer's longest silence in seconds; 0 for any."""
    annotations: tuple[str, ...]
    """What stands behind the servers' names on the balancer's command line (version 1.0.4)."""
    kv_q8: tuple[str, ...]
    """Models that the balancer is told to want a KV cache of `q8_0` (version 1.0.4)."""
    arrange: Arrange | None
    """What is done to the fleet before the balancer starts. It gets the fleet, and the arguments
    of the variant."""
    options: tuple[str, ...]
    """Further options of the reference balancer."""
    ends: bool
    """Whether it ends the balancer itself, which must be ours then."""
    alone: bool
    """Whether nothing else may be played meanwhile, as its numbers would suffer."""
    variants: Mapping[str, Variant]
    play: Play


class Case(msgspec.Struct, frozen=True):
    """A scenario with its variant: what is played, listed and addressed."""

    scenario: Scenario
    variant: str = ""
    how: Variant = Variant()

    @property
    def id(self) -> str:
        """How it is addressed."""
        return f"{self.scenario.id}.{self.variant}" if self.variant else self.scenario.id

    @property
    def name(self) -> str:
        """How the seed's report calls it; the id if it doesn't."""
        return self.scenario.name or self.id

    @property
    def level(self) -> Level:
        """How much a failure matters."""
        return self.how.level or self.scenario.level

    @property
    def needs(self) -> frozenset[Feature]:
        """The features without which it is skipped."""
        return self.scenario.needs | self.how.needs

    @property
    def killed_by(self) -> frozenset[str]:
        """The flaws that must fail it."""
        return self.scenario.killed_by if self.how.killed_by is None else self.how.killed_by

    @property
    def annotations(self) -> tuple[str, ...]:
        """What stands behind the servers' names on the balancer's command line."""
        given = self.how.annotations
        return self.scenario.annotations if given is None else given


_SCENARIOS: dict[str, Scenario] = {}


def variant(
    needs: Iterable[Feature] = (),
    level: Level | None = None,
    killed_by: Iterable[str] | None = None,
    annotations: Iterable[str] | None = None,
    **arguments: Any,
) -> Variant:
    """A variant of a scenario, with the arguments that its function gets."""
    kills = None if killed_by is None else frozenset(killed_by)
    notes = None if annotations is None else tuple(annotations)
    return Variant(arguments, frozenset(needs), level, kills, notes)


def each_of(*tables: Mapping[str, Variant]) -> dict[str, Variant]:
    """Every combination of variants, one of each table; their names joined by a hyphen."""
    found = {}
    for rows in itertools.product(*(table.items() for table in tables)):
        kills = [row.killed_by for _, row in rows if row.killed_by is not None]
        levels = [row.level for _, row in rows if row.level is not None]
        notes = [row.annotations for _, row in rows if row.annotations is not None]
        found["-".join(name for name, _ in rows)] = Variant(
            {key: value for _, row in rows for key, value in row.arguments.items()},
            frozenset().union(*(row.needs for _, row in rows)),
            levels[-1] if levels else None,
            frozenset().union(*kills) if kills else None,
            notes[-1] if notes else None,
        )
    return found


def scenario(
    *,
    claim: str,
    killed_by: Iterable[str],
    level: Level = Level.MUST,
    advice: str = "",
    needs: Iterable[Feature] = (),
    wants: Iterable[Feature] = (),
    after: Iterable[str] = (),
    evidence: Iterable[str] = (),
    variants: Mapping[str, Variant] | None = None,
    servers: int = 3,
    settings: Settings | tuple[Settings, ...] | None = None,
    timeout: float = 2.0,
    annotations: Iterable[str] = (),
    kv_q8: Iterable[str] = (),
    arrange: Arrange | None = None,
    options: Iterable[str] = (),
    ends: bool = False,
    alone: bool = False,
    name: str = "",
    order: int = 1_000,
) -> Callable[[Play], Play]:
    """Register a function as a scenario."""

    def register(play: Play) -> Play:
        found = Scenario(
            id=_id_of(play),
            order=order,
            name=name,
            claim=claim,
            level=level,
            needs=frozenset(needs),
            wants=frozenset(wants),
            after=tuple(after),
            killed_by=frozenset(killed_by),
            advice=advice,
            evidence=tuple(evidence),
            servers=servers,
            settings=settings,
            timeout=timeout,
            annotations=tuple(annotations),
            kv_q8=tuple(kv_q8),
            arrange=arrange,
            options=tuple(options),
            ends=ends,
            alone=alone,
            variants=dict(variants or {}),
            play=play,
        )
        if timeout != int(timeout):
            raise ValueError(f"{found.id}: --timeout of the seed's balancer is in whole seconds")
        if found.id in _SCENARIOS:
            other = _SCENARIOS[found.id].play
            raise ValueError(
                f"two scenarios are {found.id}: in {other.__module__}, {play.__module__}"
            )
        for case in cases_of(found):
            if not case.killed_by:
                raise ValueError(f"no flaw fails {case.id}")
        _SCENARIOS[found.id] = found
        return play

    return register


def _id_of(play: Play) -> str:
    below = play.__module__.removeprefix(f"{scenarios.__name__}.")
    group = below.split(".")[0] if below != play.__module__ else below.rpartition(".")[2]
    return f"{group}.{play.__name__}".replace("_", "-")


def cases_of(found: Scenario) -> list[Case]:
    """The cases of a scenario."""
    if not found.variants:
        return [Case(found)]
    return [Case(found, name, how) for name, how in found.variants.items()]


def load(path: Any = None, prefix: str = f"{scenarios.__name__}.") -> None:
    """Load every module of `scenarios/`, folders too."""
    for module in pkgutil.iter_modules(path or scenarios.__path__, prefix):
        loaded = importlib.import_module(module.name)
        if module.ispkg:
            load(loaded.__path__, f"{module.name}.")


def unfair() -> dict[str, str]:
    """What was looked at and is no scenario, each with the reason: the `UNFAIR` of the modules."""
    load()
    found: dict[str, str] = {}
    for name, module in sorted(sys.modules.items()):
        if name.startswith(f"{scenarios.__name__}."):
            found |= getattr(module, "UNFAIR", {})
    return found


def known() -> list[Case]:
    """Every case in the order of the report."""
    load()
    ordered = sorted(_SCENARIOS.values(), key=lambda found: (found.order, found.id))
    return [case for found in ordered for case in cases_of(found)]
