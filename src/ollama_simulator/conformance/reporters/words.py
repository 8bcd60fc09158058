"""What all reporters say in the same words: marks, reasons, excerpts of a time line.

It must not import the player.
"""

from collections import Counter
from collections.abc import Iterable

from ollama_simulator.conformance.report import Level, Moment, Report, Result, Verdict

AROUND = 12
"""Moments before and after the failed check that an excerpt shows."""
MOST = 4
"""Failed checks that are shown; the rest is counted."""

MARKS = {
    Verdict.PASS: "+",
    Verdict.FAIL: "x",
    Verdict.SKIPPED: "-",
    Verdict.BLOCKED: "/",
    Verdict.INCONCLUSIVE: "?",
    Verdict.VACUOUS: "0",
    Verdict.ERROR: "E",
}


def mark(result: Result) -> str:
    """One character for a result. A SHOULD that failed warns (`!`); a TELL says `y` or `n`."""
    if result.level is Level.TELL and result.verdict in (Verdict.PASS, Verdict.FAIL):
        return "y" if result.passed else "n"
    if result.level is Level.SHOULD and result.verdict is Verdict.FAIL:
        return "!"
    return MARKS[result.verdict]


def word(result: Result) -> str:
    """The verdict, in the words of its level."""
    if result.level is Level.TELL and result.verdict in (Verdict.PASS, Verdict.FAIL):
        return "yes" if result.passed else "no"
    return result.verdict.value


def reasons(result: Result) -> list[str]:
    """Why it did not pass: the first few, the rest counted."""
    every = result.reasons
    if len(every) <= MOST + 1:
        return every
    return [*every[:MOST], f"and {len(every) - MOST} checks more"]


def figures(result: Result) -> str:
    """The numbers beside the verdict, in one line; empty if there are none."""
    return ", ".join(
        f"{each.name} {each.value:g}{' ' + each.unit if each.unit else ''}"
        for each in result.figures
    )


def excerpt(result: Result) -> list[Moment]:
    """The moments around the first check that did not hold: of the requests that it is about as
    far as one can tell, by time."""
    moments = list(result.moments)
    if len(moments) <= 2 * AROUND:
        return moments
    when = result.broken[0].t if result.broken else moments[-1].t
    at = sum(moment.t <= when for moment in moments)
    first = max(0, min(at - AROUND, len(moments) - 2 * AROUND))
    return moments[first : first + 2 * AROUND]


def time_line(moments: Iterable[Moment]) -> list[str]:
    """Both journals in columns: the time in seconds, who, which request, what."""
    rows = list(moments)
    side = max((len(row.side) for row in rows), default=0)
    request = max((len(row.request) for row in rows), default=0)
    return [
        f"{row.t:9.3f}  {row.side:<{side}}  {row.request:<{request}}  {row.what}".rstrip()
        for row in rows
    ]


def summary(report: Report) -> list[str]:
    """How many cases have which verdict, level by level."""
    lines = []
    for level in Level:
        results = [each for each in report.results if each.level is level]
        if results:
            counts = Counter(word(each) for each in results)
            told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
            lines.append(f"{level.value}: {told}")
    return lines


def subject(report: Report) -> str:
    """What was judged, in words."""
    who = report.subject
    name = f"{who.name}:{who.variant}" if who.variant else who.name
    return f"{name} {who.version}".strip()
