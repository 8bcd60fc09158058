"""An end of file in place of an answer."""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Hangup, How
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register


@register
class EmptyReply(Fault, frozen=True):
    """Read the request, then close the connection (FIN) without a byte of an answer."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Read, then hang up; the engine is not asked."""
        await exchange.drain()
        yield Hangup(How.FIN)
