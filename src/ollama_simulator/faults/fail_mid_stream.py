"""A reset after some tokens."""

from collections.abc import AsyncGenerator

from msgspec import UNSET, UnsetType

from ollama_simulator.acts import Act, End, Hangup, How, Tick
from ollama_simulator.engine.machine import DEFAULT_PACE, Pace
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
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
