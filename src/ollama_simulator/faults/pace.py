"""What faults share that are about how fast a server works, and after how many tokens."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ollama_simulator.exchange import Exchange

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
