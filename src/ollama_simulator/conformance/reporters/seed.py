"""The seed's way of printing a report.

Rules of this file:

1. The form of the lines is a contract (seed facts, "The balancer's command line and the
   runner"): scripts read them.

It must not import the scenarios or the player.
"""

from collections.abc import Sequence

from ollama_simulator.conformance.report import Result, Verdict

RULE = "-" * 38
MOST = 3
"""Reasons shown after the first."""
BANNER = "\n".join(["=" * 38, "  Ollama Load Balancer Test Suite", "=" * 38])


def line(result: Result) -> str:
    """One scenario in the report; if it failed: what spoke against it, what it claims, advice."""
    mark = "+" if result.passed else "x"
    head = f"[{mark}] {result.name} ({round(result.seconds * 1000)}ms)"
    if result.passed:
        return head
    first, *others = result.reasons
    lines = [head, f"    Error: {first}", *(f"    then: {other}" for other in others[:MOST])]
    if len(others) > MOST:
        lines.append(f"    then: {len(others) - MOST} more")
    if result.claim:
        lines.append(f"    Claim: {result.claim}")
    if result.advice:
        lines.append(f"    Advice: {result.advice}")
    return "\n".join(lines)


def summary(results: Sequence[Result], seconds: float) -> str:
    """The end of the report."""
    passed = sum(result.passed for result in results)
    skipped = sum(result.verdict is Verdict.SKIPPED for result in results)
    total = f"Total: {passed} passed, {len(results) - passed - skipped} failed"
    if skipped:
        total += f"\nSkipped, as what they need is not claimed: {skipped}"
    return "\n".join([RULE, total, f"Duration: {seconds:.2f}s", RULE])
