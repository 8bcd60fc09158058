"""JSON that is broken, in HTTP that is not."""

from collections.abc import AsyncGenerator

import msgspec

from ollama_simulator.acts import Act, Body, Framing, Tick
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Whole, laid
from ollama_simulator.faults.pace import Count, lengthen


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
