"""Starts a balancer, waits until it is ready, and makes sure that it is gone afterwards.

Rules of this file:

1. What is started is stopped, by its process id: SIGTERM, then after a fifth of a second the
   kill that nobody can refuse.
2. What it printed is kept, for whoever has to explain a failure.

It must not import the scenarios.
"""

import asyncio
import contextlib
import os
import re
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import IO

from ollama_simulator.clock import WallClock
from ollama_simulator.net import kernel
from ollama_simulator.net.client import Broken, Client

READY_S = 10.0
"""Seconds that a balancer may take to be ready."""
GRACE_S = 0.2
"""Seconds between SIGTERM and the kill."""
EVERYWHERE = ("127.0.0.1", "0.0.0.0")
"""Both are asked: where SO_REUSEADDR means more, one does not tell of the other."""
PORT = 11434
"""Where a balancer with the seed's command line listens."""


class BrokenEnvironment(Exception):
    """The suite can't run here. The text says why, and what would help."""


class Balancer(ABC):
    """A program with the seed's command line, that can be started in front of servers."""

    @abstractmethod
    def command(self, timeout: float, servers: Sequence[int]) -> list[str]:
        """The command line for servers on these ports, in this order."""

    @abstractmethod
    async def ready(self, process: asyncio.subprocess.Process, output: IO[bytes]) -> int:
        """Wait until it accepts connections. Returns its port."""

    @contextlib.asynccontextmanager
    async def running(self, timeout: float, servers: Sequence[int]) -> AsyncIterator["Running"]:
        """Run it for a block. Raises `BrokenEnvironment` if it doesn't start."""
        command = self.command(timeout, servers)
        with tempfile.TemporaryFile() as output:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=asyncio.subprocess.STDOUT,
                )
            except OSError as error:
                raise BrokenEnvironment(f"can't start {command[0]}: {error.strerror}") from None
            try:
                try:
                    async with asyncio.timeout(READY_S):
                        port = await self.ready(process, output)
                except TimeoutError:
                    raise BrokenEnvironment(
                        f"the balancer was not ready within {READY_S:g} s{_said(output)}"
                    ) from None
                yield Running(port, process, output)
            finally:
                await _stop(process)
                await self.stopped()

    @abstractmethod
    async def stopped(self) -> None:
        """Called when its process is gone; returns when another one can be started."""


class Running:
    """A balancer that was started."""

    def __init__(self, port: int, process: asyncio.subprocess.Process, output: IO[bytes]) -> None:
        self.port = port
        self._process = process
        self._output = output

    def ended(self) -> str | None:
        """How its process ended by itself, in words; None while it runs, as it should."""
        if self._process.returncode is None:
            return None
        return f"it ended with status {self._process.returncode}{_said(self._output)}"


class Embedded(Balancer):
    """The reference balancer, sound or with a flaw, on a free port."""

    def __init__(self, flaw: str | None = None) -> None:
        self._flaw = flaw

    def command(self, timeout: float, servers: Sequence[int]) -> list[str]:
        """This Python, running the reference or the flaw."""
        package = __name__.rpartition(".")[0]
        module = [f"{package}.flaws", self._flaw] if self._flaw else [f"{package}.reference"]
        options = ["--listen=127.0.0.1:0", *seed_options(timeout, servers)]
        return [sys.executable, "-m", *module, *options]

    async def ready(self, process: asyncio.subprocess.Process, output: IO[bytes]) -> int:
        """Wait for the line that tells the port."""
        while True:
            found = re.search(rb"listening on http://[^:]+:(\d+)\n", _read(output))
            if found:
                return int(found.group(1))
            await _pause(process, output)

    async def stopped(self) -> None:
        """The next one takes another port."""


class Program(Balancer):
    """Any program with the seed's command line, which listens on 11434."""

    def __init__(self, path: str) -> None:
        """Raises `BrokenEnvironment` if there is no such program."""
        self._path = Path(path)
        if not self._path.is_file():
            what = "it is a directory" if self._path.is_dir() else "there is no such file"
            raise BrokenEnvironment(f"--balancer {path}: {what}")
        script = self._path.suffix == ".py"
        if not script and not os.access(self._path, os.X_OK):
            raise BrokenEnvironment(f"--balancer {path}: the file is not executable")
        self._start = [sys.executable] if script else []

    def command(self, timeout: float, servers: Sequence[int]) -> list[str]:
        """The program with the seed's options; a Python script by this Python."""
        return [*self._start, str(self._path.resolve()), *seed_options(timeout, servers)]

    async def ready(self, process: asyncio.subprocess.Process, output: IO[bytes]) -> int:
        """Wait until port 11434 accepts."""
        while True:
            with contextlib.suppress(Broken):
                (await Client.connect("127.0.0.1", PORT, 1.0)).close()
                return PORT
            await _pause(process, output)

    async def stopped(self) -> None:
        """Wait until its port is free again. Raises `BrokenEnvironment` if it stays taken."""
        clock = WallClock()
        limit = clock.now() + 5.0
        while True:
            try:
                for host in EVERYWHERE:
                    kernel.listen(host, PORT).close()
                return
            except kernel.PortTaken as taken:
                if clock.now() > limit:
                    raise BrokenEnvironment(f"after the balancer ended, {taken}") from None
            await clock.sleep_until(clock.now() + 0.05)


def seed_options(timeout: float, servers: Sequence[int]) -> list[str]:
    """The seed's command line (seed facts, "The balancer's command line and the runner")."""
    urls = [f"--server=http://127.0.0.1:{port}=Server{port}" for port in servers]
    return [f"--timeout={timeout:g}", *urls]


async def _pause(process: asyncio.subprocess.Process, output: IO[bytes]) -> None:
    clock = WallClock()
    await clock.sleep_until(clock.now() + 0.02)
    if process.returncode is not None:
        raise BrokenEnvironment(
            f"the balancer ended at once with status {process.returncode}{_said(output)}"
        )


async def _stop(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        try:
            async with asyncio.timeout(GRACE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
    await process.wait()


def _read(output: IO[bytes]) -> bytes:
    # The child shares this descriptor's position, so it is read without moving it.
    if hasattr(os, "pread"):
        return os.pread(output.fileno(), 1 << 20, 0)
    position = output.tell()
    output.seek(0)
    data = output.read()
    output.seek(position)
    return data


def _said(output: IO[bytes]) -> str:
    lines = _read(output).decode("utf-8", "replace").strip().splitlines()[-5:]
    return "; it said:\n    " + "\n    ".join(lines) if lines else "; it said nothing"
