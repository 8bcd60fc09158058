"""How long things took: counts of times, from which percentiles are read.

Rules of this file:

1. A time is counted in steps of 10 microseconds, rounded to the nearest. Nothing else is lost:
   any percentile is that of all times that were added, whatever their range.
2. The percentile p is the smallest time that at least p % of the times don't exceed (nearest
   rank). It is never a value between two.
3. Merging two of them gives what one would have counted.

Counts by value suit here better than an HDR histogram or a sketch: those bound the relative
error and lose the last digits of long times, while this needs no more memory than there are
different times.

It must not import anything of this package.
"""

import math
from collections import Counter
from collections.abc import Mapping

STEP_S = 1e-5
"""Seconds that a step is long."""
_PER_SECOND = 100_000


class Spread:
    """Times of one kind, in seconds."""

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        """`counts` are those of another one's steps."""
        self.counts: Counter[int] = Counter(counts)
        """How many times lasted so many steps."""

    def add(self, seconds: float) -> None:
        """Count a time."""
        self.counts[round(seconds * _PER_SECOND)] += 1

    def merge(self, other: "Spread") -> None:
        """Count all times of another one."""
        self.counts.update(other.counts)

    @property
    def count(self) -> int:
        """How many times were added."""
        return self.counts.total()

    @property
    def mean(self) -> float | None:
        """Their mean; None if there are none."""
        if not self.counts:
            return None
        total = sum(steps * count for steps, count in self.counts.items())
        return total / self.count / _PER_SECOND

    @property
    def longest(self) -> float | None:
        """The longest; None if there are none."""
        return max(self.counts) / _PER_SECOND if self.counts else None

    def percentiles(self, *wanted: float) -> tuple[float, ...] | None:
        """The percentiles (0 to 100) in rising order; None if there are no times."""
        if not self.counts:
            return None
        ranks = [max(1, math.ceil(self.count * percent / 100)) for percent in wanted]
        found: list[float] = []
        passed = 0
        for steps in sorted(self.counts):
            passed += self.counts[steps]
            while len(found) < len(ranks) and passed >= ranks[len(found)]:
                found.append(steps / _PER_SECOND)
        return tuple(found)
