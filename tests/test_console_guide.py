"""What the guide to the console shows is what is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from ollama_simulator import records
from ollama_simulator.cli.simulator import LOGS
from ollama_simulator.console.draw import COLUMNS
from tests.test_guides import blocks

GUIDE = (Path(__file__).parent.parent / "docs" / "console.md").read_text(encoding="utf-8")
JSON = [line for text in blocks(GUIDE, "json") for line in text.splitlines()]


def test_every_form_stands_there() -> None:
    for log in LOGS[1:]:
        assert f"`{log}`" in GUIDE


def test_every_column_stands_there() -> None:
    (view,) = blocks(GUIDE, "")
    heads = view.splitlines()[1]
    assert re.split(r"  +", heads) == [column.head for column in COLUMNS]


@pytest.mark.parametrize("line", [line for line in JSON if '"kind":"Started"' not in line])
def test_records_are_written_so(line: str) -> None:
    """Every field, in this order; in a file behind the index."""
    line = re.sub(r'^{"index":\d+,', "{", line)
    kind = getattr(records, json.loads(line)["kind"])
    assert msgspec.json.encode(msgspec.json.decode(line, type=kind)).decode() == line


def test_the_first_line_is_no_record() -> None:
    assert json.loads(JSON[0])["kind"] == "Started"
    assert not hasattr(records, "Started")
