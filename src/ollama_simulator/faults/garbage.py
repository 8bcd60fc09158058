"""Faults of content: what comes is not what the protocol or the format allows."""

from collections.abc import AsyncGenerator
from typing import Annotated

import msgspec
from msgspec import Meta

from ollama_simulator.acts import Act, Body, End, Framing, Raw, Tick
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


@register
class MalformedJson(Fault, frozen=True):
    """Break the JSON of the answer, and complete it as if nothing were wrong.

    In a streamed answer the line or event behind so many tokens lacks its second half, and those
    behind it are good; a whole answer lacks the second half of its body, and its length is right.
    As HTTP all is well: only who reads the JSON notices. A model server that is killed while it
    writes into a buffer, a proxy that cuts long lines, or a bug of an output filter come to this.
    A streamed answer that is over before then, and one without a body, are as they were.
    """

    after_tokens: Count = 1
    """Tokens of a streamed answer before the line that is broken."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Let ticks pass until the one too many; its body is broken."""
        lengthen(exchange, self.after_tokens + 1)
        left = self.after_tokens
        broken = False
        async for act in laid(exchange, handler):
            if isinstance(act, Whole):
                for each in (act if act.bodiless else _halved(act)).acts:
                    yield each
            elif isinstance(act, Body) and left < 0 and not broken:
                broken = True
                yield Body(half(act.data))
            else:
                left -= isinstance(act, Tick)
                yield act


def _halved(whole: Whole) -> Whole:
    """A whole answer without its second half, with the framing that it had."""
    body, counted = half(whole.body), whole.head.framing is not Framing.CHUNKED
    length = len(body) if counted else None
    return Whole(msgspec.structs.replace(whole.head, length=length), body, bodiless=False)


def half(data: bytes) -> bytes:
    """A line or an event without its second half; what ends it is still there."""
    said = data.rstrip(b"\r\n")
    # No character is cut in two: that would be another fault.
    first = said[: len(said) // 2].decode("utf-8", "ignore").encode()
    return first + data[len(said) :]
