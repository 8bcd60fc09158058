"""What the guide to the dashboard says is true: its commands are taken, its keys are those of the
page, and its pictures are there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from tests.acceptance.program import Program

if TYPE_CHECKING:
    from playwright.sync_api import Page

DOCS = Path(__file__).resolve().parents[2] / "docs"
GUIDE = (DOCS / "dashboard.md").read_text(encoding="utf-8")
MOST_BYTES = 300_000


def test_the_commands_are_taken() -> None:
    """Each as printed, but for the port."""
    lines = re.findall(r"^curl .*$", GUIDE, re.MULTILINE)
    assert len(lines) == 2
    with Program("--control-port", "0", "--server-ports", "0,0,0") as program:
        statuses = []
        for line in lines:
            words = shlex.split(line)
            path = next(word for word in words if word.startswith("http")).split("11500")[1]
            body = json.loads(words[words.index("-d") + 1]) if "-d" in words else None
            statuses.append(program.control(words[words.index("-X") + 1], path, body).status)
        assert statuses == [201, 200]


def test_the_keys_are_those_of_the_page(page: Page) -> None:
    page.keyboard.press("?")
    listed = set(page.locator("#keys kbd").all_inner_texts()) - {"?", "← → ↑ ↓"}
    table = GUIDE.partition("## Keys")[2].partition("\n## ")[0]
    told = set(re.findall(r"`([^`]+)`", "".join(re.findall(r"^\| (.*?) \|", table, re.MULTILINE))))
    assert told - {"Home", "End"} == listed


def test_the_pictures_are_there_and_small() -> None:
    named = re.findall(r"!\[[^\]]+\]\((images/[^)]+)\)", GUIDE)
    assert len(named) >= 3
    for name in named:
        data = (DOCS / name).read_bytes()
        assert data.startswith(b"\x89PNG")
        assert len(data) <= MOST_BYTES, name
