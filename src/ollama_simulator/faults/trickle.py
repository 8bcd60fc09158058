"""Bytes that come a few at a time."""

from collections.abc import AsyncGenerator
from typing import Annotated

from msgspec import Meta

from ollama_simulator.acts import Act, Throttle
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Milliseconds

Size = Annotated[int, Meta(ge=1, le=10**9, description="Bytes.")]


@register
class Trickle(Fault, frozen=True):
    """Send the answer in tiny writes, with a pause between one and the next.

    The bytes are those of the honest answer, head and framing included, but each TCP segment has
    only `bytes_per_write` of them: the status line comes in pieces, a chunk's size apart from its
    data, lines and characters in halves. A client that reads HTTP properly notices nothing but the
    time. Streamed and whole answers suffer alike; a long one takes its time. It is Slowloris, seen
    from the other side, and it finds parsers that take what one read returns for a line, and
    time-outs that count from the last byte and so never end.
    """

    bytes_per_write: Size = 16
    pause_ms: Milliseconds = 20
    """Milliseconds between two writes."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Have the performer do it."""
        yield Throttle(self.bytes_per_write, pause=self.pause_ms / 1000)
        async for act in handler(exchange):
            yield act
