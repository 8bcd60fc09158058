"""A signal ends a program at whatever moment it comes: soon, with its status, and with all of it.

A program's processes are told apart from others by a variable of their environment, as some are in
sessions of their own.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from ollama_simulator import simulate
from tests.acceptance.cells import CHAT
from tests.acceptance.program import Program, environment
from tests.acceptance.rawhttp import Connection

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has neither these signals nor pseudo terminals"
)

LIMIT_S = 2.0
"""Seconds in which all is ended, of a machine that has time for it."""
MOMENTS = tuple(n * 1.5 / 7 for n in range(8))
"""Seconds after the start: while Python starts, while it imports, while it takes ports and starts
processes, and when it has."""
MARK = "OLLAMA_SIMULATOR_TEST"
SIMULATOR = "from ollama_simulator.entry import simulator; simulator()"
SUITE = "from ollama_simulator.entry import suite; suite()"
PORTS = ("--control-port", "0", "--server-ports", "0,0,0")

KILLED = {number: {-number, 128 + number} for number in (signal.SIGINT, signal.SIGTERM)}
"""The status of who is ended before it serves: killed, or ended by itself as if it were."""


def slowness() -> float:
    """How many seconds a second of work takes here and now."""
    wall, work = time.monotonic(), time.process_time()
    while time.process_time() - work < 0.03:
        pass
    return (time.monotonic() - wall) / (time.process_time() - work)


class Started:
    """A program, and all processes that are started for it."""

    def __init__(self, code: str, *words: str, folder: Path) -> None:
        self.mark = uuid.uuid4().hex
        self._files = [folder / f"{self.mark}.out", folder / f"{self.mark}.err"]
        out, err = (file.open("wb") for file in self._files)
        with out, err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", code, *words],
                env={**environment(), MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                cwd=folder,
            )

    @property
    def out(self) -> str:
        """What it said."""
        return self._files[0].read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        """What it complained of."""
        return "" if self.too_early else self._files[1].read_text(encoding="utf-8")

    @property
    def too_early(self) -> bool:
        """Whether it was interrupted before anything of it was there: in Python's own start, which
        shows where, and ends with 1."""
        text = self._files[1].read_text(encoding="utf-8")
        return "KeyboardInterrupt" in text and "ollama_simulator" not in text

    def told(self, number: signal.Signals, again: Sequence[float] = ()) -> int:
        """Send a signal to all of its group, as a terminal does, and others after some seconds.
        Returns the status with which it ends, which must be soon, and all others with it."""
        slow, begun = slowness(), time.monotonic()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)
            for seconds in again:
                time.sleep(seconds)
                os.killpg(self.process.pid, number)
        try:
            status = self.process.wait(30)
            while left := self._others():
                assert time.monotonic() - begun < 30, f"left behind: {left}"
                time.sleep(0.01)
            took = time.monotonic() - begun
        finally:
            self.end()
        slow = max(slow, slowness(), 1.0)
        assert took < LIMIT_S * slow, f"it took {took:.2f} s on a machine {slow:.1f} times slower"
        return -number if self.too_early else status

    def _others(self) -> list[str]:
        """Its processes that are still there."""
        found = []
        for each in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if each.environ().get(MARK) == self.mark and each.pid != self.process.pid:
                    found.append(" ".join(each.cmdline()))
        return found

    def end(self) -> None:
        """Kill what is left of it."""
        self.process.kill()
        self.process.wait()
        for each in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if each.environ().get(MARK) == self.mark:
                    each.kill()


def ended(started: Started, after: float, number: signal.Signals, *again: float) -> int:
    """End a program at a moment. It must not say anything of that."""
    time.sleep(after)
    status = started.told(number, again)
    assert started.err == ""
    return status


def of(turn: int) -> signal.Signals:
    """One or the other signal."""
    return (signal.SIGINT, signal.SIGTERM)[turn % 2]


@pytest.mark.parametrize(
    ("first", "options"),
    [(0, ()), (1, ()), (0, ("--workers", "2"))],
    ids=["first", "second", "workers"],
)
def test_the_simulator_at_any_moment(first: int, options: tuple[str, ...], tmp_path: Path) -> None:
    """0 when it serves, and before as if it were killed. Its workers end with it."""
    statuses = []
    for turn, moment in enumerate(MOMENTS, first):
        started = Started(SIMULATOR, *PORTS, *options, folder=tmp_path)
        status = ended(started, moment, of(turn))
        serves = "Shutting down simulator..." in started.out
        assert status in ({0} if serves else {0, *KILLED[of(turn)]})
        statuses.append(status)
    assert statuses[0] != 0, "the first moment is too early to serve"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_impatient_user(number: signal.Signals, tmp_path: Path) -> None:
    """A second and a third signal change nothing, also while the first one is obeyed."""
    for again in ((0.0, 0.05), (0.1, 0.2)):
        started = Started(SIMULATOR, *PORTS, folder=tmp_path)
        until(started, "Ollama server")
        assert ended(started, 0.4, number, *again) in {0, -number}


def until(started: Started, words: str) -> None:
    """Wait until it has said something."""
    deadline = time.monotonic() + 30
    while words not in started.out:
        assert time.monotonic() < deadline, started.err
        time.sleep(0.01)


def test_the_suite_at_any_moment(tmp_path: Path) -> None:
    """While it imports, while its balancers start, while they play; none is left behind."""
    for turn, moment in enumerate((*MOMENTS[::2], 1.7, 2.0, 2.5, 3.0, 4.0)):
        started = Started(SUITE, "--all", folder=tmp_path)
        again = (0.05,) if turn % 3 == 0 else ()
        assert ended(started, moment, of(turn), *again) in KILLED[of(turn)]


FOREVER = ("--workload", "chat:think_s=0,systems=0,asked=10,answered=2000", "--users", "3")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server that takes its time."""
    with simulate(profile="rtx-4090-llama3-8b") as fleet:
        yield fleet["s1"].url


def calls(name: str, url: str, folder: Path) -> tuple[str, tuple[str, ...]]:
    """How another program is called, so that it would go on for long."""
    return {
        "load": (SUITE, ("load", url, *FOREVER)),
        "policies": (SUITE, ("policies", "--engine", "legacy", "--users", "24", "--hours", "2")),
        "kills": (SUITE, ("kills", "--flaw", "drops-query")),
        "record": (
            SIMULATOR,
            ("record", url, "--to", str(folder / "recording.jsonl"), "--port", "0", *PORTS[:2]),
        ),
        "calibrate": (
            SIMULATOR,
            ("calibrate", url, "--model", "test-model", "--output", str(folder / "new.toml")),
        ),
    }[name]


@pytest.mark.parametrize("name", ["load", "policies", "kills", "record", "calibrate"])
def test_others_at_any_moment(name: str, server: str, tmp_path: Path) -> None:
    """Each with the status of its signal, but for a recording, which is then complete."""
    for turn, moment in enumerate((0.4, 1.0, 1.6, 2.2)):
        code, words = calls(name, server, tmp_path)
        started = Started(code, *words, folder=tmp_path)
        time.sleep(moment)
        status = started.told(of(turn))
        allowed = KILLED[of(turn)] | ({0} if name == "record" else set())
        assert status in allowed, started.err
        assert "Traceback" not in started.err
        assert not (tmp_path / "new.toml").exists(), "nobody takes a half for a profile"


def test_under_load(tmp_path: Path) -> None:
    """Streams, clients that never read, followers of the journal: all are ended with it."""
    with Program(*PORTS) as program, contextlib.ExitStack() as stack:
        program.behave(None, "Slow", tokens_per_sec=200.0, num_tokens=100_000)
        for number in range(60):
            connection = stack.enter_context(Connection(program.ports[number % 3]))
            connection.ask(CHAT.method, CHAT.path, CHAT.body)
        for path in ("/journal/stream", "/journal?limit=10000", "/metrics", "/journal/stream"):
            follower = stack.enter_context(Connection(program.control_port))
            follower.ask("GET", path)
        code, words = calls("load", f"http://127.0.0.1:{program.ports[0]}", tmp_path)
        load = Started(code, *words, folder=tmp_path)
        try:
            time.sleep(2.0)
            slow, begun = slowness(), time.monotonic()
            program.send(signal.SIGTERM)
            assert program.wait() == 0
            assert time.monotonic() - begun < LIMIT_S * max(slow, slowness(), 1.0)
            assert program.stderr == ""
        finally:
            load.end()


# --- on a terminal --------------------------------------------------------------------------


class Terminal:
    """A terminal of its own, in which a program runs in the foreground."""

    def __init__(self, code: str, *words: str, folder: Path) -> None:
        import pty
        import termios

        self._name = ""
        self.pid, self.ours = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            command = [sys.executable, "-c", code, *words]
            variables = {**environment(), "TERM": "xterm-256color", "COLUMNS": "100"}
            os.execve(sys.executable, command, {**variables, "LINES": "30"})
        self.text = ""
        self._before: Any = termios.tcgetattr(self.ours)

    def read(self, seconds: float) -> bool:
        """Read what comes. Returns False when the program's side is closed."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self.ours], [], [], min(left, 0.1))[0]:
                try:
                    data = os.read(self.ours, 65536)
                except OSError:  # Linux: nobody has the other side open any more
                    return False
                if not data:
                    return False
                self.text += data.decode("utf-8", "replace")
        return True

    def until_drawn_on(self) -> None:
        """Read until the cursor was hidden."""
        deadline = time.monotonic() + 60
        while "\x1b[?25l" not in self.text:
            assert self.read(0.1), self.text[-500:]
            assert time.monotonic() < deadline, self.text[-500:]

    def ended(self) -> int:
        """Wait for the end, and see that the terminal is as it was. Returns the status."""
        import termios

        attributes: Any = termios.tcgetattr(self.ours)
        deadline = time.monotonic() + 30
        while self.read(0.2):
            assert time.monotonic() < deadline, self.text[-500:]
            with contextlib.suppress(termios.error):
                attributes = termios.tcgetattr(self.ours)
        _, status = os.waitpid(self.pid, 0)
        os.close(self.ours)
        assert attributes == self._before
        for shown, undone in (("\x1b[?25l", "\x1b[?25h"), ("\x1b[?1049h", "\x1b[?1049l")):
            assert self.text.rfind(shown) <= self.text.rfind(undone), self.text[-500:]
        assert "Traceback" not in self.text
        return os.waitstatus_to_exitcode(status)


@pytest.mark.parametrize("how", ["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("name", ["simulator", "suite", "load"])
def test_the_terminal_is_as_it_was(name: str, how: str, server: str, tmp_path: Path) -> None:
    """At any moment, also when it has been drawn on; the key itself is pressed, which the terminal
    turns into the signal."""
    for moment in (0.7, 1.1, None):
        code, words = {
            "simulator": (SIMULATOR, PORTS),
            "suite": (SUITE, ("--all",)),
            "load": calls("load", server, tmp_path),
        }[name]
        terminal = Terminal(code, *words, folder=tmp_path)
        if moment is None:
            terminal.until_drawn_on()
        else:
            terminal.read(moment)
        if how == "Ctrl-C":
            os.write(terminal.ours, b"\x03")
            number = signal.SIGINT
        else:
            os.kill(terminal.pid, signal.SIGTERM)
            number = signal.SIGTERM
        status = terminal.ended()
        assert status in KILLED[number] | ({0} if name == "simulator" else set())
