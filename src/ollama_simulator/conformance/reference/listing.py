"""What a balancer of version 1.0.4 answers itself: all servers' models, and that none has one.

Source: seed facts, "Version 1.0.4".

Rules of this file:

1. A model that several servers have is told once. Two that have only the name in common are two.

It must not import the balancer.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from ollama_simulator import names
from ollama_simulator.acts import Act, Body, End, Head
from ollama_simulator.conformance.reference.known import Known
from ollama_simulator.conformance.reference.wish import Wish


def union(servers: Iterable[Known]) -> list[dict[str, Any]]:
    """The entries of all servers, each once, in the order of the servers."""
    found: dict[Any, dict[str, Any]] = {}
    for known in servers:
        for name, entry in (known.installed or {}).items():
            found.setdefault((name, str(entry.get("digest"))), entry)
    return list(found.values())


def tags(models: list[dict[str, Any]]) -> list[Act]:
    """The answer to `GET /api/tags`."""
    return document(200, {"models": models})


def openai(models: list[dict[str, Any]]) -> list[Act]:
    """The answer to `GET /v1/models`."""
    data = [
        {
            "id": entry["name"],
            "object": "model",
            "created": _seconds(str(entry.get("modified_at"))),
            "owned_by": names.split(str(entry["name"]))[1],
        }
        for entry in models
    ]
    return document(200, {"object": "list", "data": data})


def nobody_has(wish: Wish) -> list[Act]:
    """The answer to who wants a model that no server has, in the dialect that was spoken."""
    words = f"model '{wish.spelled}' not found: no server has it"
    if wish.path == "/v1/messages":
        error = {"type": "not_found_error", "message": words}
        return document(404, {"type": "error", "error": error})
    if wish.path.startswith("/v1/"):
        error = {"message": words, "type": "not_found_error", "code": "model_not_found"}
        return document(404, {"error": error})
    return document(404, {"error": words})


def document(status: int, value: Any) -> list[Act]:
    """An answer of JSON."""
    data = msgspec.json.encode(value)
    head = Head(status, (("Content-Type", "application/json"),), length=len(data))
    return [head, Body(data, flush=False), End()]


def _seconds(moment: str) -> int:
    try:
        return int(datetime.fromisoformat(moment).timestamp())
    except ValueError:
        return 0
