"""The seed's way of printing a report.

Rules of this file:

1. The form of the lines is a contract (seed facts, "The balancer's command line and the
   runner"): scripts read them. That of the seed knows no case that was not judged: where there is
   none, everything is as it has it.

It must not import the scenarios or the player.
"""

from collections.abc import Sequence

from ollama_simulator.conformance.report import Result, Verdict

RULE = "-" * 38
MOST = 3
"""Reasons shown after the first."""
BANNER = "\n".join(["=" * 38, "  Ollama Load Balancer Test Suite", "=" * 38])


def line(result: Result) -> str:
    """One scenario in the report. If it failed: what spoke against it, by which id it is played
    again, what it claims, advice. If it was not judged: why, which accuses nobody."""
    mark = "+" if result.passed else "x" if result.judged else "?"
    head = f"[{mark}] {result.name} ({round(result.seconds * 1000)}ms)"
    if result.passed:
        return head
    first, *others = result.reasons
    why = "Error" if result.judged else "Not judged"
    lines = [head, f"    {why}: {first}", *(f"    then: {other}" for other in others[:MOST])]
    if len(others) > MOST:
        lines.append(f"    then: {len(others) - MOST} more")
    lines.append(f"    Case: {result.id}")
    if result.judged and result.claim:
        lines.append(f"    Claim: {result.claim}")
    if result.judged and result.advice:
        lines.append(f"    Advice: {result.advice}")
    return "\n".join(lines)


def summary(results: Sequence[Result], seconds: float) -> str:
    """The end of the report. What was not judged is counted apart, if there is such."""
    passed = sum(result.passed for result in results)
    failed = sum(result.verdict is Verdict.FAIL for result in results)
    skipped = sum(result.verdict is Verdict.SKIPPED for result in results)
    total = f"Total: {passed} passed, {failed} failed"
    if unclear := len(results) - passed - failed - skipped:
        total += f", {unclear} not judged"
    if skipped:
        total += f"\nSkipped, as what they need is not claimed: {skipped}"
    return "\n".join([RULE, total, f"Duration: {seconds:.2f}s", RULE])
