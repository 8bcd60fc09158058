"""How late things were done, in numbers."""

from __future__ import annotations

import random

import pytest

from ollama_simulator.lateness import Lateness


def of(*seconds: float) -> Lateness:
    """That of things which were so late."""
    late = Lateness()
    for each in seconds:
        late.add(each)
    return late


def test_nothing_was_due() -> None:
    """Then nothing was late."""
    assert (of().count, of().quantile(0.99), of().most) == (0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("share", "seconds"), [(0.5, 0.0051), (0.9, 0.0091), (0.99, 0.01), (1.0, 0.01)]
)
def test_quantiles(share: float, seconds: float) -> None:
    """They are rounded up to a tenth of a millisecond, but not above the greatest."""
    late = of(*(number / 1000 for number in range(1, 11)))
    assert late.quantile(share) == pytest.approx(seconds, abs=1e-9)


def test_many_at_once() -> None:
    """As one after another."""
    late = Lateness()
    late.add_all([1.5, 2.25], [1.0, 2.0])
    assert (late.count, late.most) == (2, 0.5)
    assert late.quantile(0.5) == pytest.approx(0.2501)


@pytest.mark.parametrize("most", [0.0003, 0.004, 3.0])
def test_whether_alone_or_together(most: float) -> None:
    """The same is counted: of things near each other, further apart, and very late ones. Some stand
    where a step begins."""
    chance = random.Random(5)
    lates = [chance.random() * most for _ in range(200)]
    lates += [round(late, 4) for late in lates]
    whole = Lateness()
    for start in range(0, len(lates), 50):
        whole.add_all(lates[start : start + 50], [0.0] * 50)
    one_by_one = of(*lates)
    assert (whole.count, whole.most) == (400, max(lates))
    for share in (number / 400 for number in range(1, 401)):
        assert whole.quantile(share) == one_by_one.quantile(share)


def test_what_is_very_late_is_one_step() -> None:
    """The greatest is told all the same."""
    late = of(0.0, 5.0, 7.0)
    assert (late.count, late.most) == (3, 7.0)
    assert late.quantile(0.99) == pytest.approx(1.0001)
