"""Faults that cut an answer short. No answer completes: a shorter one than the fault
waits for is cut before its terminator or its last byte."""

from collections.abc import AsyncGenerator

import msgspec
from msgspec import UNSET, UnsetType

from ollama_simulator.acts import Act, Body, End, Framing, Hangup, Head, How, Tick
from ollama_simulator.engine.machine import DEFAULT_PACE, Pace
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Count, Rate, given
from ollama_simulator.net.perform import LARGEST_WHOLE


@register
class FailMidStream(Fault, frozen=True):
    """Send a partial response, then fail: a reset after some tokens."""

    tokens_before_fail: Count
    tokens_per_sec: Rate | UnsetType = UNSET

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Let ticks pass until the one too many."""
        exchange.pace = Pace(
            decode_tps=given(self.tokens_per_sec),
            tokens=max(DEFAULT_PACE.tokens, self.tokens_before_fail + 1),
        )
        left = self.tokens_before_fail
        async for act in handler(exchange):
            if isinstance(act, End) or (isinstance(act, Tick) and left == 0):
                yield Hangup(How.RST)
                return
            if isinstance(act, Tick):
                left -= 1
            yield act


@register
class AbruptClose(Fault, frozen=True):
    """Close the connection (FIN) after some bytes of the body."""

    bytes_before_close: Count

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Count the bytes of the body; head and framing are not counted."""
        left = self.bytes_before_close
        head: Head | None = None
        held: list[bytes] = []
        async for act in handler(exchange):
            if isinstance(act, Head):
                head = act
            elif isinstance(act, Body) and not act.flush:
                held.append(act.data)
            elif isinstance(act, Body):
                if head is not None:
                    yield msgspec.structs.replace(head, framing=Framing.CHUNKED)
                    head = None
                data = b"".join([*held, act.data])
                held.clear()
                if data[:left]:
                    yield Body(data[:left])
                left -= len(data[:left])
                if left == 0:
                    yield Hangup(How.FIN)
                    return
            elif isinstance(act, End):
                rest = b"".join(held)
                if head is not None:
                    for cut in _cut_whole(exchange, head, rest, left):
                        yield cut
                elif rest[:left]:
                    yield Body(rest[:left])
                # Without chunks (HTTP/1.0) all bytes and FIN would be a whole answer.
                framed = head is not None or exchange.request.version != "1.0"
                yield Hangup(How.FIN if framed else How.RST)
                return
            else:
                yield act


@register
class EmptyReply(Fault, frozen=True):
    """Read the request, then close the connection (FIN) without a byte of an answer."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Read, then hang up; the engine is not asked."""
        await exchange.drain()
        yield Hangup(How.FIN)


def _cut_whole(exchange: Exchange, head: Head, body: bytes, left: int) -> list[Act]:
    """A whole answer, cut after `left` bytes of its body or before the last."""
    if not body or exchange.request.method == "HEAD":
        # There is no byte of a body to leave out, so the head stays without its end.
        return [msgspec.structs.replace(head, blank_line=False)]
    if len(body) > LARGEST_WHOLE:
        head = msgspec.structs.replace(head, framing=Framing.CHUNKED)
        sent = body[:left]
    else:
        head = msgspec.structs.replace(head, length=len(body))
        sent = body[: min(left, len(body) - 1)]
    return [head, Body(sent)] if sent else [head]
