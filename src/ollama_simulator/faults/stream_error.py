"""A runner that dies within the answer."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from msgspec import UNSET, UnsetType

from ollama_simulator.acts import Act, End, Hangup, Head, How, Tick
from ollama_simulator.answering import TICKING, failed
from ollama_simulator.engine.answer.failures import DIED, STOPPED
from ollama_simulator.exchange import Events, Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Whole, laid
from ollama_simulator.faults.pace import Count, lengthen
from ollama_simulator.model import Origin, Refusal
from ollama_simulator.wire.redirects import Fixed

REFUSED = 400
"""The lowest status of an answer that failed already."""


class _Died(Exception):
    """The runner is gone."""

    def __init__(self, begun: bool) -> None:
        super().__init__()
        self.begun = begun
        """Whether it had made a token."""


@register
class StreamError(Fault, frozen=True):
    """Fail within the answer, as Ollama does when its runner dies.

    A streamed answer of the native dialect has one more line behind so many tokens,
    `{"error": "an error was encountered while running the model: unexpected EOF"}`, and then
    completes as HTTP does: its status stays 200, and no line says `"done":true`. In OpenAI's
    dialect the error is lost: an empty piece comes, and no `[DONE]`; in Anthropic's and in
    `/v1/responses` the stream just ends (native specification, 7). With `after_tokens` 0, and in
    a whole answer, the client gets a 500 in the words of its dialect, when the tokens would have
    been made. A shorter answer fails before its last line. A request that would be refused
    anyway is.
    """

    after_tokens: Count = 5
    """Tokens before the failure."""
    message: str | UnsetType = UNSET
    """What is told; left out, what Ollama says: that the model's runner met an unexpected end,
    or, before the first token, that it has stopped."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Have the engine's events break off."""
        lengthen(exchange, self.after_tokens + 1)
        left = self.after_tokens
        started = False

        async def broken_off(events: Events) -> Events:
            nonlocal left
            # What the engine holds is free before anybody is told.
            async with aclosing(events):
                async for event in events:
                    if left == 0 or not isinstance(event, TICKING):
                        raise _Died(left < self.after_tokens)
                    left -= 1
                    yield event

        exchange.through = broken_off
        fixed = isinstance(exchange.route, Fixed)
        stands_in = exchange.stand_in is not None
        if stands_in and not fixed:
            # Who stands in reads the request, too; what the engine would refuse is its to judge.
            with suppress(Refusal):
                await exchange.codec()
        try:
            if fixed:
                await exchange.drain()
                raise _Died(False)
            if not stands_in:
                async for act in handler(exchange):
                    started = started or isinstance(act, Head)
                    yield act
                return
            # No engine is asked, so there are no events: what is told has to be cut.
            async with aclosing(_broken_off(exchange, handler, self.after_tokens)) as acts:
                async for act in acts:
                    started = started or isinstance(act, Head)
                    yield act
        except _Died as died:
            usual = f"{DIED}unexpected EOF" if died.begun else STOPPED
            told = usual if self.message is UNSET else self.message
            refusal = Refusal(500, told, Origin.RUNNER)
            codec = exchange.understood if stands_in or fixed else await exchange.codec()
            if started and codec is None:
                # Nobody here speaks that dialect.
                yield Hangup(How.RST)
                return
            for act in failed(exchange, codec, refusal, started):
                yield act


async def _broken_off(
    exchange: Exchange, handler: Handler, tokens: int
) -> AsyncGenerator[Act, None]:
    """What another server says, until it has made so many tokens: then it dies. Its refusals pass.
    Of what goes out whole nothing goes out before. Raises `_Died`."""
    codec = exchange.understood
    held: list[Act] = []
    left, head = tokens, None
    async for piece in laid(exchange, handler):
        acts = piece.acts if isinstance(piece, Whole) else [piece]
        head = next((act for act in acts if isinstance(act, Head)), head)
        if head is None or head.status < REFUSED:
            left -= isinstance(piece, Tick)
            # A tick may come before the head that tells whether it is one of success.
            if isinstance(piece, Whole | End) or (left < 0 and head is not None):
                raise _Died(tokens > 0 and left < tokens)
            if codec is not None and not codec.stream:
                held += acts
                continue
        for act in (*held, *acts):
            yield act
        held.clear()
