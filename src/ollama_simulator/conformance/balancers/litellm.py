"""The adapter of LiteLLM's proxy.

It speaks OpenAI's dialect to its clients. Trouble within a stream becomes an error object in it,
and then the stream ends well. It takes ten seconds of the CPU to import, and a master key to be
asked.

It must not import the scenarios.
"""

import json
from typing import Any

from ollama_simulator.conformance.balancers.adapter import HOST, Place, Setup, register
from ollama_simulator.conformance.balancers.forking import Forking
from ollama_simulator.conformance.balancers.installed import (
    MARKING,
    PARK_S,
    RETRYING,
    TIMES,
    Packages,
    addresses,
    package_version,
    silence,
)
from ollama_simulator.conformance.feature import Feature

KEY = "sk-conformance"
MODEL = "test-model:latest"
SPOKEN = frozenset({Feature.OPENAI, Feature.COMPLETIONS})
CLAIMS = {"": SPOKEN | TIMES | RETRYING | MARKING | {Feature.SHARES}}


@register
class LiteLLM(Forking):
    """LiteLLM proxy."""

    name = "litellm"
    product = "LiteLLM"
    programs = ("litellm",)
    packages = Packages(pip="litellm[proxy]==1.108.7")
    modules = ("litellm", "litellm.proxy.proxy_cli", "litellm.proxy.proxy_server", "uvicorn")
    parallel = 4
    claims = CLAIMS
    home = "LiteLLM proxy"
    version_form = r"Version = (\S+)"
    ready_path = "/health/readiness"
    ready_s = 180.0
    grace_s = 1.0

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """In the foreground."""
        path = place.folder / "config.json"
        path.write_text(json.dumps(configured(setup), indent=1), "utf-8")
        return [[self.path, "--config", str(path), "--host", HOST, "--port", str(place.port)]]

    def environment(self, place: Place) -> dict[str, str]:
        """Nothing is fetched at the start, and nothing is told to anybody."""
        return {
            "HOME": str(place.folder),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_TELEMETRY": "False",
        }

    def headers(self, setup: Setup) -> tuple[tuple[str, str], ...]:
        """The master key."""
        return (("Authorization", f"Bearer {KEY}"),)

    def version_of(self, path: str) -> str:
        """As the package says, since the program takes seconds to tell."""
        return package_version(path, "litellm") or super().version_of(path)


def configured(setup: Setup) -> dict[str, Any]:
    """The configuration file; JSON is YAML."""
    quiet = silence(setup)
    return {
        "model_list": [
            {
                "model_name": MODEL,
                "litellm_params": {
                    "model": f"openai/{MODEL}",
                    "api_base": f"http://{each}/v1",
                    "api_key": "none",
                    "timeout": quiet,
                    "stream_timeout": quiet,
                    "max_retries": 0,
                },
            }
            for each in addresses(setup)
        ],
        "litellm_settings": {"telemetry": False},
        "router_settings": {
            "routing_strategy": "least-busy",
            "num_retries": max(len(setup.servers) - 1, 1),
            "allowed_fails": 0,
            "cooldown_time": PARK_S,
        },
        "general_settings": {"master_key": KEY},
    }
