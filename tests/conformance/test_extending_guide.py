"""The tutorial of docs/extending.md works as it stands."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SUITE = "from ollama_simulator.entry import suite; suite()"
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", GUIDE, re.DOTALL)
COMMANDS = [text.strip() for kind, text in BLOCKS if not kind]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the file that the tutorial writes."""
    parts = [text for kind, text in BLOCKS if kind == "python"]
    (tmp_path / "house_rules.py").write_text("\n\n".join(parts), encoding="utf-8")
    return tmp_path


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run `load_balancer_test` in a folder."""
    return subprocess.run(
        [sys.executable, "-c", SUITE, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_work(folder: Path, command: str) -> None:
    """Each ends with 0, and did what the page says."""
    name, *words = shlex.split(command)
    assert name == "load_balancer_test"
    done = run(folder, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    if "kills" in words:
        assert "4 cells played, 0 not as they must be" in done.stdout
    else:
        assert "[+] house-rules.request-id.chat SHOULD" in done.stdout
        assert "[+] house-rules.request-id.openai SHOULD" in done.stdout
    if "house" in words:
        assert "[+] basics.relay.chat-stream MUST" in done.stdout
    if "--report" in words:
        assert (folder / "score.txt").read_text() == "reference: 2 of 2\n"


def test_the_flaw_is_told(folder: Path) -> None:
    """By name, with the scenario's advice."""
    words = ("--load", "house_rules.py", "--flaw", "loses-ids", "--strict", "house-rules")
    done = run(folder, *words)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Advice: Pass the header X-Request-Id on." in done.stdout


@pytest.mark.parametrize(
    ("name", "source", "words"),
    [
        ("broken.py", "x = (", "broken.py:1: SyntaxError"),
        ("raises.py", "\n\nraise KeyError('x')\n", "raises.py:3: KeyError: 'x'"),
        ("not-a-name.py", "", "not-a-name.py: its name must be a Python name"),
        (
            "vain.py",
            "from ollama_simulator.conformance.scenario import scenario\n"
            "@scenario(claim='Nothing.', killed_by=())\n"
            "async def vain(run): ...\n",
            "vain.py:2: ValueError: no flaw fails vain.vain",
        ),
    ],
)
def test_bad_files(tmp_path: Path, name: str, source: str, words: str) -> None:
    """The error names the file, the line and the reason."""
    (tmp_path / name).write_text(source)
    done = run(tmp_path, "--load", name, "--list")
    assert done.returncode == 2
    assert f"error: --load: {words}" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_file_twice(tmp_path: Path) -> None:
    """A name can be had once."""
    (tmp_path / "mine.py").write_text("")
    done = run(tmp_path, "--load", "mine.py", "--load", "mine.py", "--list")
    assert (done.returncode, done.stdout) == (2, "")
    assert "mine.py: there is a module 'mine' already; give the file another name" in done.stderr


def test_no_such_file(tmp_path: Path) -> None:
    """Nor is there anything to load."""
    done = run(tmp_path, "--load", "nothing.py", "--list")
    assert (done.returncode, done.stderr) == (
        2,
        "error: --load: nothing.py: there is no such file\n",
    )
