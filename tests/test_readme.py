"""What the README says is tried."""

import argparse
import json
import re
import shlex
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ollama_simulator import __version__
from ollama_simulator.conformance import scenario
from ollama_simulator.conformance.reporters.seed import BANNER
from ollama_simulator.faults import fault
from tests.acceptance.program import Program

REPOSITORY = Path(__file__).parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("curl ")
]


@pytest.fixture(scope="module")
def running() -> Iterator[Program]:
    """A simulator of three servers."""
    with Program("--control-port", "0", "--server-ports", "0,0,0") as program:
        yield program


@pytest.mark.parametrize("command", COMMANDS)
def test_curl_lines(running: Program, command: str) -> None:
    """Each line works as printed, but for the ports, and answers JSON with status 200, or 201.

    It is read here instead of run, so that the test needs no curl.
    """
    real = dict(
        zip((11500, 11501, 11502, 11503), (running.control_port, *running.ports), strict=True)
    )
    command = re.sub(r"\b1150[0-3]\b", lambda port: str(real[int(port[0])]), command)
    parser = argparse.ArgumentParser()
    parser.add_argument("-X", dest="method")
    parser.add_argument("-d", dest="data", type=str.encode)
    parser.add_argument("url")
    curl = parser.parse_args(shlex.split(command)[1:])
    request = urllib.request.Request(curl.url, curl.data, method=curl.method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        lines = [json.loads(line) for line in answer.read().splitlines()]
    assert answer.status in (200, 201)
    assert lines


def test_there_are_curl_lines() -> None:
    """The pattern above finds them."""
    assert len(COMMANDS) >= 10


def test_the_picture() -> None:
    """The captured run has the banner and every scenario, in order, and nothing else."""
    picture = next(b for b in re.findall(r"```\n(.*?)```", README, re.DOTALL) if BANNER in b)
    shown = re.findall(r"^\[\+\] (.+) \(\d+ms\)$", picture, re.MULTILINE)
    assert shown == [each.name for each in scenario.known() if each.scenario.name]
    assert f"Total: {len(shown)} passed, 0 failed" in picture


def test_the_picture_of_a_failure() -> None:
    """It names the scenario and its id, by which it can be played alone."""
    (name, id_), *others = re.findall(
        r"^\[x\] (.+) \(\d+ms\)\n    Error: (?:.+\n)+?    Case: (\S+)$", README, re.MULTILINE
    )
    assert not others
    assert [each.id for each in scenario.known() if each.name == name] == [id_]


def test_every_scenario_stands_with_its_claim() -> None:
    """The table says what the code says."""
    for each in (case for case in scenario.known() if case.scenario.name):
        assert f"| {each.name} | {each.scenario.claim} |" in README


def test_every_behaviour_stands_there() -> None:
    """By its name; one that has a row has its fields there. The guide has them all."""
    for name, kind in fault.known().items():
        assert f"`{name}`" in README, name
        for line in README.splitlines():
            if line.startswith(f"| `{name}` |"):
                fields = re.findall(r"`(\w+)`", line.split("|")[2])
                assert fields == list(kind.__struct_fields__)


def test_the_changelog_is_up_to_date() -> None:
    """Its newest version is the package's, from which the project takes its own."""
    changelog = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)[0] == __version__
    project = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in project
