"""The benchmark of the pace: it runs, and its columns are those of the guide."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "pace.md").read_text(encoding="utf-8")


def test_it_measures_each_arrangement() -> None:
    """A small one, for half a second: there is a line for each profile, with all its numbers."""
    options = "--servers 2 --slots 2 --seconds 0.5 --warm-up 1 --rounds 1"
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "pacing.py"), *options.split()],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    _, title, head, *lines = done.stdout.splitlines()
    assert title == "4 streams of 65 tokens a second, 2 servers of 2 slots, 0.5 s"
    assert [line.split()[0] for line in lines] == [
        "seed",
        "ten-slots",
        "bare",
        "seed:",
        "ten-slots:",
    ]
    for line in lines[:3]:
        assert len(line.split()) == 9
        assert float(line.split()[1]) > 0
    for line in lines[3:]:
        assert re.fullmatch(
            r"\S+: [0-9.]+ times the CPU of bare servers, [+-][0-9.]+ us/token", line
        )
    columns = {name for name in re.split(r"\s+", head) if name not in ("profile", "ms")}
    told = {name for row in re.findall(r"^\| (`.*?) \|", GUIDE, re.M) for name in row.split(", ")}
    assert {f"`{name}`" for name in columns} == told
