"""A chunk whose size is wrong (RFC 9112, 7.1)."""

from collections.abc import AsyncGenerator
from enum import Enum

import msgspec

from ollama_simulator.acts import Act, Body, End, Framing, Raw, Tick
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Ending, Whole, ended, laid, torn
from ollama_simulator.faults.pace import Count, lengthen

EXCESS = 64
"""Bytes that a chunk promises and that never come."""


class Size(Enum):
    """What is wrong with the size of a chunk."""

    NO_NUMBER = "no_number"
    """It is no hexadecimal number."""
    TOO_LONG = "too_long"
    """It is more than what comes before the connection ends."""


@register
class BadChunk(Fault, frozen=True):
    """Send a chunk whose size is wrong, and close the connection.

    A streamed answer has so many good tokens before it. A whole answer is sent in chunks, of which
    the first is the bad one. (One to HEAD has no body, and is cut in its head instead.) With
    `no_number` a client sees something that is not HTTP; with `too_long` an end of file within a
    chunk. That is what comes of a proxy or framework that writes the framing itself, and of an
    answer into which another thread has written.
    """

    after_tokens: Count = 1
    """Tokens of a streamed answer before the bad chunk."""
    size: Size = Size.NO_NUMBER
    """What is wrong: `no_number` or `too_long`."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Let ticks pass until the one too many; its body is spoilt."""
        lengthen(exchange, self.after_tokens + 1)
        left = self.after_tokens
        async for act in laid(exchange, handler):
            if isinstance(act, Whole):
                head = msgspec.structs.replace(act.head, framing=Framing.CHUNKED, length=None)
                yield torn(act.head) if act.bodiless else head
                if not act.bodiless:
                    yield self._bad(act.body)
                yield ended(exchange, Ending.FIN, counted=act.bodiless)
            elif isinstance(act, End) or (isinstance(act, Body) and left < 0):
                yield self._bad(act.data if isinstance(act, Body) else b"")
                yield ended(exchange, Ending.FIN)
                return
            else:
                left -= isinstance(act, Tick)
                yield act

    def _bad(self, data: bytes) -> Raw:
        if self.size is Size.NO_NUMBER:
            return Raw(b"size?\r\n" + data + b"\r\n")
        return Raw(b"%x\r\n" % (len(data) + EXCESS) + data)
