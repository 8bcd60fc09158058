"""The adapter of vllm-router.

Below `/v1` it asks another server if one fails; what goes to any other path it passes on once. It
loses queries, writes JSON anew, and knows a limit of time for a whole answer only. It insists on a
200 to `GET /health` from each server, which no Ollama has: so the servers are given one.

It must not import the scenarios.
"""

from ollama_simulator.conformance.balancers.adapter import HOST, Place, Setup, register
from ollama_simulator.conformance.balancers.installed import (
    MARKING,
    PARK_S,
    Installed,
    Packages,
    addresses,
    package_version,
)
from ollama_simulator.conformance.feature import Feature

SETTINGS = {"health": True}
CLAIMS = {
    "": MARKING
    | {
        Feature.NATIVE,
        Feature.OPENAI,
        Feature.COMPLETIONS,
        Feature.ANTHROPIC,
        Feature.HEALTH_CHECKS,
        Feature.SHARES,
        Feature.SPREADS,
    },
}


@register
class VllmRouter(Installed):
    """vllm-router."""

    name = "vllm-router"
    product = "vllm-router"
    programs = ("vllm-router",)
    packages = Packages(pip="vllm-router==0.1.17")
    parallel = 3
    more_ports = 1
    server_settings = SETTINGS
    claims = CLAIMS
    home = "vllm-router"
    ready_path = "/health"
    ready_s = 30.0
    grace_s = 1.0

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """All by its command line; its figures are on a port of their own."""
        told = {
            "--host": HOST,
            "--port": place.port,
            "--policy": "round_robin",
            "--health-check-endpoint": "/api/version",
            "--health-check-interval-secs": 1,
            "--health-failure-threshold": 1,
            "--health-success-threshold": 1,
            "--worker-startup-timeout-secs": 20,
            "--worker-startup-check-interval": 1,
            "--prometheus-host": HOST,
            "--prometheus-port": place.more[0],
            "--cb-failure-threshold": 1,
            "--cb-timeout-duration-secs": PARK_S,
            "--retry-max-retries": len(setup.servers),
        }
        words = [str(word) for pair in told.items() for word in pair]
        servers = [f"http://{each}" for each in addresses(setup)]
        return [[self.path, *words, "--worker-urls", *servers]]

    def version_of(self, path: str) -> str:
        """It doesn't tell; the packages beside it do."""
        return package_version(path, "vllm-router") or "unknown"
