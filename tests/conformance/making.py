"""Cases without a registry, for tests of what plays and selects them."""

from collections.abc import Iterable
from typing import Any

import msgspec

from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.scenario import Case, Variant, known

KNOWN = next(each.scenario for each in known() if each.scenario.id == "basics.relay")


async def nothing(run: Any) -> None:
    """A scenario that does nothing."""


def case(
    name: str = "group.one",
    *,
    variant: str = "",
    needs: Iterable[Feature] = (),
    wants: Iterable[Feature] = (),
    after: Iterable[str] = (),
    level: Level = Level.MUST,
    alone: bool = False,
    advice: str = "do better",
) -> Case:
    """A case of a scenario of its own."""
    scenario = msgspec.structs.replace(
        KNOWN,
        id=name,
        claim="It is so.",
        level=level,
        needs=frozenset(needs),
        wants=frozenset(wants),
        after=tuple(after),
        killed_by=frozenset({"flaw"}),
        advice=advice,
        evidence=(),
        timeout=1.0,
        alone=alone,
        variants={},
        play=nothing,
    )
    return Case(scenario, variant, Variant())
