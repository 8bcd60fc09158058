"""Lengths: the published tables, and what may stand in for them."""

from __future__ import annotations

import itertools
import math
from random import Random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.workload.lengths import (
    LEVELS,
    LONGEST,
    TABLES,
    Fixed,
    Lengths,
    LogNormal,
    Quantiles,
)
from ollama_simulator.workload.session import BadWorkload

PUBLISHED = {
    "code_prompt": 2048,
    "code_answer": 27.9,
    "conv_prompt": 1155,
    "conv_answer": 211,
    "mooncake_prompt": 12035,
    "mooncake_answer": 343,
}
"""Means of the traces themselves."""
DRAWS = 20_000


@pytest.mark.parametrize("name", TABLES)
def test_the_mean_is_that_of_the_trace(name: str) -> None:
    """Within 3 %; the tail of code answers is known to be 17 % high."""
    expected = PUBLISHED[name] * (1.17 if name == "code_answer" else 1)
    assert TABLES[name].mean == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("name", TABLES)
def test_draws_follow_the_table(name: str) -> None:
    """The share of draws up to each point, within four standard errors of a share.

    Lengths are whole, so a point may be passed by half a token.
    """
    table = TABLES[name]
    rng = Random(f"follow {name}")
    draws = [table.draw(rng) for _ in range(DRAWS)]
    assert min(draws) >= table.points[0]
    assert max(draws) <= table.points[-1]
    for level, (point, after) in zip(LEVELS, itertools.pairwise(table.points), strict=False):
        margin = 4 * math.sqrt(level * (1 - level) / DRAWS)
        assert sum(draw < point - 0.5 for draw in draws) / DRAWS <= level + margin
        if after > point:
            assert sum(draw <= point + 0.5 for draw in draws) / DRAWS >= level - margin


def test_halfway_between_two_points_is_their_geometric_mean() -> None:
    """The logarithm of the length is linear."""
    table = TABLES["conv_prompt"]
    assert table.at(0.175) == pytest.approx(math.sqrt(207 * 396))
    assert [table.at(level) for level in LEVELS] == pytest.approx(list(table.points))
    with pytest.raises(ValueError, match="is no share"):
        table.at(1.01)


SOME = [
    Fixed(7),
    LogNormal(6.63, 0.99),
    LogNormal(7.0, 1.36, longest=7437),
    LogNormal(1.0, 2.0, shortest=3, longest=20),
    *TABLES.values(),
]


@pytest.mark.parametrize("lengths", SOME)
def test_the_mean_is_what_draws_come_to(lengths: Lengths) -> None:
    """Within four standard errors, and half a token for the rounding."""
    rng = Random(str(lengths))
    draws = [lengths.draw(rng) for _ in range(DRAWS)]
    mean = fmean(draws)
    error = math.sqrt(fmean((draw - mean) ** 2 for draw in draws) / DRAWS)
    assert abs(mean - lengths.mean) <= 4 * error + 0.5


def test_cutting_a_log_normal_brings_its_mean_down() -> None:
    """The code trace cuts its prompts at 7,437 tokens: a fit without that is a third too high."""
    whole = LogNormal(7.0, 1.36, longest=LONGEST).mean
    assert whole == pytest.approx(math.exp(7.0 + 1.36**2 / 2), rel=0.001)
    assert whole / PUBLISHED["code_prompt"] == pytest.approx(1.35, abs=0.02)
    assert LogNormal(7.0, 1.36, longest=7437).mean == pytest.approx(2048, rel=0.03)


@settings(deadline=None)
@given(
    st.floats(0, 20),
    st.floats(0, 10, exclude_min=True),
    st.integers(1, 100),
    st.integers(0, 10**6),
    st.integers(),
)
def test_log_normal_lengths_stay_within_their_bounds(
    mu: float, sigma: float, shortest: int, more: int, seed: int
) -> None:
    lengths = LogNormal(mu, sigma, shortest, shortest + more)
    assert shortest <= lengths.draw(Random(seed)) <= shortest + more
    assert shortest * 0.999 <= lengths.mean <= (shortest + more) * 1.001


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: Fixed(0), "from 1 to 10,000,000 tokens, not 0"),
        (lambda: Fixed(LONGEST + 1), "not 10000001"),
        (lambda: Quantiles((1.0, 2.0)), "has 11 lengths of at least 1"),
        (lambda: Quantiles((0.0,) * 11), "has 11 lengths of at least 1"),
        (lambda: Quantiles((2.0, 1.0, *[3.0] * 9)), "must rise"),
        (lambda: LogNormal(math.nan, 1.0), "a mu from 0 to 20"),
        (lambda: LogNormal(1.0, 0.0), "a sigma above 0"),
        (lambda: LogNormal(1.0, math.inf), "not 1 and inf"),
        (lambda: LogNormal(1.0, 1.0, 5, 4), "at most the longest, not 5 and 4"),
    ],
)
def test_what_is_no_distribution_is_refused(make: object, complaint: str) -> None:
    assert callable(make)
    with pytest.raises(BadWorkload, match=complaint):
        make()
