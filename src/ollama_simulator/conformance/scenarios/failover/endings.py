"""Ways in which the servers of these scenarios end connections, or leave them.

It must not import the player.
"""

from collections.abc import AsyncGenerator

import msgspec

from ollama_simulator.acts import Act, End, Hangup, Hold, How, Idle, Tick
from ollama_simulator.engine.machine import Pace
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault


class Dies(Fault, frozen=True):
    """End the connection within an answer, after so many tokens."""

    tokens: int
    how: How

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Let ticks pass until the one too many."""
        exchange.pace = Pace(decode_tps=200)
        left = self.tokens
        async for act in handler(exchange):
            if isinstance(act, End) or (isinstance(act, Tick) and left == 0):
                # Without chunks (HTTP/1.0) FIN would be the proper end of the answer.
                framed = exchange.request.version != "1.0"
                yield Hangup(self.how if framed else How.RST)
                return
            left -= isinstance(act, Tick)
            yield act


class Stalls(Fault, frozen=True):
    """Fall silent within an answer, after so many tokens, and stay."""

    tokens: int

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Let ticks pass until the one too many."""
        exchange.pace = Pace(decode_tps=200)
        left = self.tokens
        async for act in handler(exchange):
            if isinstance(act, End) or (isinstance(act, Tick) and left == 0):
                yield Hold()
                return
            left -= isinstance(act, Tick)
            yield act


class Rejects(Fault, frozen=True):
    """Read a request, and end the connection without a byte of an answer."""

    how: How

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Read, then hang up."""
        await exchange.drain()
        yield Hangup(self.how)


class Resets(Fault, frozen=True):
    """Reset a connection as soon as anything comes on it."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Read nothing but the head."""
        yield Hangup(How.RST)


class Retires(Fault, frozen=True):
    """Answer well, and end the connection behind the answer, though nothing announced it."""

    how: How
    seconds: float | None
    """So long after the answer; None: when the next request is there."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Change nothing but what comes behind the end."""
        async for act in handler(exchange):
            retires = isinstance(act, End)
            yield (
                msgspec.structs.replace(act, then=Idle(self.how, self.seconds)) if retires else act
            )
