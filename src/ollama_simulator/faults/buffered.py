"""A stream that is held back."""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Body, End, Tick
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Whole, laid
from ollama_simulator.faults.pace import Count


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
