"""The report as plain lines, for terminals and logs.

It must not import the player.
"""

from collections import Counter

from ollama_simulator.conformance.report import Report, Result, Verdict
from ollama_simulator.conformance.reporters import words
from ollama_simulator.conformance.reporters.reporter import reporter

INDENT = "      "


@reporter("console")
def console(report: Report) -> str:
    """Each case, then what was skipped and why, then the numbers."""
    lines = [f"{words.subject(report)}, seed {report.seed}, {report.date}", ""]
    lines += [entry(result) for result in report.results if shown(result)]
    return "\n".join([*lines, "", ending(report)]) + "\n"


def shown(result: Result) -> bool:
    """Whether it has lines of its own: what was skipped is only counted."""
    return result.verdict is not Verdict.SKIPPED


def entry(result: Result) -> str:
    """One case: a line, and what a reader needs to understand a failure."""
    head = f"[{words.mark(result)}] {result.id} {result.level.value} ({result.seconds:.1f} s)"
    lines = [head]
    if told := words.figures(result):
        lines.append(f"{INDENT}{told}")
    if result.passed:
        return "\n".join(lines)
    lines += [f"{INDENT}Claim: {result.claim}"]
    lines += [f"{INDENT}{words.word(result)}: {reason}" for reason in words.reasons(result)]
    if result.advice:
        lines.append(f"{INDENT}Advice: {result.advice}")
    if result.verdict is not Verdict.BLOCKED:
        lines += [f"{INDENT}  {line}" for line in words.time_line(words.excerpt(result))]
    return "\n".join(lines)


def ending(report: Report) -> str:
    """What was skipped and why, and the numbers."""
    skipped = Counter(each.reason for each in report.results if not shown(each))
    lines = [f"[-] {count} skipped: {reason}" for reason, count in sorted(skipped.items())]
    if lines:
        lines.append("")
    lines += words.summary(report)
    lines.append(f"Duration: {report.seconds:.2f}s")
    return "\n".join(lines)
