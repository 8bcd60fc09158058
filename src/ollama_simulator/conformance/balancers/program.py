"""The adapter of any program with the seed's command line, which listens on 11434.

It must not import the scenarios.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from ollama_simulator.clock import WallClock
from ollama_simulator.conformance.balancers.adapter import (
    Balancer,
    BrokenEnvironment,
    Place,
    Running,
    Setup,
    pause,
)
from ollama_simulator.conformance.balancers.ports import EVERYWHERE
from ollama_simulator.conformance.balancers.reference import seed_options
from ollama_simulator.conformance.feature import V104, Feature
from ollama_simulator.net import kernel
from ollama_simulator.net.client import Broken, Client

LOOPBACK = "127.0.0.1"
PORT = 11434
"""Where a balancer with the seed's command line listens."""
CLAIMS = frozenset(
    {
        Feature.NATIVE,
        Feature.OPENAI,
        Feature.COMPLETIONS,
        Feature.ANTHROPIC,
        Feature.PASSTHROUGH,
        Feature.TIMEOUT,
        Feature.STALL_TIMEOUT,
    }
)
"""What the command line itself claims: it has a time-out, and it knows nothing of dialects."""


class Program(Balancer):
    """Any program with the seed's command line."""

    parallel = 1
    fixed_servers = True
    takes = (PORT,)

    def __init__(self, path: str) -> None:
        """Raises `BrokenEnvironment` if there is no such program."""
        self._path = Path(path)
        if not self._path.is_file():
            what = "it is a directory" if self._path.is_dir() else "there is no such file"
            raise BrokenEnvironment(f"--balancer {path}: {what}")
        script = self._path.suffix == ".py"
        if not script and not os.access(self._path, os.X_OK):
            raise BrokenEnvironment(f"--balancer {path}: the file is not executable")
        self._runner = [sys.executable] if script else []
        self.home = self._path.name
        self.features = CLAIMS

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """The program with the seed's options; a Python script by this Python."""
        bind = [f"--bind={LOOPBACK}:{PORT}"] if setup.needs >= V104 else []
        return [[*self._runner, str(self._path.resolve()), *bind, *seed_options(setup)]]

    def environment(self, place: Place) -> dict[str, str]:
        """Ours."""
        return {}

    @contextlib.contextmanager
    def ports(self) -> Iterator[tuple[int, ...]]:
        """The seed's."""
        yield (PORT,)

    async def ready(self, running: Running) -> None:
        """Wait until its port accepts."""
        while True:
            with contextlib.suppress(Broken):
                (await Client.connect("127.0.0.1", PORT, 1.0)).close()
                return
            await pause(running)

    async def gone(self) -> None:
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
