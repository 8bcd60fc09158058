"""The form of the report is a contract."""

from typing import Any

import pytest

from ollama_simulator.conformance.report import Check, Level, Result, Verdict
from ollama_simulator.conformance.reporters.seed import BANNER, line, summary

GOOD = Check("the status", "200", "200", held=True)
BAD = Check("the status", "200", "502", held=False)
OTHER = Check("the end", "cut", "complete", held=False)


def _result(name: str, seconds: float, checks: tuple[Check, ...], **more: Any) -> Result:
    held = bool(checks) and all(check.held for check in checks)
    verdict = Verdict.VACUOUS if not checks else Verdict.PASS if held else Verdict.FAIL
    more = {"id": name, "claim": "", "verdict": verdict, **more}
    return Result(name=name, level=Level.MUST, seconds=seconds, checks=checks, **more)


def test_banner() -> None:
    """The seed's banner, letter for letter."""
    assert BANNER == (
        "======================================\n"
        "  Ollama Load Balancer Test Suite\n"
        "======================================"
    )


def test_a_passed_scenario() -> None:
    """One line with the time in milliseconds."""
    result = _result("Streaming response timing", 1.2344, (GOOD,))
    assert result.passed
    assert line(result) == "[+] Streaming response timing (1234ms)"


def test_a_failed_scenario() -> None:
    """The line, and under it what was expected and what was seen."""
    more = {"id": "seed.failing", "claim": "It can tell.", "advice": "Cut it."}
    result = _result("Server fails mid-stream", 0.5, (GOOD, BAD, OTHER), **more)
    assert not result.passed
    assert line(result) == (
        "[x] Server fails mid-stream (500ms)\n"
        "    Error: the status: expected 200, got 502\n"
        "    then: the end: expected cut, got complete\n"
        "    Case: seed.failing\n"
        "    Claim: It can tell.\n"
        "    Advice: Cut it."
    )


def test_a_scenario_with_many_reasons() -> None:
    """The first few are shown, the others counted."""
    shown = line(_result("Server fails mid-stream", 0.5, (BAD,) * 9)).splitlines()
    assert len(shown) == 7
    assert shown[-2] == "    then: 5 more"


def test_a_scenario_that_checked_nothing() -> None:
    """It is no pass."""
    result = _result("Server fails mid-stream", 0.5, ())
    assert not result.passed
    assert result.reasons == ["nothing was checked"]


def test_an_error_of_the_suite() -> None:
    """It is no pass either, whatever held before."""
    result = _result(
        "Server fails mid-stream",
        0.5,
        (GOOD,),
        verdict=Verdict.ERROR,
        reason="the simulator failed: X",
    )
    assert "\n    Not judged: the simulator failed: X\n" in line(result)


UNCLEAR = (Verdict.ERROR, Verdict.BLOCKED, Verdict.INCONCLUSIVE, Verdict.VACUOUS)


@pytest.mark.parametrize("verdict", UNCLEAR)
def test_what_was_not_judged_accuses_nobody(verdict: Verdict) -> None:
    """It is no failure, neither by its line nor in the sum."""
    more = {"id": "seed.timing", "claim": "It streams.", "advice": "Stream.", "verdict": verdict}
    unclear = _result("Streaming", 0.5, (BAD,), reason="the CPU was 100 % busy", **more)
    assert line(unclear) == (
        "[?] Streaming (500ms)\n    Not judged: the CPU was 100 % busy\n    Case: seed.timing"
    )
    results = [_result("a", 1, (GOOD,)), unclear, _result("b", 1, (BAD,)), unclear]
    assert "\nTotal: 1 passed, 1 failed, 2 not judged\nDuration: " in summary(results, 1.0)


def test_summary() -> None:
    """The numbers and the time between rules, letter for letter where all were judged."""
    results = [_result("a", 1, (GOOD,)), _result("b", 1, (BAD,)), _result("c", 1, (BAD,))]
    assert summary(results, 12.341) == (
        "--------------------------------------\n"
        "Total: 1 passed, 2 failed\n"
        "Duration: 12.34s\n"
        "--------------------------------------"
    )


def test_what_is_not_claimed_is_no_failure() -> None:
    """It is counted apart."""
    results = [_result("a", 1, (GOOD,)), _result("b", 0, (), verdict=Verdict.SKIPPED)]
    total = "Total: 1 passed, 0 failed\nSkipped, as what they need is not claimed: 1\n"
    assert total in summary(results, 1.0)
