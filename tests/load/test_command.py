"""`load_balancer_test load`, as a program."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from ollama_simulator.cli import suite
from ollama_simulator.cli.program import sub_commands
from ollama_simulator.fleet import Fleet
from ollama_simulator.load.document import Document
from ollama_simulator.records import Evaluated, Left
from tests.acceptance.program import Program, environment

APPLICATION = sub_commands(suite.SUB_COMMANDS)
SUITE = "from ollama_simulator.entry import suite; suite()"
QUICK = ("--workload", "chat:think_s=0,systems=0,asked=10,answered=4", "--users", "2")
NO_PORT = "http://127.0.0.1:1"
"""Where nobody listens."""


@pytest.fixture(scope="module")
def simulator() -> Iterator[Program]:
    """Two servers."""
    with Program("--control-port", "0", "--server-ports", "0,0") as program:
        yield program


def load(*options: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end."""
    return subprocess.run(
        [sys.executable, "-c", SUITE, "load", *options],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_load(simulator: Program, tmp_path: Path) -> None:
    """Exactly the requests that it tells of reach exactly the server that was named."""
    port, other = simulator.ports
    before = simulator.status(port)["request_count"]
    file = tmp_path / "load.json"
    done = load(f"http://127.0.0.1:{port}", *QUICK, "--requests", "10", "--json", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert "10 requests in " in done.stdout
    assert "10 complete, 0 failed (all requests were made)" in done.stdout
    assert simulator.status(port)["request_count"] == before + 10
    assert simulator.status(other)["request_count"] == 0
    found = msgspec.json.decode(file.read_bytes(), type=Document)
    assert (found.requests, found.complete, found.ttft.count) == (10, 10, 10)
    assert (found.gap.count, found.answer_tokens) == (30, 40)
    assert found.played.users == 2
    assert json.loads(file.read_text(encoding="utf-8"))["version"] == 1


def test_an_open_loop_from_a_trace(simulator: Program, tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("at,prompt,answer\n0,5,2\n0.2,9,3\n0.4,5,1\n", encoding="utf-8")
    done = load(f"127.0.0.1:{simulator.ports[0]}", "--trace", str(trace), "--api", "openai")
    assert done.returncode == 0, done.stderr
    assert "3 complete, 0 failed (the workload was over)" in done.stdout
    assert "open loop" in done.stdout


def test_errors_are_told_and_are_a_failure_only_if_wanted(simulator: Program) -> None:
    port = simulator.ports[1]
    simulator.behave(port, "HttpError", status_code=503, message="busy")
    try:
        url = f"http://127.0.0.1:{port}"
        done = load(url, *QUICK, "--requests", "3")
        assert done.returncode == 1
        assert "error: 3 x status 503 (" in done.stdout
    finally:
        simulator.behave(port, "Normal")
    trace = "--requests", "3", "--fail-on-errors"
    assert load(url, *QUICK, *trace).returncode == 0
    assert load(url, *QUICK, *trace, "--model", "no-such-model").returncode == 1


def test_nobody_there_is_a_result_not_a_crash() -> None:
    done = load(NO_PORT, *QUICK, "--requests", "2")
    assert (done.returncode, done.stderr) == (1, "")
    assert "error: 2 x connection refused" in done.stdout


async def _interrupt(number: signal.Signals) -> None:
    async with Fleet() as fleet:
        url = f"http://127.0.0.1:{fleet.ports[0]}"
        long = "chat:think_s=0,systems=0,asked=10,answered=2000"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", SUITE, "load", url, "--workload", long, "--users", "1"),
            env=environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            assert await fleet.journal.wait_for(Evaluated, 20)
            process.send_signal(number)
            out, err = await asyncio.wait_for(process.communicate(), 20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        assert (process.returncode, err) == (128 + number, b"")
        assert b"0 requests in " in out
        assert b"(it was interrupted)" in out
        assert b"1 requests were in flight at the end, and are not counted" in out
        assert await fleet.journal.wait_for(Left, 5)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows interrupts otherwise")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_who_interrupts_it_gets_what_there_is(number: signal.Signals) -> None:
    """And the server learns that nobody listens any more."""
    asyncio.run(_interrupt(number))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("ftp://host",), "ftp:// is not spoken"),
        ((NO_PORT, "--workload", "nonsense"), "there is no workload 'nonsense'; there are chat, "),
        ((NO_PORT, "--trace", "/no/such/file"), "/no/such/file"),
        ((NO_PORT, "--api", "smtp"), "--api: 'smtp' is not spoken; there are chat, "),
        ((NO_PORT, "--duration", "0"), "--duration: it must be above 0"),
        ((NO_PORT, "--timeout", "nan"), "--timeout: it must be above 0"),
        ((NO_PORT, "--rate", "0"), "rate"),
        ((NO_PORT, "--rate", "1", "--users", "1"), "not both"),
        ((NO_PORT, "--nonce", "a b"), "--nonce: 'a b' must be of letters and digits"),
        ((NO_PORT, "--header", "x"), "'x' is no header"),
        ((NO_PORT, "--json", f"/no/such/folder{os.sep}x"), "--json: there is no folder"),
    ],
)
def test_wrong_options(options: tuple[str, ...], words: str) -> None:
    """One line that names the culprit, and 2."""
    done = CliRunner().invoke(APPLICATION, ["load", *options])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert done.stderr.startswith("error: ")
    assert words in done.stderr
