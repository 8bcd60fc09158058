"""The report as a page in Markdown: the numbers, and the evidence of each case that failed.

It must not import the player.
"""

from ollama_simulator.conformance.report import Report, Result, Verdict
from ollama_simulator.conformance.reporters import words
from ollama_simulator.conformance.reporters.reporter import reporter

TOLD = (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.VACUOUS)


@reporter("markdown")
def markdown(report: Report) -> str:
    """What was judged and how, then each case that has something to tell."""
    who = report.subject
    lines = [
        f"# {words.subject(report)}",
        "",
        f"Judged on {report.date} by load_balancer_test {report.suite}, seed {report.seed}, "
        f"Python {report.python}, {report.platform}, in {report.seconds:.0f} s.",
        "",
    ]
    if who.home:
        lines += [f"It comes from {who.home}.", ""]
    lines += [f"- {line}" for line in words.summary(report)]
    if who.features:
        lines += ["", f"It is taken to claim: {', '.join(who.features)}."]
    if who.configuration:
        lines += [
            "",
            "How it was started, and its configuration (of the first case; the time-out "
            "and the ports differ from case to case):",
            "",
            *_block(who.configuration),
        ]
    told = [each for each in report.results if each.verdict in TOLD]
    if told:
        lines += ["", "## What was observed"]
    for result in told:
        lines += ["", *_evidence(result)]
    numbers = [each for each in report.results if each.figures and each.verdict not in TOLD]
    if numbers:
        lines += ["", "## Figures of the cases that passed", ""]
        lines += [f"- `{each.id}`: {words.figures(each)}" for each in numbers]
    return "\n".join(lines) + "\n"


def anchor(case: str) -> str:
    """Where the evidence of a case stands on the page."""
    return case.replace(".", "-")


def _evidence(result: Result) -> list[str]:
    lines = [
        f'### <a id="{anchor(result.id)}"></a>`{result.id}`: {words.word(result)} '
        f"({result.level.value})",
        "",
        f"Claim: {result.claim}",
        "",
        *(f"- {_inline(reason)}" for reason in words.reasons(result)),
    ]
    if told := words.figures(result):
        lines += ["", f"Figures: {told}."]
    if result.advice:
        lines += ["", f"Advice: {result.advice}"]
    if rows := words.time_line(words.excerpt(result)):
        lines += ["", *_block("\n".join(rows))]
    return lines


def _inline(text: str) -> str:
    """Text that Markdown must not take for markup."""
    return "".join(f"\\{each}" if each in "\\`*_<>[]|#" else each for each in text)


def _block(text: str) -> list[str]:
    fence = "```"
    while fence in text:
        fence += "`"
    return [fence, *text.splitlines(), fence]
