"""The older control routes, as the description of the API tells of them.

Rules of this file:

1. It describes routes that are served elsewhere (`classic`, `scripts`, `metrics`). What is wrong
   with a request they tell as `{"error": ...}`.

It must not import the servers' insides.
"""

import functools
from typing import Any

import msgspec

from ollama_simulator.control import classic, metrics, scripts
from ollama_simulator.control.operation import Example, Operation

TAG = "By port"


class Ok(msgspec.Struct, frozen=True):
    """It is done."""

    status: str
    """`ok`."""


class Failure(msgspec.Struct, frozen=True):
    """What is wrong with a request."""

    error: str
    """The field, and what would be right."""


class Status(msgspec.Struct, frozen=True):
    """Every server."""

    servers: list[classic.ServerStatus]
    """By port."""


class RequestCount(msgspec.Struct, frozen=True):
    """How many requests a server got."""

    port: int
    request_count: int


class PortKvCache(msgspec.Struct, frozen=True):
    """What is in a server's KV cache."""

    port: int
    token_count: int
    tokens: list[str]


class PortCancelled(msgspec.Struct, frozen=True):
    """What was cancelled."""

    cancelled: int
    """How many requests."""


PORT = 11501
ALL = {"all": True}
MODEL = {
    "name": "qwen3-32b",
    "size": 20_000_000_000,
    "digest": "030ee887880f",
    "family": "qwen3",
    "parameter_size": "32.8B",
    "quantization_level": "Q4_K_M",
}
SCRIPT = {"contains": "weather", "answer": [{"content": "Sunny."}]}


def _old(
    method: Any, path: str, handler: Any, gives: Any, *bodies: Any, **fields: Any
) -> Operation:
    own = {"port": str(PORT)} if "{port}" in path else {}
    examples = tuple(Example(path=own, body=body) for body in bodies) or (Example(path=own),)
    return Operation(
        method=method,
        path=path,
        does=handler.does,
        tag=TAG,
        gives=gives,
        examples=examples,
        **fields,
    )


@functools.cache
def older() -> tuple[Operation, ...]:
    """The older routes. None of these operations is carried out."""
    hang, normal = {"type": "Hang"}, {"type": "Normal"}
    wish: dict[str, Any] = {"refuses": (400, 404)}
    return (
        _old("GET", "/status", classic.status, Status),
        _old(
            "POST",
            "/behavior",
            classic.set_behavior,
            Ok,
            {"port": PORT, "behavior": hang},
            {"port": ALL, "behavior": normal},
            takes=classic._set_behavior,
            refuses=(400, 404, 409, 501),
        ),
        _old(
            "POST",
            "/models",
            classic.set_models,
            Ok,
            {"port": PORT, "models": [MODEL]},
            takes=classic.SetModels,
            **wish,
        ),
        _old(
            "POST",
            "/loaded-model",
            classic.set_loaded_model,
            Ok,
            {"port": PORT, "model": "test-model"},
            takes=classic.SetLoadedModel,
            **wish,
        ),
        _old(
            "POST",
            "/reset",
            classic.reset,
            Ok,
            None,
            {"clear_counters": True},
            takes=classic.Reset,
            needs_body=False,
            refuses=(400, 409),
        ),
        _old("GET", "/request-count/{port}", classic.request_count, RequestCount, **wish),
        _old("GET", "/kv-cache/{port}", classic.kv_cache, PortKvCache, **wish),
        _old(
            "POST",
            "/kv-cache/clear",
            classic.clear_kv_cache,
            Ok,
            {"port": PORT},
            takes=classic.ForPort,
            **wish,
        ),
        _old(
            "POST",
            "/scripts",
            scripts.set_scripts,
            Ok,
            {"port": PORT, "scripts": [SCRIPT]},
            takes=scripts.SetScripts,
            **wish,
        ),
        _old("GET", "/scripts/{port}", scripts.scripts, scripts.ServerScripts, **wish),
        _old("POST", "/cancel/{port}", classic.cancel, PortCancelled, **wish),
        _old("GET", "/health", classic.health, Ok),
        _old("GET", "/metrics", metrics.metrics, None, media="text/plain"),
    )
