"""What a balancer of version 1.0.4 knows of one server, and how it asks.

Source: seed facts, "Version 1.0.4".

Rules of this file:

1. A server that does not answer leaves what was known as it was. One that never answered may have
   anything.
2. A helper that does not answer counts as `q8_0`.

It must not import the balancer.
"""

from typing import Any

import msgspec

from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.wish import (
    GENERATES,
    USES_MODEL,
    Conversation,
    Wish,
    key,
)
from ollama_simulator.names import Name
from ollama_simulator.net.client import Broken, Client
from ollama_simulator.settings import HELPER_OFFSET

LAST_PORT = 65535
PATIENCE_S = 2.0
"""Longest silence of a server or a helper that is asked for what it has."""
UNTOLD = "q8_0"
"""The type of KV cache of a server whose helper says nothing."""


class Known:
    """What is known of a server."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.installed: dict[Name, dict[str, Any]] | None = None
        """Its entries in `/api/tags`; None if it never told."""
        self.loaded: set[Name] = set()
        self.kv_cache = UNTOLD
        self.conversation: Conversation | None = None
        """What it answered last."""

    def has(self, model: Name) -> bool:
        """Whether a model is installed there, as far as is known."""
        return self.installed is None or model in self.installed

    def answered(self, wish: Wish) -> None:
        """It answered a request well, so it has in memory what that needed."""
        if wish.model is not None and wish.path in USES_MODEL:
            self.loaded.add(wish.model)
        if wish.path in GENERATES:
            self.conversation = wish.conversation

    def lacks(self, model: Name) -> None:
        """It turned out not to have a model."""
        if self.installed is not None:
            self.installed.pop(model, None)

    def restarted(self) -> None:
        """Nothing is in its memory any more."""
        self.loaded.clear()
        self.conversation = None

    async def look(self) -> None:
        """Ask the server and its helper."""
        port = self.backend.port
        if (tags := entries(await self.told(port, "/api/tags"))) is not None:
            self.installed = {key(entry["name"]): entry for entry in tags}
        if (running := entries(await self.told(port, "/api/ps"))) is not None:
            self.loaded = {key(entry["name"]) for entry in running}
        match await self.told(port + HELPER_OFFSET, "/health"):
            case {"kv_cache_type": str(kind)}:
                if kind != self.kv_cache:
                    self.conversation = None
                self.kv_cache = kind
            case _:
                self.kv_cache = UNTOLD

    async def told(self, port: int, path: str) -> Any:
        """What a GET of JSON tells; None if there is no such answer."""
        if port > LAST_PORT:
            return None
        return await ask(self.backend.host, port, "GET", path)


async def ask(host: str, port: int, method: str, path: str, document: Any = None) -> Any:
    """Ask for JSON. None if there is none: no connection, no success, no JSON."""
    body = None if document is None else msgspec.json.encode(document)
    headers = [("Connection", "close")]
    if body is not None:
        headers.append(("Content-Type", "application/json"))
    try:
        async with await Client.connect(host, port, 1.0) as client:
            await client.ask(method, path, headers, body, silence=PATIENCE_S)
            head = await client.head(PATIENCE_S)
            data = b"".join([piece async for piece in client.body(PATIENCE_S)])
        return msgspec.json.decode(data) if head.status < 300 else None
    except (Broken, msgspec.DecodeError):
        return None


def entries(document: Any) -> list[dict[str, Any]] | None:
    """The models in an answer of `/api/tags` or `/api/ps`; None if it is none."""
    match document:
        case {"models": [*found]}:
            return [each for each in found if isinstance(each, dict) and _named(each)]
    return None


def _named(entry: dict[str, Any]) -> bool:
    return isinstance(entry.get("name"), str)
