"""The adapter of ollama-herd: a router, and an agent for each server.

One request at a time for each server and model; the others wait. What one client asks of one model
stays with one server, and waits there though others are idle; so each request of ours is said to
be a session of its own. It answers 200 before it has asked anybody, so total failure is an answer
that breaks off. For a model that is not in memory it would answer with another one that is, which
is turned off here.

It announces itself on the local network by mDNS, and nothing turns that off; its statistics of
usage are turned off here.

It must not import the scenarios.
"""

import json

from ollama_simulator.conformance.balancers.adapter import (
    HOST,
    Place,
    Running,
    Setup,
    fetch,
    pause,
    register,
)
from ollama_simulator.conformance.balancers.forking import Forking
from ollama_simulator.conformance.balancers.installed import Packages, addresses
from ollama_simulator.conformance.feature import Feature

BEAT_S = "1"
"""Seconds between two reports of an agent."""
CLAIMS = {
    "": frozenset(
        {
            Feature.NATIVE,
            Feature.OPENAI,
            Feature.RETRIES,
            Feature.RETRIES_5XX,
            Feature.QUEUES,
            Feature.EXCLUSIVE,
            Feature.MODEL_AWARE,
            Feature.WARM_FIRST,
            Feature.AGGREGATES,
        }
    )
}


@register
class OllamaHerd(Forking):
    """ollama-herd."""

    name = "ollama-herd"
    product = "ollama-herd"
    programs = ("herd",)
    packages = Packages(pip="ollama-herd==0.11.4")
    modules = (
        "fleet_manager.cli.server_cli",
        "fleet_manager.cli.node_cli",
        "fleet_manager.server.app",
        "fleet_manager.node.agent",
        "uvicorn",
    )
    parallel = 2
    claims = CLAIMS
    home = "ollama-herd"
    ready_s = 180.0
    grace_s = 3.0

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """The router, and the agents, which find it by its URL."""
        router = f"http://{HOST}:{place.port}"
        agent = self.path.removesuffix("herd") + "herd-node"
        agents = [
            [agent, "--node-id", f"n{number}", "--ollama-host", f"http://{each}"]
            for number, each in enumerate(addresses(setup), 1)
        ]
        front = [self.path, "--host", HOST, "--port", str(place.port)]
        return [front, *([*each, "--router-url", router] for each in agents)]

    def environment(self, place: Place) -> dict[str, str]:
        """Nothing is told to its makers, and it asks its servers for nothing by itself."""
        return {
            "HOME": str(place.folder),
            "FLEET_DATA_DIR": str(place.folder / "data"),
            "FLEET_NODE_DATA_DIR": str(place.folder / "data"),
            "FLEET_NODE_TELEMETRY": "false",
            "FLEET_TELEMETRY": "false",
            "FLEET_NODE_HEARTBEAT_INTERVAL": BEAT_S,
            "FLEET_NODE_POLL_INTERVAL": BEAT_S,
            "FLEET_MDNS_SERVICE_NAME": f"herd-{place.port}",
            "FLEET_DISABLE_MODEL_PRELOADER": "true",
            "FLEET_AUTO_PULL": "false",
            "FLEET_VRAM_FALLBACK": "false",
            "FLEET_ANTHROPIC_AUTO_ROUTE": "false",
        }

    def headers(self, setup: Setup) -> tuple[tuple[str, str], ...]:
        """A session for each request."""
        return (("X-Herd-Tags", "session:NONCE"),)

    async def ready(self, running: Running) -> None:
        """Wait until every agent has reported."""
        wanted = len(running.processes) - 1
        while True:
            status = await fetch(running.port, "/fleet/status")
            if status is not None and json.loads(status)["fleet"]["nodes_online"] >= wanted:
                return
            await pause(running)
