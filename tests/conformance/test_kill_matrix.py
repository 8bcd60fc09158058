"""Every scenario passes the sound reference balancer and fails each flaw that it names.

The matrix is played once, several scenarios at a time: they wait more than they work.
"""

import asyncio
from collections.abc import Iterable

import pytest

from ollama_simulator.conformance import player, scenario
from ollama_simulator.conformance.balancers.flaws import FLAWS
from ollama_simulator.conformance.balancers.process import Embedded
from ollama_simulator.conformance.report import Result
from ollama_simulator.conformance.scenario import Scenario

AT_ONCE = 4
SCENARIOS = scenario.known()
CELLS = [(each, flaw) for each in SCENARIOS for flaw in (None, *sorted(each.killed_by))]

Matrix = dict[tuple[str, str | None], Result]


async def _play(cells: Iterable[tuple[Scenario, str | None]]) -> Matrix:
    turns = asyncio.Semaphore(AT_ONCE)
    results: Matrix = {}

    async def play(each: Scenario, flaw: str | None) -> None:
        async with turns:
            results[each.name, flaw] = await player.play(each, Embedded(flaw), (0,) * 3)

    async with asyncio.TaskGroup() as group:
        for each, flaw in cells:
            group.create_task(play(each, flaw))
    return results


@pytest.fixture(scope="module")
def matrix() -> Matrix:
    """Every cell of the matrix, played."""
    return asyncio.run(_play(CELLS))


def _name(value: object) -> str:
    return value.name if isinstance(value, Scenario) else str(value or "sound")


# The first test that asks for the matrix waits until it is played: a minute and a half.
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("each", "flaw"), CELLS, ids=_name)
def test_cell(matrix: Matrix, each: Scenario, flaw: str | None) -> None:
    """The sound balancer passes; a flaw that the scenario names does not."""
    result = matrix[each.name, flaw]
    assert result.error is None
    assert result.checks
    assert result.passed is (flaw is None), result.reasons


def test_every_flaw_is_found() -> None:
    """No flaw is there that no scenario names, and none is named that is not there."""
    named = {flaw for each in SCENARIOS for flaw in each.killed_by}
    assert named == set(FLAWS)


def test_every_scenario_names_a_flaw() -> None:
    """A scenario that nothing can fail does not get in."""
    with pytest.raises(ValueError, match="no flaw fails 'vacuous'"):
        scenario.scenario(99, "vacuous", claim="Nothing.", killed_by=set())(_nothing)


def test_names_and_order() -> None:
    """The seed's words, in the seed's order."""
    assert [each.name for each in SCENARIOS] == [
        "Basic single server request",
        "Load balancing across multiple servers",
        "Server unreachable - marked as unreliable",
        "Server fails mid-stream",
        "Server recovery from unreliable to reliable",
        "All servers busy - queue or reject",
        "Second chance mechanism for unreliable servers",
        "No available servers response",
        "GET requests (non-POST)",
        "Streaming response timing",
        "KV cache prefix matching",
        "Embeddings endpoints",
        "TCP radio silence (SIGSTOP - VM pause simulation)",
        "TCP RST close (abrupt termination)",
        "TCP graceful shutdown (FIN)",
    ]


async def _nothing(run: object) -> None:
    """A scenario that does nothing."""
