"""The report as JUnit XML, as CI systems read it.

A MUST that failed is a `failure`. What could not be judged is an `error`, what was not played is
`skipped`. A SHOULD that failed is `skipped`, too, with the warning as its message: it must not
turn a build red. A TELL is a test that passed, and says in `system-out` what it told.

It must not import the player.
"""

import re
from collections.abc import Iterable
from xml.etree import ElementTree

from ollama_simulator.conformance.report import Level, Report, Result, Verdict
from ollama_simulator.conformance.reporters import console, words
from ollama_simulator.conformance.reporters.reporter import reporter

UNCLEAR = (Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.VACUOUS)
NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
UNPLAYED = (Verdict.SKIPPED, Verdict.BLOCKED)


@reporter("junit")
def junit(report: Report) -> str:
    """A suite for each group of cases."""
    root = ElementTree.Element("testsuites", _numbers(report.results))
    root.set("name", f"load_balancer_test {words.subject(report)}")
    for group in dict.fromkeys(result.group for result in report.results):
        results = [each for each in report.results if each.group == group]
        suite = ElementTree.SubElement(root, "testsuite", _numbers(results))
        suite.set("name", group)
        suite.set("timestamp", report.date.removesuffix("Z"))
        for result in results:
            suite.append(_case(result))
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{_printable(text)}\n'


def _numbers(results: Iterable[Result]) -> dict[str, str]:
    results = list(results)
    kinds = [_kind(each) for each in results]
    return {
        "tests": str(len(results)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
        "time": f"{sum(each.seconds for each in results):.3f}",
    }


def _kind(result: Result) -> str:
    if result.verdict in UNPLAYED:
        return "skipped"
    if result.level is Level.TELL or result.passed:
        return ""
    if result.verdict in UNCLEAR:
        return "error"
    return "failure" if result.level is Level.MUST else "skipped"


def _case(result: Result) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase",
        {
            "classname": result.id.rpartition(".")[0],
            "name": result.id,
            "time": f"{result.seconds:.3f}",
        },
    )
    if kind := _kind(result):
        first = words.reasons(result)[0]
        warns = result.level is Level.SHOULD and result.verdict is Verdict.FAIL
        message = f"SHOULD: {first}" if warns else first
        what = ElementTree.SubElement(case, kind, {"message": message})
        if kind != "skipped":
            what.set("type", result.verdict.value)
            what.text = console.entry(result)
    if not kind or result.level is Level.SHOULD:
        ElementTree.SubElement(case, "system-out").text = console.entry(result)
    return case


def _printable(text: str) -> str:
    """What XML 1.0 may not hold is left out (section 2.2)."""
    return NO_XML.sub("", text)
