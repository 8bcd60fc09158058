"""Tokens that nobody spelled out behave like those that somebody did."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.lab.stretches import NOTHING, Stretches

runs = st.builds(
    Stretches,
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(0, 5)), max_size=6),
)


def spelled(run: Stretches) -> list[tuple[int, int]]:
    """Each token: the text and the place in it."""
    return [(text, start + i) for text, start, length in run.parts for i in range(length)]


@given(runs, runs)
def test_common_counts_equal_tokens(one: Stretches, other: Stretches) -> None:
    """As if both were spelled out."""
    ours, theirs = spelled(one), spelled(other)
    same = 0
    while same < min(len(ours), len(theirs)) and ours[same] == theirs[same]:
        same += 1
    assert one.common(other) == other.common(one) == same


@given(runs, st.integers(-1, 40))
def test_first_and_last(run: Stretches, count: int) -> None:
    """A cut goes through a stretch if need be."""
    tokens = spelled(run)
    assert spelled(run.first(count)) == tokens[: max(count, 0)]
    assert spelled(run.last(count)) == tokens[max(len(tokens) - max(count, 0), 0) :]


@given(runs, runs)
def test_one_behind_the_other(one: Stretches, other: Stretches) -> None:
    """Equal runs look alike, however they were put together."""
    both = one.plus(other)
    assert spelled(both) == spelled(one) + spelled(other)
    assert both == Stretches(one.parts + other.parts)
    assert hash(both) == hash(Stretches(one.parts + other.parts))
    assert len(both) == len(one) + len(other)
    assert one.plus(NOTHING) == NOTHING.plus(one) == one
