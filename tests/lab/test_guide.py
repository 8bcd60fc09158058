"""What the guide to policies says is true: its programs run, its tables are complete."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ollama_simulator.cli import suite
from ollama_simulator.cli.program import sub_commands
from ollama_simulator.lab.policies import POLICIES, about

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", GUIDE, re.DOTALL)
PROGRAMS = [text for language, text in BLOCKS if language == "python"]
PRINTED = [text for language, text in BLOCKS if not language]
COMMANDS = [
    line.removeprefix("python3 run.py load_balancer_test ")
    for text in PRINTED
    for line in text.splitlines()
    if line.startswith("python3 run.py load_balancer_test")
]


def test_the_program_prints_what_it_says() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAMS[1]],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    shown = BLOCKS[BLOCKS.index(("python", PROGRAMS[1])) + 1][1]
    assert run.stdout == shown


def test_the_policy_is_played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(PROGRAMS[0])
    command = next(shlex.split(line) for line in COMMANDS if "mine.py" in line)
    app = sub_commands(suite.SUB_COMMANDS)
    try:
        result = CliRunner().invoke(app, [*command, "--hours", "0.05", "--seeds", "1"])
    finally:
        del POLICIES["two-choices"]
    assert result.exit_code == 0, result.output
    assert {"two-choices", "least-connections", "random"} == {
        row.split()[0] for row in result.output.splitlines()[2:]
    }


@pytest.mark.parametrize(
    "line", [line for line in COMMANDS if "mine.py" not in line and "1000" not in line]
)
def test_the_commands_are_taken(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each as printed, but for its length."""
    monkeypatch.chdir(tmp_path)
    app = sub_commands(suite.SUB_COMMANDS)
    short = ["--hours", "0.01", "--seeds", "1"]
    result = CliRunner().invoke(app, [*shlex.split(line), *short])
    assert result.exit_code == 0, result.output


def test_all_policies_stand_there_in_their_own_words() -> None:
    table = dict(re.findall(r"^\| `([a-z-]+)` \| ([A-Z].*\.) \|$", GUIDE, re.MULTILINE))
    assert table == {name: about(name) for name in POLICIES}


def test_all_options_stand_there() -> None:
    app = sub_commands(suite.SUB_COMMANDS)
    shown = CliRunner().invoke(app, ["policies", "--help"], env={"COLUMNS": "200"}).output
    options = set(re.findall(r"--[a-z0-9-]+", shown)) - {"--help"}
    (table,) = re.findall(r"\| Option \|.*?\n\n", GUIDE, re.DOTALL)
    assert options == set(re.findall(r"--[a-z][a-z0-9-]+", table))
