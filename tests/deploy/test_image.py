"""The container image: its parts exist, its wheel is the project's, and what it runs does run."""

from __future__ import annotations

import importlib.util
import json
import re
import signal
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from ollama_simulator.cli.simulator import CONTROL_PORT
from ollama_simulator.cli.wanted import SERVER_PORTS
from tests.acceptance.program import Program, environment
from tests.acceptance.rawhttp import ask

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "0123456789abcdef"

_spec = importlib.util.spec_from_file_location("try_image", ROOT / "scripts" / "try_image.py")
assert _spec is not None
assert _spec.loader is not None
SCRIPT = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(SCRIPT)
instructions, words = SCRIPT.instructions, SCRIPT.words


def copied() -> list[str]:
    """What is copied from the repository, and whereto."""
    lines = [each.words for each in instructions() if each.name == "COPY"]
    return [line for line in lines if "--from" not in line]


def test_it_does_not_run_as_root() -> None:
    """By a number, which is all that Kubernetes can check."""
    user, group = words("USER").split(":")
    assert int(user) > 0
    assert int(group) > 0
    after = instructions()[instructions().index(("USER", words("USER"))) :]
    assert not [name for name, _ in after if name in ("RUN", "COPY", "ADD")]


def test_it_is_of_a_python_that_is_supported() -> None:
    version = re.fullmatch(r"PYTHON=(3\.\d+)-slim", words("ARG"))
    assert version is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"Programming Language :: Python :: {version[1]}" in project["classifiers"]


def test_it_has_the_default_ports() -> None:
    assert words("EXPOSE") == " ".join(map(str, (CONTROL_PORT, *SERVER_PORTS)))


def test_everything_is_installed_by_its_hash() -> None:
    """From the lock files, or without asking anybody."""
    installs = 0
    for run in (words for name, words in instructions() if name == "RUN"):
        for install in re.findall(r"pip install ([^&]+)", run):
            assert "--require-hashes" in install or "--no-index --no-deps" in install
            installs += 1
    assert installs == 3


def test_its_wheel_is_the_projects(tmp_path: Path) -> None:
    """Made of what is copied alone: the files of the package, each with its bytes."""
    context, source = tmp_path / "context", tmp_path / "source"
    context.mkdir()
    source.mkdir()
    SCRIPT.lay_context(context)
    for line in copied():
        SCRIPT.copy(context, source, line)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=60)
    (wheel,) = (source / "dist").iterdir()
    package = ROOT / "src" / "ollama_simulator"
    ours = {
        path.relative_to(package.parent).as_posix(): path.read_bytes()
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as made:
        names = [name for name in made.namelist() if ".dist-info/" not in name]
        assert {name: made.read(name) for name in names} == ours


def health(port: int) -> int:
    """The exit status of the health check, where the control API is on another port."""
    command = SCRIPT.health(sys.executable, port)
    assert f", {port}," in command[2].replace("'127.0.0.1'", "")
    return subprocess.run(command, capture_output=True, timeout=30, check=False).returncode


def test_it_is_healthy_while_it_serves() -> None:
    """Whatever its servers do: they are meant to be broken."""
    with Program("--control-port", "0", "--server-ports", "0") as program:
        program.behave(program.ports[0], "ConnectionRefused")
        assert health(program.control_port) == 0
        port = program.control_port
    assert health(port) != 0


@pytest.mark.skipif(sys.platform == "win32", reason="containers of this image run Linux")
def test_it_runs_and_ends_as_it_is_told() -> None:
    """The entry point with its options, and the signal that stops it. Another container calls it
    by a name, and is told under that name where the servers are."""
    (program,) = json.loads(words("ENTRYPOINT"))
    options = [*json.loads(words("CMD")), "--control-port", "0", "--server-ports", "0"]
    command = [sys.executable, "-m", program, *options, "--control-name", "sim", "--log", "json"]
    running = subprocess.Popen(
        command,
        env=environment() | {"OLLAMA_SIMULATOR_CONTROL_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        control, server = (
            int(each.rpartition(":")[2])
            for each in (told["control_api"], told["servers"][0]["url"])
        )
        assert health(control) == 0
        assert ask(control, "GET", "/servers", headers={"Host": "sim:1"}).status == 401
        headers = {"Host": "sim:1", "Authorization": f"Bearer {TOKEN}"}
        (one,) = ask(control, "GET", "/servers", headers=headers).json()["servers"]
        assert one["url"] == f"http://sim:{server}"
        running.send_signal(getattr(signal, words("STOPSIGNAL")))
        assert running.wait(30) == 0
    finally:
        running.kill()
        running.communicate()
