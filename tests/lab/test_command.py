"""`load_balancer_test policies`: what it plays, prints and draws, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ollama_simulator.cli import suite
from ollama_simulator.cli.program import sub_commands
from ollama_simulator.lab.policies import POLICIES

SHORT = ["--hours", "0.05", "--seeds", "2", "--users", "6"]


def policies(*words: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(sub_commands(suite.SUB_COMMANDS), ["policies", *words])


def refused(*words: str) -> str:
    """What it says of options that can't be."""
    result = policies(*words)
    assert result.exit_code == 2, result.output
    return result.stderr.strip()


def test_a_table_with_all_policies() -> None:
    """The best one first, and what was tried above it."""
    result = policies(*SHORT)
    assert result.exit_code == 0, result.output
    head, _, *rows = result.output.splitlines()
    assert (
        head == "4 × rtx-5090-qwen3-32b, engine current, 1 slot(s) each; 6 users, 0.05 h, 2 seed(s)"
    )
    assert {row.split()[0] for row in rows} == set(POLICIES)
    times = [float(row.split()[1]) for row in rows]
    assert times == sorted(times)
    assert "1.00 ± 0.00" in next(row for row in rows if row.startswith("least-connections"))


def test_json_has_every_score_of_every_seed() -> None:
    """For whoever reckons further; and the same each time."""
    words = [*SHORT, "--policy", "round-robin", "--json"]
    result = policies(*words)
    cards = json.loads(result.stdout)
    assert [card["policy"] for card in cards] == ["round-robin", "random"]
    assert [score["seed"] for score in cards[0]["scores"]] == [0, 1]
    assert cards[0]["scores"][0]["ttft"]["p50"] > 0
    assert policies(*words).stdout == result.stdout


def test_a_drawing_needs_nothing_else(tmp_path: Path) -> None:
    """No script, no picture, no style from anywhere; only names of formats look like addresses."""
    file = tmp_path / "scores.svg"
    words = [*SHORT, "--policy", "round-robin", "--draw", str(file)]
    assert policies(*words).exit_code == 0
    drawn = file.read_text(encoding="utf-8")
    assert "round-robin" in drawn
    assert "First token" in drawn
    assert "<script" not in drawn
    assert "<image" not in drawn
    assert "@import" not in drawn
    linked = re.findall(r'(?:href|src)="([^"]*)"|url\(([^)]*)\)', drawn)
    assert linked
    assert all((href or url).startswith("#") for href, url in linked)
    policies(*words)
    assert file.read_text(encoding="utf-8") == drawn


def test_a_policy_of_ones_own(tmp_path: Path) -> None:
    """One function in a file; it is played against chance and least-connections."""
    file = tmp_path / "own.py"
    file.write_text(
        "from ollama_simulator.lab.policies import policy\n\n\n"
        "@policy\n"
        "def always_the_first(request, fleet, rng):\n"
        "    return 0 if fleet.up[0] else None\n"
    )
    try:
        result = policies(*SHORT, "--policy-file", str(file), "--json")
        cards = json.loads(result.stdout)
    finally:
        del POLICIES["always-the-first"]
    assert [card["policy"] for card in cards] == ["always-the-first", "least-connections", "random"]
    assert cards[0]["scores"][0]["balance"] == pytest.approx(0.25)


def test_what_goes_wrong_is_played() -> None:
    """A server that is lost and comes back, and one that is slow."""
    words = ["--lose", "2@60-90", "--slow", "1@30x0.5", "--policy", "random", "--json"]
    (card,) = json.loads(policies(*SHORT, *words).stdout)
    assert len(card["scores"][0]["recovery_s"]) == 3


def test_a_share_of_what_the_fleet_can_do() -> None:
    """--rho: at half of it, servers are busy for about half of the time if little is cached."""
    words = ["--rho", "0.5", "--workload", "conv", "--hours", "0.5", "--seeds", "1", "--json"]
    (card,) = json.loads(policies(*words, "--policy", "random", "--engine", "legacy").stdout)
    assert 0.45 < card["scores"][0]["utilisation"] < 0.57


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["--policy", "best"],
            "--policy: there is no policy 'best'; there are random, round-robin,",
        ),
        (["--policy-file", "gone.py"], "--policy-file: gone.py: there is no such file"),
        (["--profile", "abacus"], "--profile: there is no profile 'abacus'; there are seed,"),
        (
            ["--engine", "steam"],
            "--engine: there is no engine 'steam'; there are seed, legacy, cur",
        ),
        (["--speeds", "1,fast"], "--speeds: 'fast' must be a number above 0"),
        (["--speeds", "0"], "--speeds: '0' must be a number above 0"),
        (["--workload", "chess"], "--workload: there is no workload 'chess'; there are chat,"),
        (["--trace", "gone.csv"], "--trace: "),
        (["--rate", "1", "--users", "2"], "only one of --rate, --users and --rho can say how much"),
        (["--when-full", "cry"], "--when-full: 'cry' is neither wait nor refuse"),
        (["--lose", "9@5"], "--lose: there is no server 9: there are 4"),
        (["--lose", "1@9-5"], "--lose: '1@9-5' ends before it begins"),
        (["--lose", "x"], "--lose: 'x' must be as 2@600-900: the server, from when, and until"),
        (["--slow", "1@5"], "--slow: '1@5' must be as 2@600x0.5: the server, from when, and how"),
        (["--slow", "1@5x0"], "--slow: '1@5x0': a server that is no faster than 0 is lost"),
        (["--draw", "a.png"], "--draw: a.png: only SVG files are drawn; the name must end in .svg"),
        (["--draw", "gone/a.svg"], "--draw: gone/a.svg: there is no folder "),
    ],
)
def test_what_can_not_be_is_refused(
    words: list[str], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is played, with the culprit's name."""
    monkeypatch.chdir(tmp_path)
    assert refused(*words).startswith(f"error: {complaint}")


def test_a_fleet_that_is_too_slow() -> None:
    """Its answers would come when the clock has ended: that is told, and no traceback."""
    words = ["--speeds", "1e-9", "--users", "1", *SHORT]
    said = "error: what was asked is not answered in time: a virtual clock ends after 194 days"
    assert refused(*words).startswith(said)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "it has no function with @policy"),
        (
            "import nothing_of_that_name",
            "ModuleNotFoundError: No module named 'nothing_of_that_name'",
        ),
        ("def x(:", "SyntaxError: "),
    ],
)
def test_a_file_that_holds_no_policy(text: str, complaint: str, tmp_path: Path) -> None:
    """It is named, with what Python says of it."""
    file = tmp_path / "own.py"
    file.write_text(text)
    assert refused("--policy-file", str(file)).startswith(
        f"error: --policy-file: {file}: {complaint}"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("1 / 0", r"ZeroDivisionError: division by zero \(.*wrong\.py, line 5\)"),
        ("return 99", "it says 99, which is no server; there are 0 to 3, and None for nobody"),
        ("return 'first'", "it says 'first', which is no server"),
    ],
)
def test_a_policy_that_goes_wrong(tmp_path: Path, body: str, said: str) -> None:
    """Is named, with what it did and where."""
    file = tmp_path / "wrong.py"
    source = "from ollama_simulator.lab.policies import policy\n\n@policy\n"
    file.write_text(f"{source}def goes_wrong(request, fleet, rng):\n    {body}\n")
    try:
        found = refused(*SHORT, "--policy-file", str(file))
    finally:
        POLICIES.pop("goes-wrong", None)
    assert re.search(f"policy goes-wrong: {said}", " ".join(found.split()))
