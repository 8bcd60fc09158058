"""A context that is full before the answer has ended."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.caching.legacy import LegacyCache
from ollama_simulator.engine.caching.overflow import Engine, held, shifted
from ollama_simulator.engine.caching.tokens import Words
from tests.engine.caching.runs import talk


def numbers(tokens: Words) -> list[int]:
    return [int(word[1:]) for word in tokens.words]


def test_what_is_left() -> None:
    """The first ones, and the later half of the others."""
    assert numbers(shifted("legacy", talk("a", 100), 100, 4)) == [*range(4), *range(52, 100)]
    assert numbers(shifted("current", talk("a", 99), 100, 4)) == [*range(4), *range(51, 99)]


def test_one_token_at_least_makes_room() -> None:
    """If all but one are to be kept, that one; the engine `current` always has some more."""
    assert numbers(shifted("legacy", talk("a", 100), 100, 99)) == [*range(99)]
    for keep in (96, 97, 99):
        left = shifted("current", talk("a", 99), 100, keep)
        assert numbers(left) == [*range(96), 97, 98]


def test_a_tiny_context() -> None:
    """Then nothing can be kept, and at last nothing given up."""
    assert numbers(shifted("current", talk("a", 2), 3, 2)) == [1]
    assert numbers(shifted("current", talk("a", 1), 2, 1)) == [0]
    assert held("current", talk("a", 9), 2, 1) == talk("a", 1)


def test_a_slot_that_has_room_stays() -> None:
    """Nothing is lost for nothing."""
    assert shifted("legacy", talk("a", 40), 100, 4) == talk("a", 40)
    assert shifted("current", talk("a", 5), 100, 96) == talk("a", 5)


@pytest.mark.parametrize("engine", ["legacy", "current"])
@pytest.mark.parametrize("keep", [0, 4, 50, 99])
def test_token_by_token(engine: Engine, keep: int) -> None:
    """A long answer makes room again and again, each time just before the token with no place."""
    inside = talk("a", 0)
    for number in range(400):
        if len(inside) == (100 if engine == "legacy" else 99):
            inside = shifted(engine, inside, 100, keep)
        inside = inside.plus(Words([f"a{number}"]))
        assert held(engine, talk("a", number + 1), 100, keep) == inside


def test_the_next_turn_starts_anew() -> None:
    """Of what is left, only the tokens that were kept are a beginning of its prompt."""
    cache = LegacyCache[Words](1)
    prompt = talk("a", 60)
    cache.take(prompt, [0])
    cache.keep(0, shifted("legacy", talk("b", 40, after=prompt), 100, 4))
    assert cache.take(talk("c", 5, after=prompt), [0]).cached == 4
