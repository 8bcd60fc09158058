"""A kept connection that ends behind a whole answer."""

from collections.abc import AsyncGenerator

import msgspec
from msgspec import UNSET, UnsetType

from ollama_simulator.acts import Act, End, How, Idle
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Milliseconds


@register
class CloseIdle(Fault, frozen=True):
    """Answer well, then close the kept connection under the client's feet.

    The answer is complete and says nothing of an end (no `Connection: close`), so its client keeps
    the connection for the next request. With `idle_ms` it is closed after so long without one;
    without it, at the worst moment: exactly when the next request comes, which is neither read nor
    answered. A client has to send that again on another connection, if that is safe (RFC 9112,
    9.3.1 and 9.5). It is what every server with a keep-alive time-out does, most of all behind a
    balancer whose own is longer. A client that asks for the end itself (`Connection: close`,
    HTTP/1.0) notices nothing.
    """

    idle_ms: Milliseconds | UnsetType = UNSET
    """Milliseconds behind the answer; left out, the connection ends when the next request comes."""
    how: How = How.FIN
    """`fin` closes it, `rst` resets it."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Change nothing but what comes behind the end."""
        seconds = None if self.idle_ms is UNSET else self.idle_ms / 1000
        async for act in handler(exchange):
            if isinstance(act, End) and exchange.request.keep_alive:
                act = msgspec.structs.replace(act, then=Idle(self.how, seconds))
            yield act
