"""The adapter of a balancer that is running already: nothing is started, and nothing is stopped.

It must not import the scenarios.
"""

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from ollama_simulator.conformance.balancers.adapter import (
    Balancer,
    BrokenEnvironment,
    Place,
    Setup,
)
from ollama_simulator.conformance.balancers.program import CLAIMS
from ollama_simulator.conformance.feature import Feature


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

    @contextlib.contextmanager
    def ports(self) -> Iterator[tuple[int, ...]]:
        """Where it listens."""
        yield (self._port,)
