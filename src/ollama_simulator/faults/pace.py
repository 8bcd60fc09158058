"""Behaviours that change how fast a server works, and nothing else."""

from typing import Annotated, ClassVar

from msgspec import Meta

from ollama_simulator.acts import Reply
from ollama_simulator.engine.machine import DEFAULT_PACE, Pace
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register

Rate = Annotated[float, Meta(ge=1e-6, le=1e9, description="Tokens in a second.")]
Count = Annotated[int, Meta(ge=0, le=10**12)]
Milliseconds = Annotated[int, Meta(ge=0, le=10**10)]


@register
class Normal(Fault, frozen=True):
    """Normal operation with configurable rates for prompt evaluation and generation."""

    paces: ClassVar[bool] = True

    tokens_per_sec: Rate = DEFAULT_PACE.decode_tps
    prompt_eval_tokens_per_sec: Rate = DEFAULT_PACE.prefill_tps
    num_tokens: Count = DEFAULT_PACE.tokens
    load_delay_ms: Milliseconds = 0

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Set the pace, unless it is the default one."""
        pace = Pace(
            decode_tps=self.tokens_per_sec,
            prefill_tps=self.prompt_eval_tokens_per_sec,
            tokens=self.num_tokens,
            load_s=self.load_delay_ms / 1000,
        )
        if pace != DEFAULT_PACE:
            exchange.pace = pace
        return handler(exchange)


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
