"""A context that is full before the answer has ended."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.caching.legacy import LegacyCache
from ollama_simulator.engine.caching.overflow import Engine, full, kept, rereads, shifted, shifts
from ollama_simulator.engine.caching.rewinding import ANYWHERE, NOWHERE, Rewinding
from ollama_simulator.engine.caching.tokens import Words
from tests.engine.caching.runs import talk


def numbers(tokens: Words) -> list[int]:
    return [int(word[1:]) for word in tokens.words]


@pytest.mark.parametrize(("engine", "least"), [("legacy", 100), ("current", 99)])
def test_when_it_is_full(engine: Engine, least: int) -> None:
    """The engine `current` leaves one place empty."""
    assert not full(engine, least - 1, 100)
    assert full(engine, least, 100)


def test_what_is_left() -> None:
    """The first ones, and the later half of the others."""
    assert numbers(shifted("legacy", talk("a", 100), 100, 4)) == [*range(4), *range(52, 100)]
    assert numbers(shifted("current", talk("a", 99), 100, 4)) == [*range(4), *range(51, 99)]


def test_one_token_at_least_makes_room() -> None:
    """If all but one are to be kept, that one; the engine `current` always has some more."""
    assert numbers(shifted("legacy", talk("a", 100), 100, 99)) == [*range(99)]
    assert kept("current", 1000, 50, 100) == 96
    assert numbers(shifted("current", talk("a", 99), 100, 96)) == [*range(96), 97, 98]


def test_a_slot_that_has_room_stays() -> None:
    """Nothing is lost for nothing."""
    assert shifted("legacy", talk("a", 40), 100, 4) == talk("a", 40)
    assert shifted("current", talk("a", 5), 100, 96) == talk("a", 5)


@pytest.mark.parametrize(
    ("num_keep", "legacy", "current"), [(4, 4, 4), (0, 0, 0), (-1, 50, 50), (1000, 99, 96)]
)
def test_how_many_stay(num_keep: int, legacy: int, current: int) -> None:
    """At most all but the room that is needed; a negative number is the prompt."""
    assert kept("legacy", num_keep, 50, 100) == legacy
    assert kept("current", num_keep, 50, 100) == current


def test_who_can() -> None:
    """The engine `current` gives up where a model has a projector or a narrow window."""
    window = Rewinding("window", 1024)
    assert shifts("current", ANYWHERE, 4096, 512)
    assert shifts("current", NOWHERE, 4096, 512)
    assert not shifts("current", ANYWHERE, 4096, 512, projector=True)
    assert not shifts("current", window, 4096, 512)
    assert shifts("current", window, 1536, 512)
    assert not shifts("current", window, 1537, 512)
    assert shifts("legacy", window, 4096, 512, projector=True)


def test_who_reads_it_again() -> None:
    """A recurrent state can't lose its middle."""
    assert rereads("legacy", NOWHERE)
    assert not rereads("legacy", Rewinding("window", 1024, 1024))
    assert not rereads("current", NOWHERE)


def test_the_next_turn_starts_anew() -> None:
    """Of what is left, only the tokens that were kept are a beginning of its prompt."""
    cache = LegacyCache[Words](1)
    prompt = talk("a", 60)
    cache.take(prompt, [0])
    cache.keep(0, shifted("legacy", talk("b", 40, after=prompt), 100, 4))
    assert cache.take(talk("c", 5, after=prompt), [0]).cached == 4
