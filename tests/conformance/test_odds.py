"""Bounds of chance: against sums in fractions, and against what they promise."""

from fractions import Fraction
from math import comb

import pytest

from ollama_simulator.conformance.odds import ALPHA, at_most, bounds


@pytest.mark.parametrize(("tries", "odds"), [(60, (1, 3)), (16, (1, 4)), (7, (1, 2)), (1, (2, 3))])
def test_at_most(tries: int, odds: tuple[int, int]) -> None:
    """As the sum of exact fractions."""
    chance = Fraction(*odds)
    exact = [comb(tries, k) * chance**k * (1 - chance) ** (tries - k) for k in range(tries + 1)]
    for count in range(tries + 1):
        assert at_most(count, tries, float(chance)) == pytest.approx(float(sum(exact[: count + 1])))


@pytest.mark.parametrize(("tries", "chance"), [(60, 1 / 3), (36, 1 / 3), (16, 1 / 4), (400, 0.01)])
def test_bounds(tries: int, chance: float) -> None:
    """What is outside has at most the probability asked for, and one more would have more."""
    low, high = bounds(tries, chance)
    assert low <= tries * chance <= high
    for outside, wider in (
        (at_most(low - 1, tries, chance), at_most(low, tries, chance)),
        (at_most(tries - high - 1, tries, 1 - chance), at_most(tries - high, tries, 1 - chance)),
    ):
        assert outside <= ALPHA / 2 < wider


def test_nothing_is_sure_of_few_tries() -> None:
    """Three tries may all hit, and all miss."""
    assert bounds(3, 1 / 3) == (0, 3)
