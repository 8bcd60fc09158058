"""The sub-command `check`: whether a fleet's file is sound, and what it would start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ollama_simulator import fleet_schema
from ollama_simulator.cli import simulator
from ollama_simulator.cli.program import application


def run(*words: str) -> Result:
    """What the program says to `check` and these words."""
    app = application(simulator.simulator, simulator.SUB_COMMANDS)
    return CliRunner().invoke(app, ["check", *words])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the program is started."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


SOUND = """
seed = 7
clock_speed = 10
[[servers]]
count = 3
port = 12000
behavior = { type = "Hang" }
[[servers]]
wire = "0.13.5"
profile = "rtx-4090-llama3-8b"
engine = "legacy"
[[servers.scripts]]
contains = "a"
[[servers.rules]]
fault = { type = "FailMidStream", tokens_before_fail = 5 }
[[servers.rules]]
fault = { type = "Hang" }
[[servers]]
count = 2
installed_models = []
"""


def test_a_sound_file(folder: Path) -> None:
    """Status 0, and what would be started."""
    (folder / "a.toml").write_text(SOUND)
    done = run("a.toml")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "a.toml: sound; 6 servers, control API on port 11500, seed 7, time goes 10 times as fast",
        "  s1 to s3 on ports 12000 to 12002: Ollama 0.33, machine seed, engine seed, "
        "test-model:latest, behaves as Hang",
        "  s4 on a free port: Ollama 0.13.5, machine rtx-4090-llama3-8b, engine legacy, "
        "test-model:latest, llama3:8b-instruct-q4_K_M, 1 script, 2 rules: FailMidStream, Hang",
        "  s5 to s6 on free ports: Ollama 0.33, machine seed, engine seed, no models",
    ]


def test_mistakes(folder: Path) -> None:
    """Status 1, and a line for each; a sound file beside it is told, too."""
    (folder / "a.toml").write_text("[[servers]]\nprot = 1\nwire = 1\n")
    (folder / "b.toml").write_text("[[servers]]\n")
    done = run("a.toml", "b.toml")
    assert done.exit_code == 1
    first, second, *rest = done.stdout.splitlines()
    assert first.startswith(
        "a.toml:2:1: servers[0].prot: there is no such field; did you mean port"
    )
    assert second.startswith("a.toml:3:1: servers[0].wire: ")
    assert rest[0].startswith("b.toml: sound; 1 server, ")


def test_warnings(folder: Path) -> None:
    """A variable that Ollama would ignore, or take for something else, and processes without
    servers: the file is sound."""
    text = """workers = 2
[defaults.environment]
OLLAMA_KEEP_ALIVE = "10q"
OLLAMA_NO_CLOUD = true
[[servers]]
[servers.environment]
OLLAMA_NUM_PARALLEL = -3
OLLAMA_NO_CLOUD = "off"
OLLAMA_MAX_QUEUE = 3
OLLAMA_KEEP_ALIVE = "-1"
OLLAMA_KV_CACHE_TYPE = "q5"
OLLAMA_HOST = ":1"
OLLAMA_ORIGINS = ""
OLLAMA_DEBUG = "maybe"
"""
    (folder / "a.toml").write_text(text)
    done = run("a.toml")
    assert done.exit_code == 0
    head, _, *warnings = done.stdout.splitlines()
    assert head == "a.toml: sound; 1 server, control API on port 11500, seed 0, 2 processes"
    assert warnings == [
        "a.toml:1:1: warning: workers: of 2 processes for 1 server(s) some have none",
        "a.toml:3:1: warning: defaults.environment.OLLAMA_KEEP_ALIVE: "
        "Ollama ignores '10q', and takes its default",
        "a.toml:7:1: warning: servers[0].environment.OLLAMA_NUM_PARALLEL: "
        "Ollama ignores '-3', and takes its default",
        "a.toml:8:1: warning: servers[0].environment.OLLAMA_NO_CLOUD: "
        "Ollama takes 'off' for true, as all that isn't false",
        "a.toml:11:1: warning: servers[0].environment.OLLAMA_KV_CACHE_TYPE: "
        "Ollama ignores 'q5', and takes its default",
    ]
    (told,) = map(json.loads, run("--json", "a.toml").stdout.splitlines())
    assert [each["line"] for each in told["warnings"]] == [1, 3, 7, 8, 11]


def test_no_file(folder: Path) -> None:
    """Status 2, with the reason."""
    assert run("none.toml").stdout == "none.toml: No such file or directory\n"
    assert run("none.toml").exit_code == 2
    assert (run().exit_code, run().stderr) == (2, "error: there is no FILE.toml to check\n")


def test_json(folder: Path) -> None:
    """The same for programs, a line for each file."""
    (folder / "a.toml").write_text("[[servers]]\nprot = 1\n")
    (folder / "b.toml").write_text("seed = 7\n[[servers]]\nkeep_alive = inf\n")
    done = run("--json", "a.toml", "b.toml")
    bad, sound = map(json.loads, done.stdout.splitlines())
    assert done.exit_code == 1
    assert (bad["file"], bad["sound"], "fleet" in bad) == ("a.toml", False, False)
    (mistake,) = bad["mistakes"]
    assert (mistake["line"], mistake["column"], mistake["place"]) == (2, 1, "servers[0].prot")
    assert (sound["sound"], sound["mistakes"], sound["fleet"]["seed"]) == (True, [], 7)


def test_the_schema() -> None:
    """Alone, since files would be ignored."""
    assert run("--schema").stdout == fleet_schema.text()
    done = run("--schema", "a.toml")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: --schema: it is printed alone")
