"""The benchmarks: each runs, and prints its rows. What they measure is not judged here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ollama_simulator.conformance.report import Level, Report, Result, Subject, Verdict

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "benchmarks"
NUMBER = r"-?[0-9.,]+"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the bare servers need uvloop")


def play(program: str, *arguments: str) -> list[str]:
    """What a program prints."""
    done = subprocess.run(
        [sys.executable, str(FOLDER / program), *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(("program", "unit"), [("tags.py", "requests"), ("stream.py", "chunks")])
def test_beside_a_bare_server(program: str, unit: str) -> None:
    """A row for each side, and both ratios. No simulator is faster than what does nothing."""
    lines = play(program, "--seconds", "0.4", "--slices", "2", "--connections", "5")
    head, *rows = lines[2:5]
    assert head.split()[0] == f"{unit}/s"
    assert [row.split()[0] for row in rows] == ["ours", "bare"]
    for row in rows:
        assert all(re.fullmatch(f"{NUMBER}%?", word) for word in row.split()[1:]), row
    ratios = [re.fullmatch(rf"ratio by (.*): ({NUMBER}) \(.*\)", line) for line in lines[5:7]]
    assert [found and found[1] for found in ratios] == ["the clock", "CPU time"]
    assert ratios[1] is not None
    assert 0 < float(ratios[1][2]) < 1


def test_a_profile_names_our_functions() -> None:
    """Behind the table."""
    lines = play("tags.py", "--seconds", "0.4", "--slices", "1", "--connections", "5", "--profile")
    assert any("data_received" in line or "at_once" in line for line in lines)


def test_fleets() -> None:
    """A row for each thing that is measured, with what is to be reached."""
    lines = play("fleet.py", "--servers", "5", "--seconds", "0.2", "--times", "1")
    rows = {re.split(r"\s{2,}", line)[0]: line for line in lines[2:]}
    assert list(rows) == [
        *("5 servers: all listen", "5 servers: memory", "5 servers: idle CPU"),
        *("3 servers: first answer", "3 servers: control API"),
        *("package imported", "all that serves imported"),
    ]
    for line in rows.values():
        assert re.search(rf" {NUMBER} (s |MB|% ) +(< {NUMBER}|-) +{NUMBER} to {NUMBER}$", line), (
            line
        )


def test_costs(tmp_path: Path) -> None:
    """A row for each, and the same as JSON."""
    file = tmp_path / "costs.json"
    lines = play("costs.py", "--sizes", "10", "20", "--seconds", "0.3", "--json", str(file))
    told = json.loads(file.read_text())["costs"]
    names = [name for name in told if any(line.startswith(name) for line in lines)]
    assert names == [
        *("token, us CPU", "request, us CPU", "connection, KB", "connection, us CPU"),
        *("server, KB", "server, us CPU/s"),
    ]
    assert all(list(costs) == ["10", "20"] for costs in told.values())
    assert told["token, us CPU"]["20"] > 0
    assert told["request, us CPU"]["20"] > 0
    head, *rows = play("costs.py", "--kinds", "--seconds", "0.1")[1:]
    costs = {what: float(cost) for what, cost in (re.split(r"\s{2,}", row) for row in rows)}
    assert head.split() == ["a", "request", "us", "CPU"]
    assert len(costs) == 10
    for vain in ("", ", five rules in vain"):
        at_once, chat = costs[f"GET /api/tags{vain}"], costs[f"chat of 30 tokens as a stream{vain}"]
        assert 0 < at_once < chat


def test_workers() -> None:
    """A row for each program, and the ratio. The work of a worker is not done for nothing."""
    arguments = ("--servers", "2", "--connections", "3", "--seconds", "0.6", "--slices", "2")
    lines = play("workers.py", *arguments)
    assert lines[2].split()[0] == "requests/s"
    rows = [re.split(r"\s{2,}", line) for line in lines[3:6]]
    assert [row[0] for row in rows] == ["one process", "2 workers", "2 apart"]
    one, several, apart = ([float(word.replace(",", "")) for word in row[1:]] for row in rows)
    assert min(*one[:3], *several, *apart[:3]) > 0 == one[3] == apart[3]
    for name, line in zip(("workers", "apart"), lines[6:8], strict=True):
        found = re.fullmatch(rf"requests per CPU-second, {name}: ({NUMBER}) of one .*", line)
        assert found is not None
        assert float(found[1]) > 0


def test_a_soak() -> None:
    """Every kind of outcome is met, and the memory is told. Of its servers one has rules, so that
    the other answers at once."""
    lines = play("soak.py", "--seconds", "4", "--rate", "200", "--connections", "20")
    assert re.match(rf"{NUMBER} requests a second for 4 s: ", lines[1])
    for outcome in ("asked", "answered", "ended"):
        assert re.search(rf" {NUMBER} {outcome}", lines[1]), lines[1]
    assert re.match(rf"memory from second 1 to 2: {NUMBER} MB; in the last 1 s: ", lines[2])


def test_where_the_time_of_the_suite_went(tmp_path: Path) -> None:
    """Cases that were not played took none."""

    def result(name: str, seconds: float, plays: int = 1) -> Result:
        return Result(name, name, "", Level.MUST, Verdict.PASS, seconds, plays=plays)

    results = (result("a.one", 1.0), result("b.two", 3.0, 2), result("b.three", 2.0))
    report = Report(
        Subject("x"),
        suite="1",
        seed=0,
        platform="p",
        python="3",
        date="2026-01-01T00:00:00Z",
        seconds=2.0,
        timeout_scale=1.0,
        results=(*results, result("c.four", 0.0, 0)),
    )
    file = tmp_path / "report.json"
    file.write_bytes(msgspec.json.encode(report))
    lines = play("suite.py", str(file))
    assert lines[0] == (
        "3 cases of 4 played in 2.0 s; together they took 6.0 s: 3.0 at a time on average"
    )
    assert lines[1] == "1 were played again"
    assert [line.split() for line in lines[4:6]] == [
        ["b", "2", "5.0", "83.3%", "3.0"],
        ["a", "1", "1.0", "16.7%", "1.0"],
    ]
    assert [line.split()[0] for line in lines[8:]] == ["b.two", "b.three", "a.one"]
    file.write_text("{}")
    with pytest.raises(AssertionError, match="a report of format None"):
        play("suite.py", str(file))
