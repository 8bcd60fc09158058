"""What the guide to workers says is true."""

from __future__ import annotations

import shlex
from pathlib import Path

from ollama_simulator import records
from ollama_simulator.console.words import Words
from ollama_simulator.fleet_file import read
from ollama_simulator.fleet_types import MOST_WORKERS
from ollama_simulator.workers import process, spread, starting
from tests.acceptance.program import Program
from tests.test_guides import blocks

GUIDE = (Path(__file__).parent.parent / "docs" / "workers.md").read_text(encoding="utf-8")


def test_the_command_and_the_file(tmp_path: Path) -> None:
    """They start as many servers, whose workers are told."""
    (command,), (text,) = blocks(GUIDE, "bash"), blocks(GUIDE, "toml")
    file = tmp_path / "fleet.toml"
    file.write_text(text, encoding="utf-8")
    fleet = read(file)
    number = len(fleet.servers)
    words = ["--servers", str(number), "--workers", str(fleet.workers)]
    assert shlex.split(command)[1:] == words
    with Program("--control-port", "0", "--config", str(file)) as program:
        told = program.accepted("GET", "/servers")["servers"]
        assert [each["worker"] for each in told] == [1, 2] * (number // 2)


def test_the_lines() -> None:
    """Of a worker that ends; `tests/workers/test_killed.py` sees them printed."""
    (lines,) = blocks(GUIDE, "")
    lost, back = lines.splitlines()
    told = "number 1, process 4711, was ended by signal 9; it is started again"
    begun = records.Hindered(t=1, server="", what="worker", detail=told)
    over = records.Eased(t=2, server="", what="worker", seconds=0.9)
    assert [lost, back] == [f"warning: {(Words().of(each) or ('',))[-1]}" for each in (begun, over)]


def test_the_times() -> None:
    assert spread.REST_S == 1 / 20
    assert "a twentieth of a second" in GUIDE
    assert (starting.FIRST_REST_S, starting.LONGEST_REST_S) == (0.2, 5.0)
    assert "0.2 seconds, 0.4, and so on up to 5" in GUIDE
    assert process.PATIENCE_S == 10
    assert "ten seconds at most" in GUIDE


def test_how_many() -> None:
    assert f"There can be {MOST_WORKERS}." in GUIDE
