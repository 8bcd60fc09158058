"""Silence behind some tokens."""

from collections.abc import AsyncGenerator

from msgspec import UNSET, UnsetType

from ollama_simulator.acts import Act, End, Hold, Tick, Wait
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Count, Milliseconds, lengthen


@register
class Stall(Fault, frozen=True):
    """Fall silent after some tokens, for a while or for ever.

    A streamed answer pauses behind exactly so many tokens, then goes on at its pace; with
    `after_tokens` 0 the first token is late, and with it the head. A whole answer comes later by
    the pause. A shorter answer pauses before its end. A stall without `stall_ms` never ends: the
    connection stays, and nothing comes until the client goes. That is a GPU that hangs, a model
    that is evicted to the CPU in the midst of an answer, or a proxy whose backend is gone.
    """

    after_tokens: Count = 5
    """Tokens before the pause."""
    stall_ms: Milliseconds | UnsetType = UNSET
    """How long it lasts, in milliseconds; left out, for ever."""
    again_after: Count = 0
    """Tokens behind a pause after which there is another one; 0 for a single pause."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Let ticks pass until the one too many."""
        lengthen(exchange, self.after_tokens + 1)
        left = self.after_tokens
        stalled = False
        async for act in handler(exchange):
            late = isinstance(act, End) and not stalled
            if late or (isinstance(act, Tick) and left == 0):
                if self.stall_ms is UNSET:
                    yield Hold()
                    return
                if self.stall_ms:
                    yield Wait(self.stall_ms / 1000)
                stalled = True
                left = self.again_after
            if isinstance(act, Tick):
                left -= 1
            yield act
