"""Silence behind the head."""

from collections.abc import AsyncGenerator

import msgspec

from ollama_simulator.acts import Act, Framing, Hangup, How, Wait
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Milliseconds


@register
class TimeoutAfterHeaders(Fault, frozen=True):
    """Send the head of a success answer at once, then hang, then close."""

    timeout_ms: Milliseconds = 60_000

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """The head, silence, FIN; the engine is not asked."""
        head = await exchange.success_head()
        yield msgspec.structs.replace(head, framing=Framing.CHUNKED)
        yield Wait(self.timeout_ms / 1000)
        yield Hangup(How.FIN)
