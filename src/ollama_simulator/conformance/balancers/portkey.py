"""The adapter of Portkey's gateway. Known bad company: a broken stream ends as if it were complete.

It has no list of servers: each request carries one. It draws a server by weight. It has no option
for an address, so it listens on every interface of this machine while a case is played.

It must not import the scenarios.
"""

import json

from ollama_simulator.conformance.balancers.adapter import Place, Setup, register
from ollama_simulator.conformance.balancers.installed import (
    Packages,
    addresses,
)
from ollama_simulator.conformance.balancers.node import Script
from ollama_simulator.conformance.feature import Feature

CLAIMS = {
    "": frozenset(
        {
            Feature.OPENAI,
            Feature.COMPLETIONS,
            Feature.TIMEOUT,
            Feature.SHARES,
            Feature.SPREADS,
        }
    ),
}


@register
class Portkey(Script):
    """Portkey AI gateway."""

    name = "portkey"
    product = "Portkey's gateway"
    programs = ("@portkey-ai/gateway/build/start-server.js",)
    # As published it takes newer ones, with which every answer is a 500.
    packages = Packages(
        npm="@portkey-ai/gateway@1.15.2",
        overrides={"hono": "4.6.10", "@hono/node-server": "1.13.7"},
    )
    parallel = 3
    claims = CLAIMS
    home = "Portkey AI gateway (npm)"
    ready_path = "/"
    ready_s = 30.0

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """Without its console."""
        return [[*self.runner(), self.path, f"--port={place.port}", "--headless"]]

    def headers(self, setup: Setup) -> tuple[tuple[str, str], ...]:
        """The servers."""
        told = {
            "strategy": {"mode": "loadbalance"},
            **({"request_timeout": round(setup.timeout * 1000)} if setup.timeout else {}),
            "targets": [
                {
                    "provider": "openai",
                    "api_key": "none",
                    "custom_host": f"http://{each}/v1",
                    "weight": 1,
                }
                for each in addresses(setup)
            ],
        }
        return (("x-portkey-config", json.dumps(told)),)
