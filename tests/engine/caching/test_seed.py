"""The cache of the seed: one conversation for the whole server."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.caching.cache import Place
from ollama_simulator.engine.caching.seed import SeedCache
from ollama_simulator.engine.caching.tokens import Words
from tests.engine.caching.runs import said


@pytest.mark.parametrize(
    ("held", "prompt", "cached"),
    [
        ("", "a", 0),
        ("a", "", 0),
        ("ab", "ab", 2),
        ("abc", "ab", 2),
        ("a", "ab", 1),
        ("axc", "abc", 1),
        ("xb", "ab", 0),
    ],
)
def test_what_both_begin_with_is_cached(held: str, prompt: str, cached: int) -> None:
    """All of the prompt, if it is all there."""
    share = SeedCache[Words]().share()
    share.keep(0, said(held))
    assert share.take(said(prompt), [0]) == Place(0, cached)


def test_it_serves_the_model_that_left_it() -> None:
    """There is one for all, and it holds what came last."""
    cache = SeedCache[Words]()
    first, second = cache.share(), cache.share()
    first.keep(0, said("ab"))
    assert second.take(said("abc"), [0]).cached == 0
    assert first.take(said("abc"), [0]).cached == 2
    second.keep(0, said("a"))
    assert cache.tokens == said("a")
    assert first.take(said("abc"), [0]).cached == 0
    assert second.take(said("abc"), [0]).cached == 1
    assert (first.latest, first.holds(0)) == (None, None)
    assert second.latest == second.holds(0) == said("a")


def test_a_prompt_changes_nothing_before_its_end() -> None:
    """Another one that comes meanwhile finds what was there. Slots don't matter."""
    share = SeedCache[Words]().share()
    share.keep(0, said("ab"))
    assert share.take(said("xy"), [2, 1]) == Place(1, 0)
    assert share.take(said("ab"), [2]) == Place(2, 2)
    assert share.holds(2) == said("ab")


def test_clear() -> None:
    """Of all, or of the runner whose it is."""
    cache = SeedCache[Words]()
    owner, other = cache.share(), cache.share()
    owner.keep(0, said("ab"))
    other.clear()
    assert owner.latest == said("ab")
    owner.clear()
    assert cache.tokens is None
    owner.keep(0, said("ab"))
    cache.clear()
    assert owner.latest is None
