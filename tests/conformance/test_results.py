"""The pages of a folder of reports."""

from pathlib import Path

from typer.testing import CliRunner

from ollama_simulator.cli import suite
from ollama_simulator.cli.program import sub_commands
from ollama_simulator.conformance.reporters.json import json
from tests.conformance.reporters.sample import REPORT


def made(folder: Path) -> str:
    """The page that the command makes."""
    words = ["results", str(folder), "--pages"]
    result = CliRunner().invoke(sub_commands(suite.SUB_COMMANDS), words)
    assert result.exit_code == 0, result.output
    return (folder / "README.md").read_text("utf-8")


def test_pages_are_made_from_reports(tmp_path: Path) -> None:
    """One for each, and the matrix, whose failing cells link to their evidence."""
    (tmp_path / "one.json").write_text(json(REPORT), "utf-8")
    page = made(tmp_path)
    assert "Beside it" not in page
    (other,) = [each for each in tmp_path.glob("*.md") if each.name != "README.md"]
    assert f"]({other.name}#" in page


def test_what_stands_beside_them_is_linked(tmp_path: Path) -> None:
    """And stays linked, however often the page is made."""
    (tmp_path / "one.json").write_text(json(REPORT), "utf-8")
    for name in ("by-hand.md", "repeat.md"):
        (tmp_path / name).write_text("# By hand\n", "utf-8")
    page = made(tmp_path)
    assert "[by-hand.md](by-hand.md)" in page
    assert "[repeat.md](repeat.md)" in page
    assert "kills" not in page
    assert made(tmp_path) == page
    assert (tmp_path / "by-hand.md").read_text("utf-8") == "# By hand\n"
