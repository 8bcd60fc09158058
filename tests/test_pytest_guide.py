"""What the guide to pytest says is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ollama_simulator.pytest_plugin import held
from ollama_simulator.pytest_plugin.findings import KINDS
from ollama_simulator.pytest_plugin.marker import OWN
from tests.plugin.session import Session, installed, session
from tests.test_guides import ROOT, blocks

pytestmark = pytest.mark.timeout(300)  # a session of its own may be short of CPU
GUIDE = (ROOT / "docs" / "pytest.md").read_text(encoding="utf-8")
FILES = [
    (name, text) for text in blocks(GUIDE, "python") for name in re.findall(r"\A# (\S+)\n", text)
]
SHOWN = blocks(GUIDE, "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed, as far as pytest can tell."""
    return installed(tmp_path_factory.mktemp("site"))


def play(folder: Path, site: Path, *files: tuple[str, str]) -> Session:
    """Run files of the guide as it says."""
    for name, text in files:
        (folder / name).write_text(text, "utf-8")
    return session(folder, "-q", "--tb=short", site=site, variables={"COLUMNS": "80"})


def steady(text: str) -> list[str]:
    """What is the same on every machine: without ports, times, sizes and places of libraries."""
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"^ +\d+\.\d{3}  s", "TIME  s", text, flags=re.MULTILINE)
    text = re.sub(r"^\S*httpx\S*:\d+", "httpx", text, flags=re.MULTILINE)
    text = re.sub(r"in \d+\.\d+s.*", "in TIME", text)
    return [line.rstrip() for line in text.splitlines() if not re.match(r"^-+ generated xml", line)]


def test_each_snippet_is_a_file() -> None:
    """So that each is run below."""
    assert [name for name, _ in FILES] == [
        "client.py",
        "test_client.py",
        "client.py",
        "test_clients.py",
        "test_marked.py",
        "test_left_behind.py",
        "test_patience.py",
        "test_async.py",
        "test_together.py",
    ]
    assert len(FILES) == len(blocks(GUIDE, "python"))


def test_the_missing_retry_is_caught_as_shown(tmp_path: Path, site: Path) -> None:
    """The report is the real one, line for line."""
    done = play(tmp_path, site, *FILES[:2])
    (shown,) = [each for each in SHOWN if each.startswith(".F ")]
    assert steady(done.output) == steady(shown)


def test_the_client_that_tries_again_passes(tmp_path: Path, site: Path) -> None:
    """And so do the other files that should."""
    done = play(tmp_path, site, *FILES[1:5], *FILES[6:])
    assert done.status == 0, done.output
    assert len(done.cases) == 11


def test_a_client_that_waits_for_ever_is_caught(tmp_path: Path, site: Path) -> None:
    """And keeps nobody waiting; nor does one whose time-out counts from byte to byte."""
    ((name, test),) = [each for each in FILES if each[0] == "test_patience.py"]
    for_ever = test.replace("timeout=0.5", "timeout=None")
    trickle = "Trickle(bytes_per_write=4, pause_ms=100)"
    drops = test.replace("Hang", "Trickle").replace("Trickle()", trickle)
    # Also where the machine is late, no pause is as long as the time-out.
    drops = drops.replace("timeout=0.5", "timeout=2.5")
    assert f"`{trickle}`" in GUIDE
    assert "`timeout=None`" in GUIDE
    done = play(tmp_path, site, (name, for_ever), ("test_drops.py", drops))
    (shown,) = [each for each in SHOWN if "expected Left()" in each]
    assert shown in done.output
    assert done.output.count("expected Left() within 3 s, but it happened never") == 2
    assert "Exception in thread" not in done.output
    assert "2 failed" in done.output


def test_what_is_left_behind_is_told_as_shown(tmp_path: Path, site: Path) -> None:
    done = play(tmp_path, site, FILES[5])
    (shown,) = [each for each in SHOWN if "ERROR at teardown" in each]
    head, *rest = shown.splitlines()
    assert head.strip("_") in done.output
    assert "\n".join(rest) in done.output


def test_every_argument_and_every_leftover_stands_there() -> None:
    for name in (*OWN, "servers", "seed", "speed"):
        assert f"\n| `{name}` | " in GUIDE
    for kind in KINDS:
        assert f"\n| `{kind}` | " in GUIDE


def test_the_numbers_that_it_names() -> None:
    assert f"at most {held.MOST} records" in GUIDE
    assert held.GRACE_S == 1.0
    assert f"| {held.FLEET}; {held.ALONE} if only `ollama` is asked for |" in GUIDE


def test_the_readme_shows_the_same() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (test,) = [each for each in blocks(readme, "python") if "def test_" in each]
    assert ("test_client.py", test) in FILES
    (shown,) = [each for each in blocks(readme, "") if each.startswith(".F ")]
    assert shown in SHOWN
