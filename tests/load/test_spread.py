"""Percentiles of known times."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.load.spread import STEP_S, Spread

TIMES = st.lists(st.floats(0, 1e5), min_size=1, max_size=50)


def spread(times: list[float]) -> Spread:
    """Their distribution."""
    found = Spread()
    for each in times:
        found.add(each)
    return found


def test_of_a_hundred_times_each_percentile_is_one_of_them() -> None:
    times = [n / 100 for n in range(1, 101)]
    random.Random(0).shuffle(times)
    found = spread(times)
    assert found.percentiles(50, 90, 95, 99, 100) == (0.5, 0.9, 0.95, 0.99, 1.0)
    assert found.count == 100
    assert found.mean == 0.505
    assert found.longest == 1.0


def test_a_percentile_is_never_between_two_times() -> None:
    assert spread([1.0, 9.0]).percentiles(0, 50, 51, 99) == (1.0, 1.0, 9.0, 9.0)


def test_one_time_is_every_percentile() -> None:
    assert spread([0.25]).percentiles(50, 99) == (0.25, 0.25)


def test_a_long_time_loses_no_digit() -> None:
    assert spread([86_399.12345]).longest == 86_399.12345


def test_nothing_has_no_percentile() -> None:
    nothing = Spread()
    assert (nothing.percentiles(50), nothing.mean, nothing.longest) == (None, None, None)
    assert nothing.count == 0


@given(TIMES, TIMES)
def test_merging_is_counting_all(ones: list[float], others: list[float]) -> None:
    both = spread(ones)
    both.merge(spread(others))
    assert both.counts == spread(ones + others).counts


@given(TIMES, st.floats(0.1, 100))
def test_the_rank_is_that_of_the_sorted_times(times: list[float], percent: float) -> None:
    """The definition, done slowly."""
    (found,) = spread(times).percentiles(percent) or ()
    rounded = sorted(round(each / STEP_S) * STEP_S for each in times)
    least = next(
        each
        for each in rounded
        if 100 * sum(other <= each for other in rounded) >= percent * len(rounded)
    )
    assert abs(found - least) < STEP_S / 2
