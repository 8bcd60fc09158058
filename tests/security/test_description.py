"""The control API, asked by Schemathesis for whatever its own description allows, and forbids.

`DESCRIBED_EXAMPLES=200` has it ask for more of each operation than the usual few.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ollama_simulator import simulate
from ollama_simulator.control import api
from ollama_simulator.records import Failed
from ollama_simulator.simulation.blocking_fleet import Fleet
from tests.control.api import controlled
from tests.net.loops import on_each_loop

EXAMPLES = int(os.environ.get("DESCRIBED_EXAMPLES", "5"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
ENDLESS = "followJournal"
SCHEMA: Any = schemathesis.openapi.from_dict(json.loads(api.description()))
OPERATIONS = [
    found.ok()
    for found in SCHEMA.get_all_operations()
    if found.ok().definition.raw["operationId"] != ENDLESS
]
asked = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="DESCRIBED_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """A fleet for all of these tests; it is as it was at the start for each."""
    with simulate(servers=2, control=True) as fleet:
        yield fleet


LARGE = ("addServer", "changeServer", "addRule", "setBehavior", "setBehaviorByPort")
"""Operations whose bodies may have any fault: Schemathesis takes minutes to find wrong ones."""


def wrong(operation: Any) -> bool:
    """Whether something can be wrong with a request for it: any text may be a name."""
    told = operation.definition.raw
    typed = [each for each in told.get("parameters", ()) if each["schema"].get("type") != "string"]
    return bool(("requestBody" in told or typed) and told["operationId"] not in LARGE)


ASKED = [
    pytest.param(operation, mode, id=f"{operation.label} {mode.value}")
    for operation in OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or wrong(operation)
]


@pytest.mark.parametrize(("operation", "mode"), ASKED)
def test_it_answers_as_it_is_described(fleet: Fleet, operation: Any, mode: GenerationMode) -> None:
    """What conforms to the description and what doesn't: no crash, no status and no document that
    is not described."""
    url = str(fleet.control_url)

    @asked
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(base_url=url, checks=CHECKS, timeout=20)

    ask()
    fleet.reset()
    assert not fleet.journal.where(Failed)


@on_each_loop
async def test_a_key_without_a_name() -> None:
    """What Schemathesis found once: a mistake below the key "" of a table."""
    async with controlled() as there:
        body = {"model_profiles": {"": {"speed": 1}}}
        told = await there.problem(400, "BadBody", "POST", "/servers", body)
        assert told["errors"][0]["pointer"].startswith("#/model_profiles/")
