"""Bytes that are no HTTP."""

from collections.abc import AsyncGenerator
from typing import Annotated

from msgspec import Meta

from ollama_simulator.acts import Act, End, Raw, Tick
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Ending, Whole, ended, laid
from ollama_simulator.faults.pace import Count, lengthen

Bytes = Annotated[
    str, Meta(min_length=1, pattern=r"^[\x00-\xff]*$", description="A byte a character.")
]
ALERT = "\x15\x03\x03\x00\x02\x02\x0a"


@register
class Garbage(Fault, frozen=True):
    """Send bytes that are no HTTP, and close the connection.

    They come in place of the answer, or within a streamed one behind some tokens, where the next
    chunk should begin. A whole answer is replaced when its tokens would be made. The default is
    what a server that expects TLS says to a client that speaks plainly: an alert of the kind
    *unexpected message* (RFC 8446, 6). Other sources are a wrong port, a process that prints into
    its own socket, and two threads that write to one connection.
    """

    after_tokens: Count = 0
    """Tokens before the garbage. With 0 the engine is not even asked."""
    text: Bytes = ALERT
    """What is sent, each character as one byte (ISO 8859-1)."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Let ticks pass until the one too many."""
        bad = Raw(self.text.encode("latin-1"))
        if not self.after_tokens:
            await exchange.drain()
            yield bad
            yield ended(exchange, Ending.FIN, counted=True)
            return
        lengthen(exchange, self.after_tokens + 1)
        left = self.after_tokens
        async for act in laid(exchange, handler):
            if isinstance(act, Whole | End) or (isinstance(act, Tick) and left == 0):
                yield bad
                yield ended(exchange, Ending.FIN)
                return
            left -= isinstance(act, Tick)
            yield act
