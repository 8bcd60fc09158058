"""Points that a model which can't be rewound goes back to."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.caching.cache import Move
from ollama_simulator.engine.caching.checkpoints import (
    APART,
    MOST,
    NEW,
    Checkpoint,
    Checkpoints,
    State,
)
from ollama_simulator.engine.caching.current import CurrentCache
from ollama_simulator.engine.caching.rewinding import NOWHERE, Rewinding
from ollama_simulator.engine.caching.tokens import Words
from tests.engine.caching.runs import talk

WINDOW = Rewinding("window", 100)


def places(points: tuple[Checkpoint, ...]) -> list[int]:
    return [point.at for point in points]


def state(*at: int, task: int = 0) -> State:
    """That of a recurrent model with checkpoints there."""
    return State(at[-1] - 1, tuple(Checkpoint(place, place - 1, task) for place in at))


def runner(rewinding: Rewinding, batch: int = 512, mib: int = 0) -> CurrentCache[Words]:
    return CurrentCache[Words](
        1, ram_mib=mib, bytes_per_token=1000, rewinding=rewinding, batch=batch
    )


# --- where they are -----------------------------------------------------------------------


def test_near_the_end() -> None:
    """A batch before it, and four tokens."""
    made = Checkpoints(NOWHERE, 512).made(NEW, 0, 2000, (), 1)
    assert made == (Checkpoint(1488, 1487, 1), Checkpoint(1996, 1995, 1))


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        (0, 4, []),
        (0, 5, [1]),
        (0, 512, [508]),
        (0, 513, [1, 509]),
        (1488, 2000, [1488, 1996]),
        (1487, 2000, [1488, 1996]),  # What there was at 1487 is no batch before the end.
        (1990, 2000, [1990, 1996]),
        (1998, 2000, [1998]),
    ],
)
def test_where_the_evaluation_begins(start: int, end: int, found: list[int]) -> None:
    """If it is near the end. Nothing is at the very beginning."""
    assert places(Checkpoints(NOWHERE, 512).made(NEW, start, end, (), 1)) == found


def test_small_batches() -> None:
    """The last checkpoint is no farther from the end than a batch."""
    assert places(Checkpoints(NOWHERE, 2).made(NEW, 0, 100, (), 1)) == [98]


def test_where_messages_begin() -> None:
    """The first, those that are far from the one before, and the last in any case."""
    made = Checkpoints(NOWHERE, 512).made(NEW, 0, 30_000, (10, 9000, 12_000, 29_000), 1)
    assert places(made) == [10, 9000, 29_000, 29_488, 29_996]
    apart = Checkpoints(NOWHERE, 512).made(NEW, 0, 30_000, (10, 10 + APART, 29_000), 1)
    assert places(apart)[:2] == [10, 29_000]


def test_messages_near_the_end() -> None:
    """No batch begins at one that is close to a checkpoint, unless it is the last."""
    made = Checkpoints(NOWHERE, 512).made(NEW, 0, 1000, (700, 900), 1)
    assert places(made) == [488, 900, 996]


def test_there_are_only_so_many() -> None:
    """Old ones that are close to others go first, and then the oldest."""
    points = Checkpoints(NOWHERE, 512)
    full = state(*range(10, 10 * MOST + 1, 10))
    assert places(points.made(full, 900, 1300, (), 1)) == [10, *range(50, 321, 10), 900, 1296]
    own = state(*range(10, 10 * MOST + 1, 10), task=1)
    assert places(points.made(own, 900, 1300, (), 1)) == [*range(30, 321, 10), 900, 1296]


def test_one_takes_the_place_of_another() -> None:
    """If it is at the same token."""
    made = Checkpoints(NOWHERE, 512).made(state(1488, 1996), 1996, 2400, (), 1)
    assert made == (Checkpoint(1488, 1487, 0), Checkpoint(1996, 1995, 1), Checkpoint(2396, 2395, 1))


# --- what they are good for ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("shared", "cached"),
    [
        (2100, 2100),  # All that is there: the state itself.
        (2099, 1996),
        (1997, 1996),
        (1996, 1996),
        (1995, 1488),
        (1488, 1488),
        (1487, 0),
        (0, 0),
    ],
)
def test_a_state_goes_back_to_a_checkpoint(shared: int, cached: int) -> None:
    """The nearest, else to nothing."""
    made = runner(NOWHERE)
    prompt = talk("a", 2000)
    made.take(prompt, [0])
    whole = talk("b", 100, after=prompt)
    made.keep(0, whole)
    assert made.take(talk("c", 500, after=whole.first(shared)), [0]).cached == cached


def test_the_same_prompt_again() -> None:
    """Has its last four tokens evaluated."""
    made = runner(NOWHERE)
    for cached, answer in ((0, 50), (1996, 0), (1996, 0)):
        assert made.take(talk("a", 2000), [0]).cached == cached
        made.keep(0, talk("b", answer, after=talk("a", 2000)))


def test_those_behind_are_forgotten() -> None:
    """A conversation that was taken back doesn't find the points of what came after."""
    made = runner(NOWHERE)
    long = talk("a", 2000)
    made.take(long, [0])
    made.keep(0, long)
    assert made.take(talk("b", 5, after=long.first(1600)), [0]).cached == 1488
    made.keep(0, talk("b", 5, after=long.first(1600)))
    assert made.take(long, [0]).cached == 1488
    assert Checkpoints(NOWHERE, 512).resume(state(1488, 1996), 1600, 1605) == (1488, state(1488))


def test_a_prompt_that_was_given_up() -> None:
    """Has those that it came to, and what was evaluated can be built on."""
    prompt = talk("a", 2000)
    for evaluated, longer, other in ((1500, 1500, 1488), (1400, 1400, 0)):
        made = runner(NOWHERE)
        made.take(prompt, [0])
        made.keep(0, prompt.first(700))
        made.keep(0, prompt.first(evaluated))
        assert made.take(prompt, [0]).cached == longer
        made.keep(0, prompt.first(evaluated))
        assert made.take(talk("b", 9, after=prompt.first(evaluated - 5)), [0]).cached == other


def test_a_context_that_was_shifted_has_none() -> None:
    """The tokens in its slot are no longer those of the prompt."""
    made = runner(NOWHERE)
    prompt = talk("a", 2000)
    made.take(prompt, [0])
    made.keep(0, prompt.first(4).plus(prompt.last(1000)))
    assert made.take(prompt, [0]).cached == 0


def test_they_go_with_a_conversation() -> None:
    """Into the host's memory and back."""
    made = runner(NOWHERE, mib=100)
    first = talk("a", 2000)
    made.take(first, [0])
    made.keep(0, talk("b", 100, after=first))
    made.take(talk("c", 2000), [0])
    made.keep(0, talk("c", 2000))
    place = made.take(talk("d", 300, after=first), [0])
    assert place.cached == 1996
    assert place.moves[1:] == (Move("restored", 2100, 2_100_000),)


@pytest.mark.parametrize(
    ("prompt", "held", "shared", "cached"),
    [
        (950, 1000, 1000, 1000),
        (950, 1000, 845, 845),  # 100 tokens before it, 256 in all are kept.
        (950, 1000, 844, 821),  # One less than the checkpoint at 822.
        (950, 1000, 821, 821),
        (950, 1000, 820, 0),
        (40, 50, 50, 35),  # No more than a window: only a checkpoint will do.
        (40, 50, 34, 0),
        (3, 50, 50, 0),
    ],
)
def test_a_window_needs_one_where_it_is_gone(
    prompt: int, held: int, shared: int, cached: int
) -> None:
    """A window of 100 tokens, and batches of 128."""
    made = runner(WINDOW, batch=128)
    first = talk("a", prompt)
    made.take(first, [0])
    whole = talk("b", held - prompt, after=first)
    made.keep(0, whole)
    assert made.take(talk("c", 9, after=whole.first(shared)), [0]).cached == cached


def test_the_same_prompt_again_with_a_window() -> None:
    """All but its last token, while the window before that is there."""
    made = runner(WINDOW, batch=128)
    prompt = talk("a", 950)
    made.take(prompt, [0])
    made.keep(0, talk("b", 50, after=prompt))
    assert made.take(prompt, [0]).cached == 949


def test_a_window_is_whole_again_after_a_new_start() -> None:
    """What was lost of another conversation doesn't matter."""
    made = runner(WINDOW, batch=128)
    made.keep(0, talk("a", 1000))
    other = talk("b", 300)
    assert made.take(other, [0]).cached == 0
    made.keep(0, other)
    assert made.take(talk("c", 9, after=other.first(200)), [0]).cached == 200
