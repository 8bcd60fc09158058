"""Each reporter is a pure function, and its form is kept by a golden file.

A golden that is no longer right is written anew by hand: run the reporter on `sample.REPORT`.
"""

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from ollama_simulator.conformance import matrix, picture
from ollama_simulator.conformance.report import Level, Report, Verdict, lean, status
from ollama_simulator.conformance.reporters.json import BadReport, read, schema
from ollama_simulator.conformance.reporters.reporter import known, reporter
from tests.conformance.reporters.sample import MOMENTS, REPORT

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
BUILT_IN = ("console", "html", "json", "junit", "markdown")
"""Others may be loaded by other tests, from outside."""


def test_every_reporter_has_a_golden() -> None:
    """A new one has to bring its own."""
    ours = [name for name, write in known().items() if write.__module__.startswith("ollama")]
    assert tuple(ours) == BUILT_IN


@pytest.mark.parametrize("name", BUILT_IN)
def test_golden(name: str) -> None:
    """What a reporter writes, letter for letter."""
    assert known()[name](REPORT) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_two_of_one_name() -> None:
    """The error names both files."""
    with pytest.raises(ValueError, match=r"two reporters are called junit: in ollama.*test_rep"):
        reporter("junit")(lambda report: "")


def test_json_is_read_back(tmp_path: Path) -> None:
    """Nothing is lost."""
    path = tmp_path / "report.json"
    path.write_text(known()["json"](REPORT), encoding="utf-8")
    assert read(path) == REPORT


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no report"),
        ("[]", "format None"),
        ('{"format": 99}', "format 99; format 1 can be read"),
        ('{"format": 1}', "missing required field `subject`"),
    ],
)
def test_what_is_no_report(tmp_path: Path, text: str, words: str) -> None:
    """The error names the file, and what is wrong."""
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(BadReport, match=rf"report.json: .*{re.escape(words)}"):
        read(path)


def test_no_such_report(tmp_path: Path) -> None:
    """Nor is it a report if it isn't there."""
    with pytest.raises(BadReport, match="No such file"):
        read(tmp_path / "nothing.json")


def test_the_schema_knows_every_field() -> None:
    """Of a result, at least."""
    fields = schema()["$defs"]["Result"]["properties"]
    assert set(fields) == {
        field.encode_name for field in msgspec.structs.fields(type(REPORT.results[0]))
    }


def test_junit_counts() -> None:
    """One failure (the MUST), three errors, and what warns or was not played is skipped."""
    root = ElementTree.fromstring(known()["junit"](REPORT).partition("\n")[2])
    numbers = [root.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert numbers == ["10", "1", "3", "3"]
    assert [each.get("name") for each in root.iter("testcase") if each.find("failure")] == []
    assert [
        each.get("name") for each in root.iter("testcase") if each.find("failure") is not None
    ] == ["cut.chat"]


def test_junit_has_no_control_characters() -> None:
    """XML can't hold them, and a balancer may answer them."""
    result = msgspec.structs.replace(REPORT.results[0], reason="\x00\x1b[31m\ud800\uffff")
    report = msgspec.structs.replace(REPORT, results=(result,))
    ElementTree.fromstring(known()["junit"](report).partition("\n")[2])


class _Links(HTMLParser):
    """Collects what a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: "list[tuple[str, str | None]]") -> None:
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href", "action")]


def test_html_asks_nobody() -> None:
    """One file: no script, style or picture from elsewhere, and what a balancer said is text."""
    for page in (known()["html"](REPORT), matrix.html([REPORT, REPORT])):
        links = _Links()
        links.feed(page)
        assert links.fetched == []
        assert "url(" not in page
        assert "@import" not in page
        assert "<120>" not in page
        assert "prefers-color-scheme: dark" in page


def test_the_picture_shows_both_sides() -> None:
    """A lane and a bar for each, the fault, and when the check failed."""
    drawn = picture.svg(MOMENTS, 0.41)
    root = ElementTree.fromstring(drawn)
    kinds = [each.get("class") for each in root.iter()]
    assert kinds.count("lane") == 2
    assert kinds.count("bar") == 2
    assert kinds.count("struck") == 1
    assert kinds.count("failed") == 1
    assert picture.svg(()) == ""


def _only(level: Level, *verdicts: Verdict) -> Report:
    result = msgspec.structs.replace(REPORT.results[0], level=level)
    results = tuple(msgspec.structs.replace(result, verdict=verdict) for verdict in verdicts)
    return msgspec.structs.replace(REPORT, results=results)


@pytest.mark.parametrize(
    ("report", "plain", "strict"),
    [
        (_only(Level.MUST, Verdict.PASS, Verdict.SKIPPED), 0, 0),
        (_only(Level.MUST, Verdict.PASS, Verdict.FAIL, Verdict.ERROR), 1, 1),
        (_only(Level.SHOULD, Verdict.PASS, Verdict.FAIL), 0, 1),
        (_only(Level.TELL, Verdict.PASS, Verdict.FAIL), 0, 0),
        (_only(Level.MUST, Verdict.PASS, Verdict.INCONCLUSIVE), 2, 2),
        (_only(Level.SHOULD, Verdict.PASS, Verdict.INCONCLUSIVE), 0, 2),
        (_only(Level.MUST, Verdict.SKIPPED), 2, 2),
        (_only(Level.MUST), 2, 2),
    ],
)
def test_exit_status(report: Report, plain: int, strict: int) -> None:
    """1 for what failed, 2 for what could not be judged, or if nothing was."""
    assert (status(report), status(report, strict=True)) == (plain, strict)


def test_matrix_of_two() -> None:
    """A column for each, and the cases that differ are named."""
    changed = [
        msgspec.structs.replace(each, verdict=Verdict.PASS) if each.id == "cut.chat" else each
        for each in REPORT.results[:-1]
    ]
    other = msgspec.structs.replace(REPORT, results=tuple(changed))
    assert matrix.differences([REPORT, REPORT]) == []
    assert matrix.differences([REPORT, other]) == ["cut.chat", "time.error"]
    lines = matrix.text([REPORT, other]).splitlines()
    assert lines[:2] == ["  1  example:tuned 1.2", "  2  example:tuned 1.2"]
    assert "cut.chat      x  +" in lines
    assert "time.error    E" in lines
    page = matrix.page([REPORT, other], matrix.anchored)
    assert "| `cut.chat` | [`x`](example-tuned.md#cut-chat) | `+` |" in page
    assert "| example:tuned | 1.2 | 2026-11-29 | 1 | 1 | 1 | 1 | 1 | 1 | 4 |" in page
    assert '<a id="cut-chat"></a>' in known()["markdown"](REPORT)


def test_a_lean_report_keeps_what_tells_something() -> None:
    """Only the checks of what passed are gone."""
    for whole, kept in zip(REPORT.results, lean(REPORT).results, strict=True):
        assert kept.checks == (() if whole.passed else whole.checks)
        assert msgspec.structs.replace(kept, checks=whole.checks) == whole
