"""How late things were done.

It must not import anything of this package.
"""

import operator
from bisect import bisect_left
from collections.abc import Iterable

STEPS_PER_S = 10_000
"""How exactly it is told."""
LIMIT_S = 1
"""What is later than this is counted in one step."""
NEAR = 8
"""Steps between which things are counted by looking where each ends."""


_in_steps = float(STEPS_PER_S).__mul__


def _step(seconds: float) -> int:
    """The step in which it is counted."""
    return int(seconds * STEPS_PER_S) if seconds < LIMIT_S else -1


class Lateness:
    """How long after their moments things were done."""

    def __init__(self) -> None:
        self.most = 0.0
        """The longest, in seconds."""
        self._counts = [0] * (LIMIT_S * STEPS_PER_S + 1)

    def add(self, seconds: float) -> None:
        """Something was done so long after its moment."""
        if seconds > self.most:
            self.most = seconds
        self._counts[_step(seconds)] += 1

    def add_all(self, done: Iterable[float], due: Iterable[float]) -> None:
        """Things were done at these moments that were due at those."""
        lates = list(map(operator.sub, done, due))
        if not lates:
            return
        # Where things wait for each other they are sorted already.
        lates.sort()
        most = lates[-1]
        self.most = max(self.most, most)
        counts, step, last = self._counts, _step(lates[0]), _step(most)
        if step <= last <= step + NEAR:
            at = 0
            for each in range(step, last):
                end = bisect_left(lates, each + 1.0, at, key=_in_steps)
                counts[each] += end - at
                at = end
            counts[last] += len(lates) - at
            return
        for late in lates:
            counts[int(late * STEPS_PER_S) if late < LIMIT_S else -1] += 1

    @property
    def count(self) -> int:
        """How many things were done."""
        return sum(self._counts)

    def quantile(self, share: float) -> float:
        """What this share of all things didn't exceed, in seconds, rounded up to a step; 0 if
        there was none."""
        wanted, seen = share * self.count, 0
        for step, count in enumerate(self._counts, 1):
            seen += count
            if count and seen >= wanted:
                return min(step / STEPS_PER_S, self.most)
        return 0.0
