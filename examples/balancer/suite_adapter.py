"""How the conformance suite starts the balancer, and what its author claims of it."""

import sys
from pathlib import Path

from ollama_simulator.conformance.balancers.adapter import Balancer, Place, Setup, register
from ollama_simulator.conformance.feature import Feature

PROGRAM = Path(__file__).with_name("tiny_balancer.py")


@register
class Tiny(Balancer):
    """The balancer of this example."""

    name = "tiny"
    home = "the example `balancer` of ollama_simulator"
    features = frozenset(
        {
            Feature.NATIVE,
            Feature.OPENAI,
            Feature.ANTHROPIC,
            Feature.SHARES,
            Feature.LEAST_LOADED,
        }
    )

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """One process. It is ready when it answers."""
        servers = [f"http://127.0.0.1:{port}" for port in setup.servers]
        return [[sys.executable, str(PROGRAM), f"--listen=127.0.0.1:{place.port}", *servers]]
