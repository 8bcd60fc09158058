"""The example projects, run as their users run them: their tests pass, and notice what is wrong."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.session import REPOSITORY, SOURCE, Session, installed, session

pytestmark = pytest.mark.timeout(300)  # a session of its own may be short of CPU
EXAMPLES = REPOSITORY / "examples"
PROJECTS = sorted(each.name for each in EXAMPLES.iterdir() if (each / "pyproject.toml").is_file())
FLAWS = {
    "client-with-retries CLIENT=WithoutRetry": [
        "test_a_busy_server_is_asked_again_later",
        "test_what_breaks_before_the_first_piece_is_asked_again[fault0]",
        "test_what_breaks_before_the_first_piece_is_asked_again[fault1]",
        "test_a_server_that_is_down_is_asked_when_it_is_back",
        "test_it_gives_up",
    ],
    "client-with-retries CLIENT=TooEager": [
        "test_what_will_never_work_is_not_tried_again",
        "test_a_piece_that_was_read_never_comes_twice",
    ],
    "balancer FLAW=FirstOnly": [
        "test_requests_at_the_same_time_go_to_different_servers",
        "test_who_refuses_is_passed_over",
    ],
    "balancer FLAW=Buffering": [
        "test_tokens_are_passed_on_while_others_are_made",
        "test_a_client_that_leaves_stops_its_server",
    ],
    "balancer FLAW=Forgetful": ["test_a_client_that_leaves_stops_its_server"],
    "fastapi-app FLAW=unwatched": ["test_so_does_one_that_leaves_before_the_first_token"],
    "fastapi-app FLAW=all_is_well": [
        "test_a_cut_stream_ends_with_an_error[cut0]",
        "test_a_cut_stream_ends_with_an_error[cut1]",
    ],
}
"""What is wrong on purpose, as its README says to start it, and the tests that must notice."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed, as far as pytest can tell."""
    return installed(tmp_path_factory.mktemp("site"))


def run(name: str, tmp_path: Path, site: Path, **variables: str) -> Session:
    """The tests of a project, in a copy of its folder."""
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return session(folder, site=site, variables=variables)


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project_s_tests_pass(name: str, tmp_path: Path, site: Path) -> None:
    done = run(name, tmp_path, site)
    assert done.status == 0, done.output
    assert len(done.cases) >= 6


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_is_noticed(flaw: str, tmp_path: Path, site: Path) -> None:
    """By exactly the tests that are about it, each with its journal."""
    name, _, setting = flaw.partition(" ")
    variable, _, value = setting.partition("=")
    done = run(name, tmp_path, site, **{variable: value})
    noticed = [case for case, told in done.cases.items() if told.outcome != "passed"]
    assert sorted(noticed) == sorted(FLAWS[flaw]), done.output
    for case in noticed:
        assert "ollama_simulator journal" in done.cases[case].properties


def test_every_flaw_is_played() -> None:
    """Those that the projects' pages name, and those that their files define."""
    told = {
        f"{name} {line.removesuffix(' pytest')}"
        for name in PROJECTS
        for line in (EXAMPLES / name / "README.md").read_text("utf-8").splitlines()
        if re.fullmatch(r"[A-Z]+=\w+ pytest", line)
    }
    assert told == set(FLAWS)
    defined = {
        f"{name} {found}"
        for name in PROJECTS
        for found in re.findall(
            r"^(?:class|async def) (\w+)", (EXAMPLES / name / "flawed.py").read_text("utf-8"), re.M
        )
    }
    assert {re.sub(r"[A-Z]+=", "", flaw) for flaw in FLAWS} == defined


def test_the_suite_judges_the_balancer(tmp_path: Path) -> None:
    """By the adapter, as its page says; some of the cases that it names."""
    folder = EXAMPLES / "balancer"
    page = (folder / "README.md").read_text("utf-8")
    words = "load_balancer_test --load suite_adapter.py --balancer tiny"
    assert f"{words} basics balance stream.truncation" in page
    cases = ["basics.relay.chat-stream", "balance.idle-server", "stream.truncation.chat-rst"]
    command = "from ollama_simulator.entry import suite; suite()"
    done = subprocess.run(
        [sys.executable, "-c", command, *words.split()[1:], *cases],
        cwd=folder,
        env={"PYTHONPATH": str(SOURCE), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^MUST: 3 pass$", done.stdout, re.MULTILINE), done.stdout
