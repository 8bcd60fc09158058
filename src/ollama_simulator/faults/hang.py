"""Silence in place of an answer."""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Hold
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register


@register
class Hang(Fault, frozen=True):
    """Accept the connection and read the request, but never respond."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Read, then hold."""
        await exchange.drain()
        yield Hold()
