"""`ollama_simulator calibrate`, as a program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ollama_simulator import hardware
from ollama_simulator.cli import simulator as command
from ollama_simulator.cli.program import application
from tests.acceptance.program import Program, run_to_end

MODEL = hardware.named("tiny").model.name or "test-model:latest"
APPLICATION = application(command.simulator, command.SUB_COMMANDS)
NO_PORT = "http://127.0.0.1:1"
"""Where nobody listens."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Program]:
    """A server on the scale of a millisecond."""
    with Program("--control-port", "0", "--server-ports", "0", "--profile", "tiny") as program:
        yield program


def calibrate(*words: str) -> tuple[int, str, str]:
    """Run it to its end."""
    done = run_to_end("calibrate", *words, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_a_server_becomes_a_file(simulator: Program, tmp_path: Path) -> None:
    """Which is a profile, and tells how it came about."""
    file = tmp_path / "mine.toml"
    url = f"http://127.0.0.1:{simulator.ports[0]}"
    words = (url, "--model", MODEL, "--num-ctx", "4096", "--output", str(file))
    status, out, err = calibrate(*words, "--name", "mine", "--hardware", "my server")
    assert (status, out) == (0, "")
    assert "loading it with 4,096 tokens of context\n" in err
    assert "not measured: decode.b_ms, decode.g: the server gives one answer at a time\n" in err
    assert err.endswith(f"written: {file}\n")
    profile = hardware.read(file)
    assert (profile.name, profile.hardware, profile.trust) == ("mine", "my server", "A")
    assert profile.source.startswith(f"ollama_simulator calibrate {url} on 20")
    # How right the numbers are is tested in simulated time.
    assert profile.step.t0_ms > 0
    assert profile.prefill.r_tps > 0


def test_without_a_file_it_is_printed(simulator: Program, tmp_path: Path) -> None:
    """And nothing else is."""
    url = f"http://127.0.0.1:{simulator.ports[0]}"
    status, out, _ = calibrate(url, "--model", MODEL, "--num-ctx", "4096")
    assert status == 0
    file = tmp_path / "printed.toml"
    file.write_text(out, encoding="utf-8")
    assert hardware.read(file).hardware == f"the server at {url}"


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    """Status 1, the reason, and no file, or the one that was there."""
    file = tmp_path / "mine.toml"
    words = (NO_PORT, "--model", "m", "--output", str(file))
    status, out, err = calibrate(*words)
    assert (status, out) == (1, "")
    assert err == f"error: {NO_PORT}: /api/version: connection refused by 127.0.0.1:1\n"
    assert not file.exists()
    file.write_text("kept")
    assert calibrate(*words)[0] == 1
    assert file.read_text() == "kept"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ("--engine", "seed"),
            "--engine: 'seed' can't be calibrated; there are legacy and current",
        ),
        (("--timeout", "0"), "--timeout: it must be above 0 and at most 86,400 s, not 0"),
        (
            ("--output", "/no/folder/x.toml"),
            "--output: /no/folder/x.toml: there is no folder '/no/folder'",
        ),
        (("--header", "x"), "'x' is no header; it must be 'Name: value'"),
    ],
)
def test_options_that_are_wrong(words: tuple[str, ...], complaint: str) -> None:
    """Status 2, and the culprit."""
    done = CliRunner().invoke(APPLICATION, ["calibrate", NO_PORT, "--model", "m", *words])
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"error: {complaint}\n")
