"""What chance allows: exact bounds on how often something happens in so many independent tries.

A balancer that draws its servers at random may not be accused of a draw, so its bounds are those
of the binomial distribution.

Rules of this file:

1. The sums are over all cases; nothing is drawn, and nothing is taken for normal.

It must not import anything of this package.
"""

import math

ALPHA = 1e-7
"""How likely a sound balancer may be accused by one pair of bounds."""


def at_most(count: int, tries: int, chance: float) -> float:
    """The probability of so many hits or fewer."""
    return math.fsum(
        math.comb(tries, hits) * chance**hits * (1 - chance) ** (tries - hits)
        for hits in range(count + 1)
    )


def bounds(tries: int, chance: float, alpha: float = ALPHA) -> tuple[int, int]:
    """The fewest and the most hits that are believed: less has a probability of at most
    `alpha / 2`, and so has more."""
    low = 0
    while at_most(low, tries, chance) <= alpha / 2:
        low += 1
    high = tries
    # The hits of one side are the misses of the other: no 1 - p near 1 is ever computed.
    while at_most(tries - high, tries, 1 - chance) <= alpha / 2:
        high -= 1
    return low, high
