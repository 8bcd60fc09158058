"""Faults of timing: tokens that come unevenly, late, or in bursts. Every answer completes, unless a
stall is for ever."""

from collections.abc import AsyncGenerator

from msgspec import UNSET, UnsetType

from ollama_simulator.acts import Act, Body, End, Hold, Tick, Wait
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Whole, laid
from ollama_simulator.faults.pace import Count, Milliseconds, lengthen


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


@register
class Buffered(Fault, frozen=True):
    """Hold a streamed answer back, and send it in bursts or all at once.

    The tokens are made at their pace, but what is ready goes out together: so many tokens in one
    chunk, or everything when the answer is over. All bytes are there, and the answer completes; it
    is only no stream any more. It is what a proxy does that buffers (`proxy_buffering` of nginx).
    A whole answer is as it was.
    """

    burst_tokens: Count = 0
    """Tokens that go out together; 0 for all of them, at the end."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Hold bodies back until enough ticks have passed."""
        held: list[bytes] = []
        ticks = 0
        async for act in laid(exchange, handler):
            if isinstance(act, Whole):
                for each in act.acts:
                    yield each
            elif isinstance(act, Body):
                held.append(act.data)
            else:
                full = self.burst_tokens and ticks == self.burst_tokens
                if held and ((isinstance(act, Tick) and full) or isinstance(act, End)):
                    yield Body(b"".join(held))
                    held.clear()
                    ticks = 0
                ticks += isinstance(act, Tick)
                yield act
