"""Every case passes the sound reference balancer and fails each flaw that it names.

The matrix is played once, several cells at a time: they wait more than they work.
"""

import asyncio

import pytest

from ollama_simulator.clock import WallClock
from ollama_simulator.conformance import kills, scenario
from ollama_simulator.conformance.flaws import flaw as flaws
from ollama_simulator.conformance.report import Verdict
from ollama_simulator.conformance.steadiness import Steadiness

AT_ONCE = 8
CASES = scenario.known()
CELLS = kills.named(CASES)


@pytest.fixture(scope="module")
def matrix() -> kills.Matrix:
    """Every cell of the matrix, played."""

    async def main() -> kills.Matrix:
        async with Steadiness(WallClock()).watching() as steadiness:
            return await kills.play(CELLS, steadiness, AT_ONCE)

    return asyncio.run(main())


# The first test that asks for the matrix waits until it is played.
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("case", "flaw"),
    [(case.id, flaw) for flaw, cases in CELLS.items() for case in cases],
    ids=lambda word: word or "sound",
)
def test_cell(matrix: kills.Matrix, case: str, flaw: str) -> None:
    """The sound balancer passes; a flaw that the case names does not."""
    result = matrix[case, flaw]
    assert result.verdict is (Verdict.FAIL if flaw else Verdict.PASS), result.reasons


def test_every_flaw_is_found() -> None:
    """No flaw is there that no case names, and none is named that is not there."""
    assert set(CELLS) - {kills.SOUND} == set(flaws.known())


def test_every_failure_has_advice() -> None:
    """Its own, or that of its scenario."""
    assert [case.id for case in CASES if not case.scenario.advice] == []


def test_every_scenario_names_a_flaw() -> None:
    """A scenario that nothing can fail does not get in."""
    with pytest.raises(ValueError, match="no flaw fails"):
        scenario.scenario(claim="Nothing.", killed_by=set())(_nothing)


def test_names_and_order() -> None:
    """The seed's words, in the seed's order."""
    assert [case.name for case in CASES if case.id.startswith("seed.")] == [
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
