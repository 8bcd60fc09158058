"""Behaviours that change how fast a server works, and nothing else."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ollama_simulator.acts import Reply
from ollama_simulator.engine.machine import DEFAULT_PACE, Pace
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register

Rate = Annotated[float, Meta(ge=1e-6, le=1e9, description="Tokens in a second.")]
Count = Annotated[int, Meta(ge=0, le=10**12)]
Milliseconds = Annotated[int, Meta(ge=0, le=10**10)]


def given(rate: float | UnsetType) -> float | None:
    """A rate that may have been left out."""
    return None if rate is UNSET else rate


def lengthen(exchange: Exchange, tokens: int) -> None:
    """Have an answer that its request does not limit be so long that a fault behind some tokens
    comes to it."""
    longer = max(exchange.pace.tokens, tokens)
    exchange.pace = msgspec.structs.replace(exchange.pace, tokens=longer)


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
