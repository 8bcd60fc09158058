"""How irregular iterations are: factors that follow each other, and their sums.

Source: engine model, 2.3.

Rules of this file:

1. Factors are drawn once, and repeat after `PERIOD` iterations: so the time of any number of
   iterations is the difference of two sums, however many they are.
2. Their mean is exactly 1: irregular iterations take as long as regular ones in the long run.

It must not import anything but layer 0.
"""

import functools
import math
import random
from itertools import accumulate

from ollama_simulator.hardware import Jitter

PERIOD = 4096


class Factors:
    """The factors of a series of iterations, and what some of them take beside."""

    def __init__(self, jitter: Jitter) -> None:
        drawn = random.Random(f"{jitter.sigma}/{jitter.stall_p}/{jitter.stall_ms}")
        factors = [math.exp(drawn.gauss(0.0, jitter.sigma)) for _ in range(PERIOD)]
        mean = math.fsum(factors) / PERIOD
        factors = [factor / mean for factor in factors]
        stalls = [jitter.stall_ms / 1000 * (drawn.random() < jitter.stall_p) for _ in factors]
        self._sums = [0.0, *accumulate(factors)]
        self._ramps = [0.0, *accumulate(i * factor for i, factor in enumerate(factors))]
        self._stalls = [0.0, *accumulate(stalls)]

    def _sum(self, count: int) -> float:
        rounds, rest = divmod(count, PERIOD)
        return rounds * self._sums[PERIOD] + self._sums[rest]

    def _ramp(self, count: int) -> float:
        """The sum of i times the factor of iteration i."""
        rounds, rest = divmod(count, PERIOD)
        whole, sums = self._ramps[PERIOD], self._sums[PERIOD]
        return (
            rounds * whole
            + PERIOD * sums * rounds * (rounds - 1) / 2
            + self._ramps[rest]
            + rounds * PERIOD * self._sums[rest]
        )

    def _stalled(self, count: int) -> float:
        rounds, rest = divmod(count, PERIOD)
        return rounds * self._stalls[PERIOD] + self._stalls[rest]

    def seconds(self, start: int, count: int, base: float, slope: float) -> float:
        """What `count` iterations take from the `start`-th on, whose regular times are
        `base`, `base + slope`, `base + 2 * slope` and so on."""
        # All repeats after a period; of small numbers the differences are exact after weeks, too.
        start %= PERIOD
        end = start + count
        plain = self._sum(end) - self._sum(start)
        ramp = self._ramp(end) - self._ramp(start) - start * plain
        return base * plain + slope * ramp + self._stalled(end) - self._stalled(start)


@functools.cache
def factors(jitter: Jitter) -> Factors | None:
    """The factors of a profile; None for regular iterations."""
    irregular = jitter.sigma or (jitter.stall_p and jitter.stall_ms)
    return Factors(jitter) if irregular else None
