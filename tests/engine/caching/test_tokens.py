"""Runs of tokens that are spelled out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.engine.caching.tokens import BLOCK, Words
from tests.engine.caching.runs import said, talk


def naive(ours: Words, theirs: Words) -> int:
    """How many tokens both begin with alike, one by one."""
    count = 0
    for one, other in zip(ours.words, theirs.words, strict=False):
        if one != other:
            break
        count += 1
    return count


RUNS = st.builds(
    lambda head, tail: talk("h", head).plus(said(tail)),
    st.sampled_from([0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 5]),
    st.text("ab", max_size=4),
)


@given(st.lists(RUNS, min_size=2, max_size=4), st.integers(0, 5 * BLOCK))
def test_common_is_what_counting_says(runs: list[Words], cut: int) -> None:
    """Whatever was compared before, and whatever the runs were made of."""
    made = [*runs, *(run.first(cut) for run in runs), *(run.plus(said("b")) for run in runs)]
    for ours in made:
        for theirs in made:
            assert ours.common(theirs) == naive(ours, theirs)
    again = [run.first(cut).plus(run.last(len(run) - cut)) for run in made]
    assert again == made
    for ours, theirs in zip(again, reversed(made), strict=True):
        assert ours.common(theirs) == naive(ours, theirs)


def test_a_difference_anywhere_is_seen() -> None:
    """In the first block, at a border, in the last one."""
    whole = talk("h", 4 * BLOCK)
    for place in (0, 1, BLOCK - 1, BLOCK, 2 * BLOCK, 4 * BLOCK - 1):
        other = whole.first(place).plus(said("x")).plus(whole.last(len(whole) - place - 1))
        assert len(other) == len(whole)
        assert whole.common(other) == other.common(whole) == place


def test_parts() -> None:
    """More than all is all, less than nothing is nothing."""
    run = said("abc")
    assert [run.first(n) for n in (-1, 0, 2, 3, 9)] == [
        said(s) for s in ("", "", "ab", "abc", "abc")
    ]
    assert [run.last(n) for n in (-1, 0, 2, 3, 9)] == [
        said(s) for s in ("", "", "bc", "abc", "abc")
    ]
    assert run.plus(said("d")) == said("abcd")
    assert hash(run) == hash(said("abc"))
    assert run != "abc"
