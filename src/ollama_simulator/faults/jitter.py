"""Tokens that come unevenly."""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Tick, Wait
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Milliseconds


@register
class Jitter(Fault, frozen=True):
    """Delay each token by a random time of its own.

    A streamed answer comes unevenly: a token that is due is held for between `min_ms` and
    `max_ms`, all times in between equally likely, and tokens never overtake each other. Delays
    shorter than the gap between two tokens leave the pace as it is, longer ones slow it down. A
    whole answer is late by as much; an answer without tokens (a list of models) is delayed once.
    It is the jitter of a Wi-Fi, a VPN or a GPU shared with others. The times are drawn from the
    fleet's seed, the same again in the next run.

    The times have bounds, unlike those of a normal distribution, so that a test can say what it
    has to bear.
    """

    min_ms: Milliseconds = 0
    """The shortest delay of a token, in milliseconds."""
    max_ms: Milliseconds = 50
    """The longest one."""

    def __post_init__(self) -> None:
        if self.max_ms < self.min_ms:
            raise ValueError(f"max_ms ({self.max_ms}) is less than min_ms ({self.min_ms})")

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Wait before each tick."""
        drawn = exchange.chance("jitter")
        async for act in handler(exchange):
            if isinstance(act, Tick) and self.max_ms:
                yield Wait(drawn.uniform(self.min_ms, self.max_ms) / 1000)
            yield act
