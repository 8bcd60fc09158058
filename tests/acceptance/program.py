"""Starting and stopping `ollama_simulator` as a process, and reading what it prints.

`OLLAMA_SIMULATOR_COMMAND` replaces the command, to test an installed program.
"""

from __future__ import annotations

import os
import queue
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Self

from tests.acceptance.cells import Cell
from tests.acceptance.rawhttp import Answer, Body, Connection, Ended, Headers, ask

SOURCE = Path(__file__).resolve().parents[2] / "src"
START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0

CONTROL_LINE = re.compile(r"^  Control API: http://[0-9.]+:(\d+)$")
SERVER_LINE = re.compile(r"^  Ollama server: http://[0-9.]+:(\d+)$")


def command() -> list[str]:
    """Return how the program is called."""
    given = os.environ.get("OLLAMA_SIMULATOR_COMMAND")
    return shlex.split(given) if given else [sys.executable, "-m", "ollama_simulator"]


def environment() -> dict[str, str]:
    """Return the environment, in which this source tree is found first."""
    path = [str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}


def run_to_end(*arguments: str, timeout: float = START_TIMEOUT) -> subprocess.CompletedProcess[str]:
    """Run the program when it is expected to end by itself."""
    return subprocess.run(
        [*command(), *arguments],
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


class _Pump(threading.Thread):
    """Read a pipe to its end, so that the program never blocks on it."""

    def __init__(self, pipe: IO[str]) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self.lines: queue.Queue[str] = queue.Queue()
        self._seen: list[str] = []
        self.start()

    def run(self) -> None:
        for line in self._pipe:
            self._seen.append(line)
            self.lines.put(line)

    @property
    def text(self) -> str:
        return "".join(self._seen)


class Program:
    """One running simulator: its process, its ports, its control API."""

    def __init__(self, *arguments: str, files: int | None = None) -> None:
        """Start it, and return when its start-up text is complete. It may have so many `files`
        open, which needs a shell."""
        limited = [] if files is None else ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh"]
        self.process = subprocess.Popen(
            [*limited, *command(), *arguments],
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._out = _Pump(self.process.stdout)
        self._err = _Pump(self.process.stderr)
        self.banner: list[str] = []
        try:
            self._read_banner()
        except BaseException:
            self.kill()
            raise
        self.control_port, self.ports = _ports(self.banner)

    def __enter__(self) -> Self:
        """Use the program as a context, which ends it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        """Stop the program, gently unless something failed."""
        if kind is not None:
            self.kill()
        elif self.process.poll() is None:
            self.stop()

    @property
    def stdout(self) -> str:
        """What it printed so far."""
        return self._out.text

    @property
    def stderr(self) -> str:
        """What it complained of so far."""
        return self._err.text

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def wait(self, timeout: float = STOP_TIMEOUT) -> int:
        """Wait for its end and return the exit status."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {timeout} s after the signal") from None
        self._close()
        return status

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it as a user would, and check that it ends well and without a word."""
        self.send(number)
        status = self.wait()
        assert (status, self.stderr) == (0, "")

    def kill(self) -> None:
        """End it whatever happens."""
        self.process.kill()
        self.process.wait(STOP_TIMEOUT)
        self._close()

    def control(
        self, method: str, path: str, body: Body = None, headers: Headers | None = None
    ) -> Answer:
        """Ask the control API, which must answer completely."""
        answer = ask(self.control_port, method, path, body, headers=headers)
        assert answer.ended is Ended.COMPLETE, f"{method} {path}: {answer!r}"
        return answer

    def accepted(self, method: str, path: str, body: Body = None) -> Any:
        """Ask the control API for something it must accept, and return the document."""
        answer = self.control(method, path, body)
        assert answer.status == 200, f"{method} {path} {body!r}: {answer!r}"
        return answer.json()

    def behave(self, port: int | None, kind: str, **fields: Any) -> None:
        """Set the behaviour of one server, or of all."""
        target = {"all": True} if port is None else port
        behaviour = {"type": kind, **fields}
        document = self.accepted("POST", "/behavior", {"port": target, "behavior": behaviour})
        assert document == {"status": "ok"}

    def servers(self) -> list[dict[str, Any]]:
        """Return all of `/status`."""
        document = self.accepted("GET", "/status")
        assert list(document) == ["servers"], document
        found: list[dict[str, Any]] = document["servers"]
        return found

    def status(self, port: int) -> dict[str, Any]:
        """Return one server's part of `/status`."""
        return next(server for server in self.servers() if server["port"] == port)

    def tokens(self, port: int) -> list[str]:
        """Return the tokens in the KV cache of a server."""
        found: list[str] = self.accepted("GET", f"/kv-cache/{port}")["tokens"]
        return found

    def await_active(self, port: int, count: int, *, timeout: float = 15.0) -> None:
        """Wait until so many requests are active on a server."""
        deadline = time.monotonic() + timeout
        while (active := self.status(port)["active_request_count"]) != count:
            assert time.monotonic() < deadline, (
                f"port {port} has {active} active requests, not {count}, after {timeout} s"
            )
            time.sleep(0.02)

    def admitted(self, port: int) -> float:
        """How many requests have got a slot on a server so far, as `/metrics` tells."""
        lines = self.control("GET", "/metrics").body.decode().splitlines()
        name, label = "ollama_simulator_jobs_admitted_total{", f'port="{port}"'
        counts = [line.split()[-1] for line in lines if line.startswith(name) and label in line]
        return sum(map(float, counts))

    def await_admitted(self, port: int, count: float, *, timeout: float = 15.0) -> None:
        """Wait until so many have got one."""
        deadline = time.monotonic() + timeout
        while (admitted := self.admitted(port)) < count:
            assert time.monotonic() < deadline, (
                f"port {port} has admitted {admitted:g} requests, not {count:g}, after {timeout} s"
            )
            time.sleep(0.02)

    def _read_banner(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT
        while self.banner[-1:] != [""]:
            try:
                line = self._out.lines.get(timeout=0.05)
            except queue.Empty:
                ended = self.process.poll() is not None and not self._out.is_alive()
                if ended or time.monotonic() > deadline:
                    raise AssertionError(
                        f"no complete start-up text from {command()}; exit status "
                        f"{self.process.poll()}, printed {self.stdout!r}, "
                        f"complained {self.stderr!r}"
                    ) from None
                continue
            self.banner.append(line.rstrip("\r\n"))

    def _close(self) -> None:
        for pump, pipe in ((self._out, self.process.stdout), (self._err, self.process.stderr)):
            pump.join(STOP_TIMEOUT)
            if pipe is not None and not pump.is_alive():
                pipe.close()


def _ports(banner: Sequence[str]) -> tuple[int, list[int]]:
    controls = [int(m[1]) for line in banner if (m := CONTROL_LINE.match(line))]
    servers = [int(m[1]) for line in banner if (m := SERVER_LINE.match(line))]
    assert len(controls) == 1, banner
    assert servers, banner
    return controls[0], servers


class Fleet:
    """What one test may do with the running program; it forgets no connection."""

    def __init__(self, program: Program) -> None:
        """Use a running program."""
        self.program = program
        self.ports = program.ports
        self.port = program.ports[0]
        self.control = program.control
        self.accepted = program.accepted
        self.behave = program.behave
        self.status = program.status
        self.tokens = program.tokens
        self.await_active = program.await_active
        self.admitted = program.admitted
        self.await_admitted = program.await_admitted
        self._connections: list[Connection] = []

    def connect(self, port: int | None = None) -> Connection:
        """Open a connection which is closed after the test."""
        connection = Connection(port or self.port)
        self._connections.append(connection)
        return connection

    def open(self, cell: Cell, port: int | None = None) -> Connection:
        """Send the request of a cell on a connection of its own, without reading."""
        connection = self.connect(port)
        connection.ask(cell.method, cell.path, cell.body)
        return connection

    def ask(self, cell: Cell, port: int | None = None, *, silence: float = 15.0) -> Answer:
        """Ask for a cell and read to the end."""
        return ask(port or self.port, cell.method, cell.path, cell.body, silence=silence)

    def close(self) -> None:
        """Leave all connections."""
        for connection in self._connections:
            connection.close()
