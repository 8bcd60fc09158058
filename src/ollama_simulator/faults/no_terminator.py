"""An answer without the sign that it is over."""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, End
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Ending, Whole, cut, ended, laid


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
                for each in cut(act, len(act.body), exchange, self.ending):
                    yield each
            elif isinstance(act, End):
                yield ended(exchange, self.ending)
            else:
                yield act
