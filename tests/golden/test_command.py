"""The command: what it says, and with which status it ends."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ollama_simulator.golden import command
from ollama_simulator.golden.compare import Difference
from ollama_simulator.golden.earlier import Earlier
from ollama_simulator.golden.exceptions import Excused
from ollama_simulator.golden.play import Outcome
from ollama_simulator.golden.recording import Recording
from tests.golden.making import native

WRONG = native(name="liveness/wrong", response=native()["response"] | {"framing": "close"})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """One record that is identical, and one that isn't."""
    path = tmp_path / "some.jsonl"
    path.write_text(f"{json.dumps(native())}\n{json.dumps(WRONG)}\n", encoding="utf-8")
    return path


def ran(*words: Any) -> tuple[int, list[str]]:
    """Exit status and lines of the command."""
    app = typer.Typer()
    app.command()(command.golden)
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output.splitlines()


def test_the_records_of_the_guide_are_identical(tmp_path: Path) -> None:
    """They are what recordings of one's own begin with."""
    guide = (Path(__file__).parents[2] / "docs" / "golden.md").read_text(encoding="utf-8")
    path = tmp_path / "guide.jsonl"
    path.write_text(guide.partition("```json\n")[2].partition("```")[0], encoding="utf-8")
    assert ran(path) == (0, ["2 of 2 identical"])


def test_a_difference(file: Path) -> None:
    """One line for it, the count, and status 1."""
    status, lines = ran(file)
    assert status == 1
    assert lines == [
        f"liveness/wrong {file}:2: framing: expected close, got content-length",
        "1 of 2 identical",
    ]


def test_only_some(file: Path) -> None:
    """By the beginnings of names; all identical is status 0."""
    assert ran(file, "--only", "liveness/v") == (0, ["1 of 1 identical"])
    assert ran(file, "--only", "liveness/v", "--only", "liveness/w")[0] == 1
    status, lines = ran(file, "--only", "nope")
    assert (status, lines) == (2, ["error: --only: no record's name begins with nope"])


def test_details(file: Path) -> None:
    """Both answers in full, of records that differ."""
    _, lines = ran(file, "--details")
    assert lines[1:4] == ["  --- expected ---", "  HTTP/1.1 200 OK", lines[3]]
    assert lines.count("  --- actual ---") == 1
    assert "  (close, complete, then open)" in lines
    assert "  (content-length, complete, then open)" in lines
    assert lines.count("""  b'{"version":"0.33.0-rc2"}'""") == 2


def test_a_summary(file: Path) -> None:
    """The count of each group."""
    assert "liveness    1/2" in ran(file, "--summary")[1]


def test_exceptions(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may differ, and are told as what they are."""
    excused = Excused("some.jsonl", 2, "liveness/wrong", "Because.")
    monkeypatch.setattr(command, "exceptions", lambda: (excused,))
    status, lines = ran(file)
    assert status == 0
    assert "(excused): framing" in lines[0]
    assert lines[1] == "1 of 2 identical, 1 excused (see --list-exceptions)"
    assert ran("--list-exceptions") == (0, ["some.jsonl:2 liveness/wrong: Because."])


def test_an_exception_that_is_identical(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as identical."""
    excused = Excused("some.jsonl", 1, "liveness/version", "Because.")
    monkeypatch.setattr(command, "exceptions", lambda: (excused,))
    assert ran(file)[1][-1] == "1 of 2 identical"


def test_bad_input(file: Path, tmp_path: Path) -> None:
    """Nothing is replayed, and the culprit is named."""
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{}\n", encoding="utf-8")
    status, lines = ran(file, bad)
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith(f"error: {bad}:1: not a recording: ")
    assert ran(tmp_path / "nothing.jsonl")[0] == 2
    assert ran() == (2, ["error: name at least one file of recordings (see --help)"])


def test_what_depends_on_time_is_replayed_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the others are done; and everything once, whatever comes of it."""
    path = tmp_path / "some.jsonl"
    states = (
        "plain is loading: not listed",
        "any state",
        "plain is loading: not listed",
        "any state",
    )
    records = [native(name=f"ps/{n}", setup=f"server main; {s}") for n, s in enumerate(states)]
    path.write_text("".join(json.dumps(each) + "\n" for each in records), encoding="utf-8")
    order: list[tuple[str, int]] = []
    running = 0

    async def play(recording: Recording, earlier: Earlier) -> Outcome:
        nonlocal running
        running += 1
        await asyncio.sleep(0)
        order.append((recording.name, running))
        running -= 1
        return Outcome(recording, (Difference("body", "a", "b"),))

    monkeypatch.setattr(command, "play", play)
    status, lines = ran(path)
    assert order == [("ps/1", 2), ("ps/3", 1), ("ps/0", 1), ("ps/2", 1)]
    assert (status, lines[-1]) == (1, "0 of 4 identical")
