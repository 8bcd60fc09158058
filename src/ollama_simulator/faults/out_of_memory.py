"""A model that finds no room."""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Wait
from ollama_simulator.engine.loading import terminated
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Milliseconds

NO_MEMORY = "cudaMalloc failed: out of memory"
"""The last words of a runner that finds no room on its GPU."""


@register
class OutOfMemory(Fault, frozen=True):
    """Fail to load the model: there is not enough memory.

    Every request gets a 500 in the words of its dialect, `llama-server process has terminated:
    exit status 1: cudaMalloc failed: out of memory` (native specification, 6.4), streamed or not,
    as no byte of an answer goes out before a model is loaded. Models that are loaded already stay
    so, and are not used. A real server says it only to requests that make it load a model: give a
    rule a `model` or a `path` for that.
    """

    load_ms: Milliseconds = 0
    """Milliseconds that it tries before it fails."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Read, try, refuse; the engine is not asked."""
        await exchange.drain()
        if self.load_ms:
            yield Wait(self.load_ms / 1000)
        for act in exchange.fail(500, terminated(1, [NO_MEMORY], exchange.profile)):
            yield act
