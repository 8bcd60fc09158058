"""A server that answers what it is told, byte for byte.

It must not import the scenarios or the player.
"""

import json
from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Body, End, Head, Tick
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault

JSON = (("Content-Type", "application/json; charset=utf-8"),)


class Says(Fault, frozen=True):
    """Read a request, and answer it with these bytes."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = JSON

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Read, then answer; the engine is not asked."""
        await exchange.drain()
        yield Tick()
        yield Head(self.status, self.headers, length=len(self.body))
        if self.body:
            yield Body(self.body)
        yield End()


def error(status: int, message: str, *headers: tuple[str, str]) -> Says:
    """An error of Ollama's, with its document."""
    return Says(status, json.dumps({"error": message}).encode(), (*JSON, *headers))
