"""The steps of version 1.0.4 that are the same wherever it is imitated.

Source: seed facts, "Version 1.0.4".

It must not import anything of this package.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

S = TypeVar("S")

SHARE = 0.4
"""The part of a request's messages that a cached conversation has to have to count (step 7)."""
FEWEST = 3
"""How many messages it needs to have."""


def lowest(servers: Sequence[S], tier: Callable[[S], int]) -> list[S]:
    """Those of the lowest tier that is there (step 4)."""
    least = min(map(tier, servers), default=0)
    return [server for server in servers if tier(server) == least]


def fastest(servers: Sequence[S], speed: Callable[[S], float]) -> list[S]:
    """Those of the highest speed (step 8)."""
    most = max(map(speed, servers), default=0)
    return [server for server in servers if speed(server) == most]


def counts(held: int, asked: int) -> bool:
    """Whether a cached conversation of so many messages, which a request of so many goes on with,
    is worth going there for (step 7)."""
    return FEWEST <= held < asked and held >= SHARE * asked
