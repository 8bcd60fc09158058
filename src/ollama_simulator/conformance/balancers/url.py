"""The adapter of a balancer that is running already: nothing is started, and nothing is stopped.

It must not import the scenarios.
"""

import contextlib
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

from ollama_simulator.conformance.balancers.adapter import (
    HOST,
    Balancer,
    BrokenEnvironment,
    Place,
    Setup,
)
from ollama_simulator.conformance.balancers.program import CLAIMS
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.net.client import Broken, Client

CONNECT_S = 5.0
"""Seconds that a connection to it may take before anything is played."""


class Url(Balancer):
    """A balancer that somebody else started in front of the fleet's ports."""

    name = "url"
    ours = False
    fixed_servers = True
    parallel = 1
    ready_s = 30.0

    def __init__(self, url: str, features: frozenset[Feature] = CLAIMS) -> None:
        """Raises `BrokenEnvironment` if it can't be the URL of one on this machine."""
        try:
            parts = urlsplit(url)
            port = parts.port or 80
        except ValueError as error:
            raise BrokenEnvironment(f"--url {url}: {error}") from None
        if parts.scheme != "http" or parts.path not in ("", "/") or parts.query or parts.username:
            raise BrokenEnvironment(f"--url {url}: it must be like http://127.0.0.1:8080")
        if parts.hostname not in ("127.0.0.1", "localhost"):
            raise BrokenEnvironment(
                f"--url {url}: the simulated servers can be reached from this machine only, so "
                "the balancer must be on it: 127.0.0.1"
            )
        self._port = port
        self._url = url
        self.home = url
        self.features = features

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """None."""
        return []

    def configuration(self, place: Place, commands: object) -> str:
        """Nothing is known of it."""
        return f"running already at {self._url}"

    @contextlib.asynccontextmanager
    async def in_use(self) -> AsyncIterator[None]:
        """Where nobody listens there is nothing to wait for. Raises `BrokenEnvironment`."""
        try:
            (await Client.connect(HOST, self._port, CONNECT_S)).close()
        except Broken as broken:
            words = f"--url {self._url}: nothing listens there ({broken}); start the balancer first"
            raise BrokenEnvironment(words) from None
        yield

    def late(self, output: object) -> str:
        """What it prints is not ours to read."""
        return (
            f"--url {self._url}: it did not answer GET {self.ready_path} with 200 within "
            f"{self.ready_s:g} s, though the servers behind it are there"
        )

    @contextlib.contextmanager
    def ports(self) -> Iterator[tuple[int, ...]]:
        """Where it listens."""
        yield (self._port,)
