"""What the guide says of loads is true."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from ollama_simulator.cli.load import load
from ollama_simulator.load import answer, report
from ollama_simulator.load.dialects import DIALECTS
from ollama_simulator.load.document import VERSION, Document, Times
from ollama_simulator.load.locust_options import HELP
from ollama_simulator.load.sample import Limits

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "load.md").read_text(encoding="utf-8")
ALONE = GUIDE.partition("## More than one machine")[0]
"""What is said of one process."""
OPTIONS = inspect.signature(load).parameters
KINDS = {
    *answer.BEFORE.values(),
    *answer.WITHIN.values(),
    answer.NO_LAST_LINE,
    answer.ERROR_LINE,
    answer.NOT_SENT,
}


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "url"])
def test_every_option_stands_there(name: str) -> None:
    assert f"`--{name.replace('_', '-')}`" in GUIDE


def test_defaults_are_told_truly() -> None:
    """Those that stand in brackets after their option."""
    found = dict(re.findall(r"`--([\w-]+)` \(`?([^)`]+)`?\)", ALONE))
    assert set(found) == {
        *("requests", "duration", "timeout", "in-flight", "api", "model", "ttft", "gap")
    }
    assert (found.pop("ttft"), found.pop("gap")) == (
        f"{Limits().ttft:g} s",
        f"{Limits().gap:g} s",
    )
    for name, value in found.items():
        default = OPTIONS[name.replace("-", "_")].default
        assert value == (default if isinstance(default, str) else f"{default:,.0f}"), name


@pytest.mark.parametrize("name", [*Document.__struct_fields__, *Times.__struct_fields__])
def test_every_field_of_the_document_stands_there(name: str) -> None:
    assert f"`{name}`" in GUIDE


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_kind_of_error_stands_there(kind: str) -> None:
    assert f"`{kind}`" in GUIDE


@pytest.mark.parametrize("why", report.ENDS)
def test_every_end_stands_there(why: str) -> None:
    assert f"`{why}`" in GUIDE


def test_dialects_with_their_paths() -> None:
    for name, dialect in DIALECTS.items():
        assert re.search(rf"`{name}` is `{re.escape(dialect.path)}`", GUIDE), name


def test_options_of_locust_are_those_of_the_command() -> None:
    """They have the same names, but for one that Locust has taken."""
    assert {name for name in HELP if name not in OPTIONS} == {"load_json"}
    assert "`--load-json`" in GUIDE


def test_the_version() -> None:
    assert f"| `version` | {VERSION}." in GUIDE


def test_the_picture_of_the_readme_has_every_row() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    picture = next(block for block in blocks if "TTFT" in block)
    rows = ["TTFT", "  first turns", "  later turns", "gap", "end to end", "own lateness"]
    for row in rows:
        assert re.search(rf"^{row} +\d+ ", picture, re.MULTILINE), row
