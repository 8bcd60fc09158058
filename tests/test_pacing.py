"""The benchmark of the pace: it runs, and its columns are those of the guide."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
        numbers = [float(word.rstrip("%")) for word in line.split()[1:]]
        assert len(numbers) == 8
        _, _, _, p50, p99, most, *_ = numbers
        assert numbers[0] > 0
        assert 0 < p50 <= p99
        assert round(p99, 1) <= most + 0.1  # which has fewer digits
    for line in lines[3:]:
        assert re.fullmatch(
            r"\S+: [0-9.]+ times the CPU of bare servers, [+-][0-9.]+ us/token", line
        )
    columns = {name for name in re.split(r"\s+", head) if name not in ("profile", "ms")}
    told = {name for row in re.findall(r"^\| (`.*?) \|", GUIDE, re.M) for name in row.split(", ")}
    assert {f"`{name}`" for name in columns} == told


@pytest.fixture
def pacing(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The benchmark as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("pacing")


@pytest.mark.parametrize("most", [0, 3, 4, 5, 7, 8, 31, 100, 1000])
def test_how_many_hold(pacing: Any, most: int) -> None:
    """Those that are found do, and few more would."""
    found = pacing.most_that(lambda count: count <= most, 4)
    if most < 4:
        assert found == 0
    else:
        assert found <= most <= found + max(1, found // 16)


def test_how_many_streams_are_on_time(
    pacing: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each try has its line. Who was late once is tried again."""
    tried: list[tuple[str, int]] = []

    def measure(name: str, servers: int, slots: int, warm_up: float, seconds: float) -> Any:
        tried.append((name, servers))
        holds = servers <= (16 if name == "bare" else 12) and tried[-2:-1] != []
        late = 0.009 if holds else 0.010
        return pacing.Measured(1.0, [65.0], 65, (0.001, late, 0.02), 0.1)

    monkeypatch.setattr(pacing, "measure", measure)
    pacing.search(["seed", "bare"], 10, 0.5, 1.0)
    assert tried[:5] == [("seed", 4), ("seed", 4), ("seed", 8), ("seed", 16), ("seed", 16)]
    *_, ours, bare = lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(tried) + 2
    assert ours == "seed: 120 streams on time (p99 below 10 ms), 0.75 of the bare servers'"
    assert bare == "bare: 160 streams on time (p99 below 10 ms)"
    assert lines[1].split()[:2] == ["40", "seed"]
