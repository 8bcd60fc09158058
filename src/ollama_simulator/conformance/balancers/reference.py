"""The adapter of the reference balancer, sound or with a flaw, on a free port.

It must not import the scenarios.
"""

import contextlib
import math
import re
import sys
from collections.abc import AsyncIterator, Iterator
from typing import IO

from ollama_simulator import __version__
from ollama_simulator.conformance.balancers.adapter import (
    Balancer,
    Place,
    Running,
    Setup,
    pause,
    register,
)
from ollama_simulator.conformance.balancers.nursery import Nursery
from ollama_simulator.conformance.balancers.process import Process, read
from ollama_simulator.conformance.feature import SEED, V104, Feature
from ollama_simulator.conformance.flaws.flaw import source

OPTIONS: dict[Feature, tuple[str, ...]] = {
    Feature.MARKS_5XX: ("--mark-5xx",),
    Feature.SHARES: ("--share",),
    Feature.SPREADS: ("--share",),
    Feature.LEAST_LOADED: ("--share",),
    Feature.RETRIES: ("--retry",),
    Feature.RETRIES_SILENT: ("--retry-silent",),
    Feature.RETRIES_5XX: ("--retry-5xx",),
    Feature.HEALTH_CHECKS: ("--check=0.25",),
    Feature.QUEUES: ("--queue=10",),
    Feature.RETRY_AFTER: ("--retry-after",),
    Feature.CREDENTIALS: ("--credentials",),
    Feature.DRAINS: ("--drain=10",),
    **dict.fromkeys(V104, ("--v104",)),
}
"""What it only does when told, and how it is told."""


@register
class Reference(Balancer):
    """The reference balancer. It follows the seed's contract, unless a case needs more."""

    name = "reference"
    features = SEED | frozenset(
        {
            Feature.NATIVE,
            Feature.OPENAI,
            Feature.COMPLETIONS,
            Feature.ANTHROPIC,
            Feature.PASSTHROUGH,
            Feature.TIMEOUT,
            Feature.STALL_TIMEOUT,
            Feature.MARKS,
            *OPTIONS,
        }
    )
    home = "embedded"

    def __init__(self, flaw: str | None = None, nursery: Nursery | None = None) -> None:
        """`nursery` starts it, if there is one already; else each run has one of its own."""
        self.flaw = flaw
        self.variant = flaw or ""
        self._nursery = nursery

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """This Python, running the reference or the flaw."""
        package = (__package__ or "").rpartition(".")[0]
        module = [f"{package}.reference"]
        if self.flaw:
            outside = source(self.flaw)
            module = [f"{package}.flaws", *(["--load", outside] if outside else []), self.flaw]
        wanted = [OPTIONS[feature] for feature in OPTIONS if feature in setup.needs]
        told = dict.fromkeys(word for words in wanted for word in words)
        options = ["--listen=127.0.0.1:0", *told, *setup.options, *seed_options(setup)]
        return [[sys.executable, "-m", *module, *options]]

    @contextlib.asynccontextmanager
    async def in_use(self) -> AsyncIterator[None]:
        """With a nursery, where the system has such."""
        if self._nursery is not None:
            yield
            return
        async with Nursery.open() as self._nursery:
            yield
        self._nursery = None

    async def start(self, command: list[str], place: Place, output: IO[bytes]) -> Process:
        """By the nursery, if there is one."""
        if self._nursery is None:
            return await super().start(command, place, output)
        words = command[3:] if self.flaw else ["", *command[3:]]
        return await self._nursery.start(words, output.name)

    def environment(self, place: Place) -> dict[str, str]:
        """Ours."""
        return {}

    def version(self) -> str:
        """That of the suite."""
        return __version__

    @contextlib.contextmanager
    def ports(self) -> Iterator[tuple[int, ...]]:
        """It takes a free one itself, and tells."""
        yield (0,)

    async def ready(self, running: Running) -> None:
        """Wait for the line that tells the port."""
        while True:
            found = re.search(rb"listening on http://[^:]+:(\d+)\r?\n", read(running.output))
            if found:
                running.port = int(found.group(1))
                return
            await pause(running)


def seed_options(setup: Setup) -> list[str]:
    """The seed's command line (seed facts, "The balancer's command line and the runner"). The
    seed's program reads whole seconds only."""
    notes = setup.annotations or ("",) * len(setup.servers)
    urls = [
        f"--server=http://127.0.0.1:{port}=Server{port}{note}"
        for port, note in zip(setup.servers, notes, strict=True)
    ]
    return [
        f"--timeout={math.ceil(setup.timeout)}",
        *(f"--kv-q8={model}" for model in setup.kv_q8),
        *urls,
    ]
