"""A queue that is full."""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Reply
from ollama_simulator.engine.queue import BUSY
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register


@register
class QueueFull(Fault, frozen=True):
    """Refuse because too many wait already.

    Every request gets a 503 at once, streamed or not: `server busy, please try again.  maximum
    pending requests exceeded`, with both blanks, in the words of its dialect (native
    specification, 6.2; `overloaded_error` in Anthropic's). A real server says so when more
    requests than `OLLAMA_MAX_QUEUE` wait for a model; there is no `Retry-After`.
    """

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Read, refuse; the engine is not asked."""
        return _busy(exchange)


async def _busy(exchange: Exchange) -> AsyncGenerator[Act, None]:
    await exchange.drain()
    for act in exchange.fail(503, BUSY):
        yield act
