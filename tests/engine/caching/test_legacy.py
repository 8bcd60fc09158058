"""The cache of a runner before Ollama 0.30."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.caching.cache import Place
from ollama_simulator.engine.caching.legacy import LegacyCache
from ollama_simulator.engine.caching.rewinding import NOWHERE, Rewinding
from ollama_simulator.engine.caching.tokens import Words
from tests.engine.caching.runs import said, talk


def cache(*held: str, multiuser: bool = False) -> LegacyCache[Words]:
    """A cache whose slots hold these letters, taken in this order."""
    made = LegacyCache[Words](len(held), multiuser=multiuser)
    for slot, text in enumerate(held):
        if text:
            made.take(said("?"), [slot])
            made.keep(slot, said(text))
    return made


# --- one user -----------------------------------------------------------------------------


def test_the_longest_beginning_wins() -> None:
    """Wherever it is."""
    assert cache("ax", "abx", "abcx").take(said("abcd"), range(3)) == Place(2, 3)
    assert cache("abcx", "abx", "ax").take(said("abcd"), range(3)) == Place(0, 3)


def test_the_first_of_equals_wins() -> None:
    """Even if it loses a conversation, and an empty slot is beside it: nothing is LRU."""
    assert cache("xyz", "", "").take(said("ab"), range(3)) == Place(0, 0)
    assert cache("abx", "aby", "").take(said("abz"), range(3)) == Place(0, 2)


def test_a_busy_slot_is_not_looked_at() -> None:
    """However much of the prompt it has."""
    assert cache("abc", "a").take(said("abcd"), [1]) == Place(1, 1)


def test_one_token_is_evaluated() -> None:
    """The last one of a prompt that is there as a whole."""
    made = cache("abcd")
    assert made.take(said("abc"), [0]) == Place(0, 2)
    assert made.holds(0) == said("ab")


def test_the_rest_is_lost_at_once() -> None:
    """Before the job that takes the slot has evaluated anything."""
    made = cache("abcdef")
    made.take(said("abx"), [0])
    assert made.holds(0) == said("ab")
    made.take(said("x"), [0])
    assert made.holds(0) is None


def test_one_slot_remembers_one_conversation() -> None:
    """A, B, A with prompts of 4,000 tokens: the third is read from its start (2.4, step 7)."""
    made = LegacyCache[Words](1)
    cached = []
    for name in ("a", "b", "a", "a"):
        cached.append(made.take(talk(name, 4000), [0]).cached)
        made.keep(0, talk(name, 4020))
    assert cached == [0, 0, 0, 3999]


# --- many users ---------------------------------------------------------------------------


def test_a_conversation_goes_on_where_it_is() -> None:
    """All of the slot is a beginning of the prompt, so nothing is lost."""
    assert cache("abc", "xyz", multiuser=True).take(said("abcd"), range(2)) == Place(0, 3)


def test_another_one_takes_the_slot_that_was_taken_longest_ago() -> None:
    """With a copy of what both begin with, and the other slot keeps all."""
    made = cache("xyz", "abc", multiuser=True)
    assert made.take(said("abd"), range(2)) == Place(0, 2)
    assert (made.holds(0), made.holds(1)) == (said("ab"), said("abc"))


def test_a_busy_slot_can_be_copied_from() -> None:
    """Even if all of it is wanted."""
    made = cache("abc", "xyz", multiuser=True)
    assert made.take(said("abcd"), [1]) == Place(1, 3)
    assert made.holds(0) == said("abc")


def test_an_empty_slot_is_taken_before_others() -> None:
    """The first slot if that is empty, else the first that was never taken."""
    assert cache("", "xyz", multiuser=True).take(said("a"), range(2)) == Place(0, 0)
    assert cache("xyz", "", "", multiuser=True).take(said("a"), range(3)) == Place(1, 0)


def test_the_longest_may_be_the_oldest() -> None:
    """Then it loses its end, as for one user."""
    made = cache("abc", "xyz", multiuser=True)
    assert made.take(said("abd"), range(2)) == Place(0, 2)
    assert made.holds(0) == said("ab")


def test_when_a_slot_was_taken_counts() -> None:
    """Not when its job ended."""
    made = LegacyCache[Words](2, multiuser=True)
    made.take(said("abc"), [0])
    made.take(said("xyz"), [1])
    made.keep(1, said("xyz"))
    made.keep(0, said("abc"))
    assert made.latest == said("abc")
    assert made.take(said("q"), range(2)).slot == 0


# --- models that can't go back ------------------------------------------------------------


def test_a_state_serves_what_comes_behind_it_alone() -> None:
    """Nothing of a conversation that was changed, and nothing of the same prompt again."""
    made = LegacyCache[Words](1, rewinding=NOWHERE)
    for prompt, cached in (("abc", 0), ("abcd", 3), ("abcx", 0), ("abcx", 0), ("abcxy", 4)):
        assert made.take(said(prompt), [0]).cached == cached
        made.keep(0, said(prompt))


def test_a_state_is_copied_whole() -> None:
    """If all of the other slot is wanted, and else not at all."""
    made = LegacyCache[Words](2, multiuser=True, rewinding=NOWHERE)
    made.keep(0, said("abc"))
    assert made.take(said("abcd"), [1]) == Place(1, 3)
    assert made.take(said("abx"), [1]) == Place(1, 0)


@pytest.mark.parametrize(
    ("held", "back", "cached"),
    [
        (50, 1, 49),  # The whole of it is within the window.
        (101, 60, 41),
        (102, 60, 0),
        (500, 0, 500),
        (500, 1, 499),  # The window before the last token is still there.
        (500, 2, 0),
    ],
)
def test_a_window_must_be_there(held: int, back: int, cached: int) -> None:
    """A window of 100 tokens, of which nothing is kept that isn't needed."""
    made = LegacyCache[Words](1, rewinding=Rewinding("window", 100, 100))
    whole = talk("a", held)
    made.take(whole, [0])
    made.keep(0, whole)
    assert made.take(talk("b", 5, after=whole.first(held - back)), [0]).cached == cached


def test_a_window_that_was_lost_stays_lost() -> None:
    """What was dropped behind it doesn't bring it back; a start from nothing does."""
    made = LegacyCache[Words](1, rewinding=Rewinding("window", 10, 20))
    whole = talk("a", 100)
    made.keep(0, whole)
    assert made.take(talk("b", 5, after=whole.first(90)), [0]).cached == 90
    made.keep(0, talk("b", 5, after=whole.first(90)))
    assert made.take(talk("c", 5, after=whole.first(89)), [0]).cached == 89
    made.keep(0, talk("c", 1, after=whole.first(89)))
    assert made.take(talk("d", 5, after=whole.first(88)), [0]).cached == 0
    made.keep(0, talk("d", 5))
    assert made.take(talk("e", 5, after=talk("d", 2)), [0]).cached == 2


def test_a_context_that_fits_is_kept_whole() -> None:
    """Then a window is none. With several slots one token more is kept of each."""
    rewinding = Rewinding("window", 100, 100)
    whole = talk("a", 100)
    for slots, context, cached in ((1, 100, 20), (1, 5000, 20), (2, 101, 20)):
        made = LegacyCache[Words](slots, rewinding=rewinding, context=context)
        made.keep(0, whole)
        assert made.take(talk("b", 5, after=whole.first(20)), [0]).cached == cached
    long = talk("a", 400)
    for slots, context, cached in ((1, 100, 20), (1, 101, 0), (2, 101, 20), (2, 102, 0)):
        made = LegacyCache[Words](slots, rewinding=rewinding, context=context)
        made.keep(0, long)
        assert made.take(talk("b", 5, after=long.first(20)), [0]).cached == cached


def test_clear() -> None:
    """Nothing is left, and nothing of who was taken when."""
    made = cache("abc", "xyz", multiuser=True)
    made.clear()
    assert (made.holds(0), made.holds(1), made.latest) == (None, None, None)
    assert made.take(said("xyz"), range(2)) == Place(0, 0)
