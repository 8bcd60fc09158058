"""What stays of weight files in the host's memory (engine model 2.2)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.engine.pagecache import PageCache

Reads = list[tuple[str, int]]


def after(reads: Reads, capacity: int = 0) -> dict[str, int]:
    """What is held of each file, after these reads."""
    pages = PageCache(capacity)
    for key, size in reads:
        pages.read(key, size)
    return {key: held for key, _ in reads if (held := pages.cached(key))}


def test_everything_stays_where_nothing_is_known_of_the_memory() -> None:
    assert after([("a", 10**12), ("b", 10**12)]) == {"a": 10**12, "b": 10**12}


def test_the_file_that_was_read_longest_ago_goes_first() -> None:
    """As far as room is needed; reading it again makes it the newest."""
    assert after([("a", 40), ("b", 40), ("c", 40)], 100) == {"a": 20, "b": 40, "c": 40}
    assert after([("a", 40), ("b", 40), ("c", 70)], 100) == {"b": 30, "c": 70}
    assert after([("a", 40), ("b", 40), ("a", 40), ("c", 40)], 100) == {"a": 40, "b": 20, "c": 40}


def test_a_file_that_is_too_large_leaves_nothing() -> None:
    """And takes nothing from the others."""
    assert after([("a", 40), ("b", 101)], 100) == {"a": 40}
    assert after([("a", 40), ("b", 100)], 100) == {"b": 100}


def test_a_shorter_read_takes_nothing_away() -> None:
    assert after([("a", 40), ("a", 10)]) == {"a": 40}
    assert after([("a", 0)]) == {}


def test_clear_forgets_all() -> None:
    pages = PageCache()
    pages.read("a", 5)
    pages.clear()
    assert (pages.cached("a"), pages.held) == (0, 0)


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 150)), max_size=30),
    st.integers(1, 200),
)
def test_it_never_holds_more_than_it_can(reads: Reads, capacity: int) -> None:
    """Nor more of a file than was ever read of it; what was read last is there if it fits."""
    pages, most = PageCache(capacity), dict.fromkeys("abcde", 0)
    for key, size in reads:
        pages.read(key, size)
        most[key] = max(most[key], size)
        assert pages.held <= capacity
        assert pages.cached(key) >= (size if most[key] <= capacity else 0)
        assert all(pages.cached(each) <= most[each] for each in most)
