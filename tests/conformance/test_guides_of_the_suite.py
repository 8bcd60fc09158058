"""What the pages on the suite say is true: options, fields, verdicts, features."""

import re
from pathlib import Path

import msgspec
import pytest

from ollama_simulator.conformance import feature, report
from ollama_simulator.conformance.scenario import known
from ollama_simulator.conformance.select import selected

ROOT = Path(__file__).resolve().parents[2]
SUITE = (ROOT / "docs" / "suite.md").read_text(encoding="utf-8")
REPORT = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [report.Report, report.Result, report.Check, report.Subject])
def test_every_field_of_a_report_stands_there(kind: type[msgspec.Struct]) -> None:
    """Whoever adds one tells of it."""
    for field in msgspec.structs.fields(kind):
        assert f"`{field.encode_name}`" in REPORT, field.encode_name


def test_every_verdict_and_level_stands_there() -> None:
    """In the order in which they count."""
    verdicts = re.findall(r"^\| `(\w+)` \|", SUITE, re.MULTILINE)
    assert verdicts == [each.value for each in report.Verdict]
    levels = re.findall(r"^\| ([A-Z]+) \|", SUITE, re.MULTILINE)
    assert levels == [each.value for each in report.Level]


def test_the_examples_select_something() -> None:
    """Each group, scenario and word of the page is there."""
    cases = known()
    for line in re.findall(r"^load_balancer_test ([\w. -]+?)  +", SUITE, re.MULTILINE):
        ids = [word for word in line.split() if word.islower() and not word.startswith("-")]
        if ids and "balancer" not in line:
            assert selected(cases, ids)
    assert selected(cases, words="chat rst")


def test_the_claims_of_the_page_are_features() -> None:
    """`--claim` takes them."""
    for words in re.findall(r"--claim ([\w,-]+)", SUITE):
        assert feature.read(word.lstrip("-") for word in words.split(","))
