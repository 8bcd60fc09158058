"""An end of file within the body."""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Body, End
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Ending, Whole, cut, ended, laid
from ollama_simulator.faults.pace import Count


@register
class AbruptClose(Fault, frozen=True):
    """Close the connection (FIN) after some bytes of the body."""

    bytes_before_close: Count

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Count the bytes of the body; head and framing are not counted."""
        left = self.bytes_before_close
        async for act in laid(exchange, handler):
            if isinstance(act, Whole):
                for each in cut(act, left, exchange, Ending.FIN):
                    yield each
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
