"""What the program shows of what happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import IO, Any

import pytest

from ollama_simulator.access import Access
from ollama_simulator.cli import serving
from ollama_simulator.fleet_file import FleetFile, Server
from tests.acceptance.program import command, environment
from tests.acceptance.rawhttp import ask

OPTIONS = ("--control-port", "0", "--server-ports", "0,0")
pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no pseudo terminals, and no SIGTERM to catch"
)


def start(*options: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """Start the program."""
    return subprocess.Popen(
        [*command(), *OPTIONS, *options],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**environment(), "TERM": "xterm-256color", "COLUMNS": "110", "LINES": "30"},
    )


@contextlib.contextmanager
def killed(running: subprocess.Popen[bytes]) -> Iterator[None]:
    """Leaves no program behind when a test fails."""
    try:
        yield
    finally:
        running.kill()


def test_json_lines() -> None:
    """Each record is a line, and nothing else is said; the first line tells the ports."""
    with start("--log", "json") as running, killed(running):
        assert running.stdout is not None
        first = json.loads(running.stdout.readline())
        assert (first["kind"], [each["name"] for each in first["servers"]]) == (
            "Started",
            ["s1", "s2"],
        )
        assert ask(first["servers"][1]["port"], "GET", "/api/version").status == 200
        kinds = {}
        while "Finished" not in kinds:
            record = json.loads(running.stdout.readline())
            kinds[record["kind"]] = record
        assert kinds["Asked"]["target"] == "/api/version"
        assert kinds["Finished"]["server"] == "s2"
        running.send_signal(signal.SIGTERM)
        for line in running.stdout:
            assert json.loads(line)["kind"] in ("Opened", "Closed")
        assert running.wait(timeout=30) == 0
        assert read(running.stderr) == b""


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("none", ""),
        (
            "plain",
            r"Ollama Simulator starting\.\.\.\n  Control API: http://127\.0\.0\.1:\d+\n"
            r"  Ollama server: http://127\.0\.0\.1:\d+\n\n\nShutting down simulator\.\.\.\n",
        ),
    ],
)
def test_what_is_said(
    log: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The seed's lines, or nothing at all."""

    def ended_at_once() -> asyncio.Event:
        stop = asyncio.Event()
        stop.set()
        return stop

    monkeypatch.setattr(serving, "stop_event", ended_at_once)
    asyncio.run(serving.serve(0, FleetFile((Server(),)), log, let_in=Access()))
    told = capsys.readouterr()
    assert re.fullmatch(said, told.out)
    assert told.err == ""


class Screen:
    """A terminal that keeps what was written to it."""

    def __init__(self, running: subprocess.Popen[bytes], terminal: int) -> None:
        self.text = ""
        self._running = running
        self._terminal = terminal

    def until(self, words: str) -> None:
        """Read until some words were written, wherever on the screen."""
        deadline = time.monotonic() + 30
        while words not in self.text:
            assert time.monotonic() < deadline, f"no {words!r} in {self.text!r}"
            if select.select([self._terminal], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self._terminal, 65536).decode()
                except OSError:  # its other end was closed
                    assert words in self.text, self.text
                    return


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_view_on_a_terminal(number: int) -> None:
    """It shows servers, requests and faults, and leaves the terminal as it was."""
    import pty

    ours, theirs = pty.openpty()
    with start(stdout=theirs) as running, killed(running):
        try:
            os.close(theirs)
            screen = Screen(running, ours)
            screen.until("2 servers")
            assert screen.text.startswith("Ollama Simulator starting...\r\n  Control API: ")
            control, *ports = map(int, re.findall(r"http://127\.0\.0\.1:(\d+)\r\n", screen.text))
            body = {"port": ports[1], "behavior": {"type": "EmptyReply"}}
            assert ask(control, "POST", "/behavior", body).status == 200
            screen.until("EmptyReply")
            assert ask(ports[0], "GET", "/api/version").status == 200
            screen.until("GET /api/version → 200 complete")
            screen.until("1 with faults")
            running.send_signal(number)
            screen.until("Shutting down simulator...")
            assert running.wait(timeout=30) == 0
            assert read(running.stderr) == b""
        finally:
            os.close(ours)
    shown, _, after = screen.text.rpartition("\x1b[?1049l")
    assert shown.rpartition("\x1b[?1049h")[0].endswith("\r\n\r\n"), "a screen of its own"
    assert "\x1b[?25h" in shown[shown.rindex("\x1b[?25l") :], "the cursor is shown again"
    assert after.rstrip() == "\r\nShutting down simulator...".rstrip(), "and nothing else"


def read(pipe: IO[bytes] | None) -> Any:
    """All of a pipe."""
    assert pipe is not None
    return pipe.read()
