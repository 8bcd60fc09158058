"""A server that is well."""

from typing import ClassVar

from msgspec import UNSET, UnsetType

from ollama_simulator.acts import Reply
from ollama_simulator.engine.machine import DEFAULT_PACE, Pace
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Count, Milliseconds, Rate, given


@register
class Normal(Fault, frozen=True):
    """Normal operation with configurable rates for prompt evaluation and generation."""

    paces: ClassVar[bool] = True
    well: ClassVar[bool] = True

    tokens_per_sec: Rate | UnsetType = UNSET
    """Left out, it is what the hardware profile says: 65 for the default one."""
    prompt_eval_tokens_per_sec: Rate | UnsetType = UNSET
    """Likewise; 2,900 for the default one."""
    num_tokens: Count = DEFAULT_PACE.tokens
    load_delay_ms: Milliseconds = 0

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Set the pace."""
        exchange.pace = Pace(
            decode_tps=given(self.tokens_per_sec),
            prefill_tps=given(self.prompt_eval_tokens_per_sec),
            tokens=self.num_tokens,
            load_s=self.load_delay_ms / 1000,
        )
        return handler(exchange)
