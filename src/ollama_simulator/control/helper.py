"""The helpers beside the servers: which type of KV cache is in force, and how it is changed.

Source: seed facts, "Version 1.0.4"; the *Future* section of the seed's document.

Rules of this file:

1. A helper is a process of its own: no behaviour of its server touches it, and it answers while
   that is down.
2. It speaks the plan's words: `q8_0`, and `q16` for what Ollama calls `f16`.

It must not import the servers' insides: what it does goes through the fleet.
"""

from typing import Literal

import msgspec

from ollama_simulator.control.body import decode
from ollama_simulator.control.classic import fleet_in
from ollama_simulator.control.web import Asked, get, post
from ollama_simulator.server import SimServer
from ollama_simulator.settings import HELPER_OFFSET, KvType

TYPES: dict[str, KvType] = {"q8_0": "q8_0", "q16": "f16"}
"""What may be asked for, and Ollama's name for it."""
SHOWN = {ours: theirs for theirs, ours in TYPES.items()}


class SetKvCache(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Start Ollama again with this type."""

    type: Literal["q8_0", "q16"]


class Health(msgspec.Struct, frozen=True):
    """What a helper says of its server."""

    status: Literal["healthy", "restarting"]
    kv_cache_type: str
    """That which is in force, or will be when the restart is over."""


@get("/health")
async def health(request: Asked) -> Health:
    """Whether the server is restarting, and its type of KV cache."""
    return _health(_helped(request))


@post("/set-kv-cache", status=202)
async def set_kv_cache(request: Asked) -> Health:
    """Restart the server with a type of KV cache, be it the one that is in force."""
    hints = {"$.type": f"one of {' and '.join(TYPES)}"}
    wish = decode(await request.whole(), SetKvCache, hints=hints)
    server = _helped(request)
    await server.restart(TYPES[wish.type])
    return _health(server)


def _helped(request: Asked) -> SimServer:
    """The server whose helper was asked: the one on a port that much lower."""
    _, port = request.scope["server"] or ("", None)
    assert port is not None, "it is served on ports"
    return fleet_in(request).server(port - HELPER_OFFSET)


def _health(server: SimServer) -> Health:
    kind = server.kv_cache_type
    return Health("restarting" if server.down else "healthy", SHOWN.get(kind, kind))


ROUTES = [health, set_kv_cache]
