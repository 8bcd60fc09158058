"""Faults that cut an answer short. No answer completes: a shorter one than the fault
waits for is cut before its terminator or its last byte."""

from collections.abc import AsyncGenerator

from msgspec import UNSET, UnsetType

from ollama_simulator.acts import Act, Body, End, Framing, Hangup, How, Tick
from ollama_simulator.engine.machine import DEFAULT_PACE, Pace
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Ending, Whole, ended, laid, torn
from ollama_simulator.faults.pace import Count, Rate, given


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
        async for act in laid(exchange, handler):
            if isinstance(act, Whole):
                for cut in _cut(act, left, exchange, Ending.FIN):
                    yield cut
            elif isinstance(act, End):
                yield ended(exchange, Ending.FIN)
            elif isinstance(act, Body):
                if data := act.data[:left]:
                    yield Body(data)
                left -= len(data)
                if left == 0:
                    yield ended(exchange, Ending.FIN)
                    return
            else:
                yield act


@register
class NoTerminator(Fault, frozen=True):
    """Send all of the answer but the sign that it is over.

    A streamed answer lacks its last chunk (the `0` of RFC 9112, 7.1), a whole one its last byte.
    Every line of the stream is there, `"done":true` and all, so a client that only looks at lines
    takes it for complete; one that reads HTTP sees an answer cut off. It is what a backend does
    that dies, or is killed, right behind its last token, and with `hold` one whose proxy forgets
    to close.
    """

    ending: Ending = Ending.FIN
    """What follows: `fin` closes the connection, `rst` resets it, `hold` leaves it open in
    silence until the client goes."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Everything but the end."""
        async for act in laid(exchange, handler):
            if isinstance(act, Whole):
                for cut in _cut(act, len(act.body), exchange, self.ending):
                    yield cut
            elif isinstance(act, End):
                yield ended(exchange, self.ending)
            else:
                yield act


@register
class EmptyReply(Fault, frozen=True):
    """Read the request, then close the connection (FIN) without a byte of an answer."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Read, then hang up; the engine is not asked."""
        await exchange.drain()
        yield Hangup(How.FIN)


def _cut(whole: Whole, left: int, exchange: Exchange, ending: Ending) -> list[Act]:
    """A whole answer, cut after `left` bytes of its body or before the last."""
    head = whole.head
    if not whole.body or whole.bodiless:
        # There is no byte of a body to leave out, so the head stays without its end.
        return [torn(head), ended(exchange, ending, counted=True)]
    counted = head.framing is not Framing.CHUNKED
    sent = whole.body[: min(left, len(whole.body) - counted)]
    body = [Body(sent)] if sent else []
    return [head, *body, ended(exchange, ending, counted=counted)]
