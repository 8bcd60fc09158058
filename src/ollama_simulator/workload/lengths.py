"""How many tokens prompts and answers have: distributions to draw from.

Source: engine model, 5.2 and 5.3. The quantiles are its own statistics on the public traces Azure
LLM inference 2023 (CC-BY) and Mooncake (Apache-2.0); no row of those is in here.

It must not import anything but its own package.
"""

import bisect
import itertools
import math
from random import Random
from statistics import NormalDist
from typing import Protocol

import msgspec

from ollama_simulator.workload.session import BadWorkload

LONGEST = 10_000_000
"""Tokens that a length may have at most: more is an accident."""

LEVELS = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
"""The shares of lengths that are at most the points of a `Quantiles`."""


class Lengths(Protocol):
    """A distribution of lengths. Whatever it is, a length is a whole number, at least 1."""

    def draw(self, rng: Random) -> int:
        """A length."""

    @property
    def mean(self) -> float:
        """What the draws are on average."""


class Fixed(msgspec.Struct, frozen=True):
    """Always the same."""

    tokens: int

    def __post_init__(self) -> None:
        if not 1 <= self.tokens <= LONGEST:
            raise BadWorkload(f"a length must be from 1 to {LONGEST:,} tokens, not {self.tokens}")

    def draw(self, rng: Random) -> int:
        return self.tokens

    @property
    def mean(self) -> float:
        return float(self.tokens)


class Quantiles(msgspec.Struct, frozen=True):
    """As a table of quantiles says; between its points the logarithm of the length is linear."""

    points: tuple[float, ...]
    """A length for each of `LEVELS`."""

    def __post_init__(self) -> None:
        if len(self.points) != len(LEVELS) or min(self.points) < 1:
            raise BadWorkload(f"a table of quantiles has {len(LEVELS)} lengths of at least 1")
        if list(self.points) != sorted(self.points):
            raise BadWorkload("the lengths of a table of quantiles must rise")

    def draw(self, rng: Random) -> int:
        return round(self.at(rng.random()))

    def at(self, share: float) -> float:
        """The length that this share of all lengths don't exceed."""
        if not 0 <= share <= 1:
            raise ValueError(f"{share} is no share")
        right = max(bisect.bisect_left(LEVELS, share), 1)
        short, long = self.points[right - 1 : right + 1]
        part = (share - LEVELS[right - 1]) / (LEVELS[right] - LEVELS[right - 1])
        return short * math.exp(math.log(long / short) * part)

    @property
    def mean(self) -> float:
        total = 0.0
        for (low, high), (short, long) in zip(
            itertools.pairwise(LEVELS), itertools.pairwise(self.points), strict=True
        ):
            # The integral of an exponential function between two points.
            flat = long == short
            total += (high - low) * (short if flat else (long - short) / math.log(long / short))
        return total


class LogNormal(msgspec.Struct, frozen=True):
    """Log-normal; what is shorter than the shortest or longer than the longest is cut to it."""

    mu: float
    """The mean of the length's natural logarithm."""
    sigma: float
    """Its standard deviation."""
    shortest: int = 1
    longest: int = 131_072

    def __post_init__(self) -> None:
        # What is far out would only be cut, and breaks the arithmetic of floating point.
        if not (0 <= self.mu <= 20 and 0 < self.sigma <= 10):
            raise BadWorkload(
                f"a log-normal length needs a mu from 0 to 20 and a sigma above 0 and up to 10, "
                f"not {self.mu:g} and {self.sigma:g}"
            )
        if not 1 <= self.shortest <= self.longest <= LONGEST:
            raise BadWorkload(
                f"the shortest length must be at least 1 and at most the longest, "
                f"not {self.shortest} and {self.longest}"
            )

    def draw(self, rng: Random) -> int:
        # Cut before the exponential function, which knows no huge numbers.
        logarithm = min(rng.gauss(self.mu, self.sigma), math.log(self.longest))
        return max(round(math.exp(logarithm)), self.shortest)

    @property
    def mean(self) -> float:
        low = (math.log(self.shortest) - self.mu) / self.sigma
        high = (math.log(self.longest) - self.mu) / self.sigma
        below = NormalDist().cdf
        whole = math.exp(self.mu + self.sigma**2 / 2)
        between = below(high - self.sigma) - below(low - self.sigma)
        return self.shortest * below(low) + whole * between + self.longest * below(-high)


CODE_PROMPT = Quantiles((3, 17, 75, 147, 578, 1469, 2744, 5188, 7303, 7436, 7437))
CODE_ANSWER = Quantiles((6, 6, 6, 7, 9, 13, 24, 55, 90, 251, 1899))
"""Its mean is 17 % above the trace's 27.9: that has fewer very long answers than the last two
points let one think."""
CONV_PROMPT = Quantiles((2, 29, 181, 207, 396, 1020, 1189, 2734, 4083, 4142, 14050))
CONV_ANSWER = Quantiles((7, 16, 41, 54, 85, 129, 395, 424, 451, 601, 1000))
MOONCAKE_PROMPT = Quantiles(
    (891, 894, 901, 964, 2306, 6909, 15367, 27367, 39550, 85400, 126195),
)
MOONCAKE_ANSWER = Quantiles((1, 3, 10, 24, 156, 350, 472, 597, 698, 1119, 2000))

TABLES: dict[str, Quantiles] = {
    "code_prompt": CODE_PROMPT,
    "code_answer": CODE_ANSWER,
    "conv_prompt": CONV_PROMPT,
    "conv_answer": CONV_ANSWER,
    "mooncake_prompt": MOONCAKE_PROMPT,
    "mooncake_answer": MOONCAKE_ANSWER,
}
"""The tables by name."""
