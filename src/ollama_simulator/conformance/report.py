"""What a run of the suite found, and the seed's way of printing it.

Rules of this file:

1. A result is a value; printing is a function of it.
2. The form of the lines is a contract (seed facts, "The balancer's command line and the
   runner"): scripts read them.

It must not import the scenarios or the player.
"""

import msgspec

from ollama_simulator.conformance.run import Check

RULE = "-" * 38
MOST = 3
"""Reasons shown after the first."""
BANNER = "\n".join(["=" * 38, "  Ollama Load Balancer Test Suite", "=" * 38])


class Result(msgspec.Struct, frozen=True):
    """One scenario played."""

    name: str
    seconds: float
    checks: tuple[Check, ...]
    error: str | None = None
    """What went wrong with the suite itself; then nothing is said about the balancer."""
    claim: str = ""

    @property
    def passed(self) -> bool:
        """Whether everything that was checked held, and something was checked."""
        return self.error is None and bool(self.checks) and all(c.held for c in self.checks)

    @property
    def reasons(self) -> list[str]:
        """Why it did not pass, the likely cause first."""
        if self.error is not None:
            return [self.error]
        broken = [check for check in self.checks if not check.held]
        if not broken:
            return ["nothing was checked"]
        return [f"{each.what}: expected {each.expected}, got {each.actual}" for each in broken]


def line(result: Result) -> str:
    """One scenario in the report: what it claims, and what spoke against it, if it failed."""
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
    return "\n".join(lines)


def summary(results: list[Result], seconds: float) -> str:
    """The end of the report."""
    passed = sum(result.passed for result in results)
    total = f"Total: {passed} passed, {len(results) - passed} failed"
    return "\n".join([RULE, total, f"Duration: {seconds:.2f}s", RULE])
