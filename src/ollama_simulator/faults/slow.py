"""A server that is slow."""

from typing import ClassVar

from ollama_simulator.acts import Reply
from ollama_simulator.engine.machine import Pace
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Count, Rate


@register
class Slow(Fault, frozen=True):
    """Very slow token generation."""

    paces: ClassVar[bool] = True

    tokens_per_sec: Rate
    num_tokens: Count

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Set the pace."""
        exchange.pace = Pace(decode_tps=self.tokens_per_sec, tokens=self.num_tokens)
        return handler(exchange)
