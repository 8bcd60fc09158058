"""A kill matrix goes on where it stopped."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ollama_simulator.cli import suite
from ollama_simulator.cli.program import sub_commands
from ollama_simulator.conformance import kills
from ollama_simulator.conformance.flaws import flaw as flaws
from ollama_simulator.conformance.kept import BadRows, Kept
from ollama_simulator.conformance.report import Check, Level, Result, Verdict
from tests.conformance.making import case

PASSED = Result("a.one", "a.one", "It is so.", Level.MUST, Verdict.PASS, 0.5)
FAILED = Result(
    "a.one",
    "a.one",
    "It is so.",
    Level.MUST,
    Verdict.FAIL,
    0.5,
    checks=(Check("this", "1", "1", True), Check("that", "1", "2", False)),
)
CASE = "basics.relay.chat-whole"


def test_what_was_kept_is_there_again(tmp_path: Path) -> None:
    """The last row of a flaw counts; of checks only those that did not hold are kept."""
    path = tmp_path / "rows"
    with Kept(path, 0) as kept:
        assert kept.rows == {}
        kept.add("", [PASSED])
        kept.add("flaw", [PASSED])
        kept.add("flaw", [FAILED])
    with Kept(path, 0) as kept:
        assert list(kept.rows) == ["", "flaw"]
        (found,) = kept.rows["flaw"]
        assert found.verdict is Verdict.FAIL
        assert [check.what for check in found.checks] == ["that"]


def test_a_row_that_was_cut_off_is_played_again(tmp_path: Path) -> None:
    """What is added stands behind the last whole line."""
    path = tmp_path / "rows"
    with Kept(path, 0) as kept:
        kept.add("", [PASSED])
        kept.add("flaw", [FAILED])
    path.write_bytes(path.read_bytes()[:-30])
    with Kept(path, 0) as kept:
        assert list(kept.rows) == [""]
        kept.add("other", [PASSED])
    with Kept(path, 0) as kept:
        assert list(kept.rows) == ["", "other"]


def test_what_is_no_matrix_is_left_alone(tmp_path: Path) -> None:
    """The file is named, and stays as it was."""
    path = tmp_path / "rows"
    Kept(path, 7).__exit__(None, None, None)
    with pytest.raises(BadRows, match=r"with seed 7, not by suite .* with seed 0"):
        Kept(path, 0)
    for text, why in [
        ("a letter", "no rows of a kill matrix"),
        ("a letter\n", "line 1: no row of a kill matrix"),
        (path.read_text("utf-8") + '{"flaw": 3}\n', "line 2: no row of a kill matrix"),
    ]:
        path.write_text(text, "utf-8")
        with pytest.raises(BadRows, match=why):
            Kept(path, 7)
        assert path.read_text("utf-8") == text


def test_a_row_of_other_cases_is_played_again() -> None:
    """A case may have come since."""
    one = case("a.one")
    row = [PASSED]
    assert kills.fitting({"flaw": row}, {"flaw": [one]}) == {"flaw": row}
    assert kills.fitting({"flaw": row}, {"flaw": [one, one]}) == {}
    assert kills.fitting({"flaw": row}, {}) == {}


def test_the_command_goes_on(tmp_path: Path) -> None:
    """What the file has is not played; the page is made of all."""
    rows, page = tmp_path / "rows", tmp_path / "page.md"
    words = ["kills", "-k", CASE, "--keep", str(rows), "--markdown", str(page)]
    runner = CliRunner()

    def said(*more: str) -> str:
        result = runner.invoke(sub_commands(suite.SUB_COMMANDS), [*words, *more])
        assert result.exit_code == 0, result.output
        return result.output

    assert "0 of them are in" in said()
    first = rows.read_bytes()
    assert "cells: 1 cases" in said()
    assert rows.read_bytes() == first  # nothing was played
    said("--full", "--flaw", "buffers")
    added = rows.read_bytes()[len(first) :]
    assert added.count(b"\n") == 1
    assert added.startswith(b'{"flaw":"buffers"')
    said("--full", "--pages")
    count = 1 + len(flaws.known())
    assert page.read_text("utf-8").startswith(f"3 of {count} cells were played.")
    assert "| `buffers` |" in page.read_text("utf-8")
    assert rows.read_bytes() == first + added


def test_pages_need_both(tmp_path: Path) -> None:
    """An option without an effect is refused."""
    result = CliRunner().invoke(sub_commands(suite.SUB_COMMANDS), ["kills", "--pages"])
    assert result.exit_code == 2
    assert "both must be given" in result.output
