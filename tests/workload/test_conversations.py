"""Sessions made up by rule."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from random import Random
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.workload.arrivals import Constant, Poisson
from ollama_simulator.workload.conversations import ClosedLoop, OpenLoop, Recipe
from ollama_simulator.workload.lengths import Fixed
from ollama_simulator.workload.presets import PRESETS
from ollama_simulator.workload.session import BadWorkload, Session, Shared, Workload

MANY = 4000


def taken(workload: Workload, count: int = MANY) -> list[Session]:
    return list(itertools.islice(workload.sessions(), count))


def made(**changes: object) -> list[Session]:
    fields = {"asked": Fixed(10), "answered": Fixed(20)} | changes
    return taken(ClosedLoop(Recipe(**fields), users=1))  # type: ignore[arg-type]


def is_share(found: int, expected: float, of: int = MANY) -> bool:
    """Within four standard errors of a share."""
    return abs(found / of - expected) <= 4 * math.sqrt(expected * (1 - expected) / of)


def test_the_number_of_turns_is_geometric() -> None:
    """Each turn is followed by another with the same chance."""
    counts = Counter(len(session.turns) for session in made(turns=4.0))
    for turns in range(1, 6):
        assert is_share(counts[turns], 0.25 * 0.75 ** (turns - 1))


def test_one_turn_on_average_is_always_one() -> None:
    assert {len(session.turns) for session in made()} == {1}


def test_a_share_of_the_sessions_is_one_shot() -> None:
    """Beside those that are over after one turn anyway."""
    sessions = made(turns=5.0, one_shot=0.5)
    assert is_share(sum(len(session.turns) == 1 for session in sessions), 0.5 + 0.5 * 0.2)
    recipe = Recipe(asked=Fixed(1), answered=Fixed(1), turns=5.0, one_shot=0.5)
    assert recipe.requests == 3.0


def test_users_think_exponentially_long() -> None:
    times = [turn.think_s for session in made(think_s=20.0) for turn in session.turns]
    assert abs(fmean(times) - 20.0) <= 4 * 20.0 / math.sqrt(len(times))
    assert is_share(sum(time > 20.0 for time in times), math.exp(-1), len(times))


def test_thoughts_are_part_of_the_answer() -> None:
    (session, *_) = made(thinking=300)
    assert session.thinking == 300
    assert [turn.answered for turn in session.turns] == [320] * len(session.turns)


def test_a_document_comes_with_the_first_message_only() -> None:
    for session in made(opening=Fixed(5000), turns=3.0):
        assert [turn.asked for turn in session.turns] == [
            5010,
            *[10] * (len(session.turns) - 1),
        ]


def test_system_prompts_are_as_popular_as_zipf_says() -> None:
    """And every session of a group has the same one, of a length within the bounds."""
    parts = Counter(session.system for session in made(systems=3, system_tokens=(300, 6000)))
    assert len(parts) == 3
    for (shared,), count in parts.items():
        assert 300 <= shared.tokens <= 6000
        assert is_share(count, 1 / (shared.group + 1) / (1 + 1 / 2 + 1 / 3))


def test_the_lengths_of_system_prompts_are_spread_evenly_in_their_logarithm() -> None:
    sizes = {part for session in made(systems=500, system_skew=0) for part in session.system}
    assert len(sizes) == 500
    middle = math.sqrt(300 * 6000)
    assert is_share(sum(part.tokens < middle for part in sizes), 0.5, 500)


def test_sessions_want_models_as_zipf_says() -> None:
    found = Counter(session.model for session in made(models=("a", "b"), model_skew=2.0))
    assert is_share(found["a"], 0.8)
    assert is_share(found["b"], 0.2)


def test_few_ask_for_a_context_of_their_own() -> None:
    found = Counter(session.num_ctx for session in made(odd_share=0.1, odd_num_ctx=8192))
    assert is_share(found[8192], 0.1)
    assert found[None] == MANY - found[8192]


def test_the_first_sessions_of_chat() -> None:
    """Literally: another Python, or another order of draws, must not change recorded runs."""
    first = taken(OpenLoop(PRESETS["chat"].recipe, Poisson(1.0), seed=12), 2)
    assert [round(session.at or 0, 6) for session in first] == [0.995687, 1.41401]
    assert [
        (session.system, [(turn.asked, turn.answered) for turn in session.turns])
        for session in first
    ] == [
        ((Shared(group=0, tokens=3547),), [(74, 57)]),
        ((Shared(group=0, tokens=3547),), [(15, 76), (220, 125), (143, 93)]),
    ]


def test_an_open_loop_keeps_the_times_of_its_arrivals() -> None:
    sessions = taken(OpenLoop(PRESETS["conv"].recipe, Constant(2.0)), 4)
    assert [session.at for session in sessions] == [0.0, 0.5, 1.0, 1.5]
    assert OpenLoop(PRESETS["conv"].recipe, Constant(2.0)).users is None


def test_the_conversations_are_the_same_at_any_rate_and_in_any_loop() -> None:
    """So that runs can be compared pair by pair."""
    recipe = PRESETS["agents"].recipe

    def said(workload: Workload) -> list[object]:
        return [(session.turns, session.system) for session in taken(workload, 50)]

    slow = OpenLoop(recipe, Poisson(0.1), seed=3)
    fast = OpenLoop(recipe, Poisson(10.0), seed=3)
    assert said(slow) == said(fast) == said(ClosedLoop(recipe, users=4, seed=3))
    assert said(slow) != said(OpenLoop(recipe, Poisson(0.1), seed=4))


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(list(PRESETS)), st.integers(), st.integers(1, 30))
def test_a_stream_repeats_however_much_is_taken(name: str, seed: int, count: int) -> None:
    """Each time it is begun; lengths are at least 1, and times rise."""
    workload = OpenLoop(PRESETS[name].recipe, Poisson(1.0), seed)
    sessions = taken(workload, 30)
    assert taken(workload, count) == sessions[:count]
    assert [session.number for session in sessions] == list(range(30))
    times = [session.at for session in sessions if session.at is not None]
    assert times == sorted(times)
    for session in sessions:
        assert session.turns
        assert all(part.tokens >= 1 for part in session.system)
        for turn in session.turns:
            assert turn.asked >= 1
            assert turn.answered >= session.thinking + 1
            assert turn.think_s >= 0


def test_a_later_session_needs_no_earlier_one() -> None:
    """It is a function of its number."""
    recipe = PRESETS["chat"].recipe
    assert recipe.session(5, 1000, None) == taken(ClosedLoop(recipe, 1, seed=5), 1001)[-1]


def test_the_messages_of_people_are_as_long_as_published() -> None:
    """161 tokens on average in a collection of real chats."""
    assert PRESETS["chat"].recipe.asked.mean == pytest.approx(161, rel=0.02)
    rng = Random(0)
    assert min(PRESETS["chat"].recipe.asked.draw(rng) for _ in range(1000)) >= 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"turns": 0.5}, "turns must be from 1 to 10000, not 0.5"),
        ({"turns": math.nan}, "turns .* not nan"),
        ({"one_shot": 1.5}, "one_shot must be from 0 to 1, not 1.5"),
        ({"think_s": math.inf}, "think_s .* not inf"),
        ({"thinking": -1}, "thinking .* not -1"),
        ({"systems": 10**6}, "systems must be from 0 to 100000"),
        ({"system_tokens": (5, 4)}, "the shortest first, not 5 and 4"),
        ({"system_tokens": (0, 4)}, "system_tokens must be from 1"),
        ({"odd_share": 0.5}, "odd_share needs an odd_num_ctx"),
    ],
)
def test_what_is_no_recipe_is_refused(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(BadWorkload, match=complaint):
        made(**changes)


def test_a_closed_loop_has_users() -> None:
    with pytest.raises(BadWorkload, match="at least 1 user, not 0"):
        ClosedLoop(PRESETS["chat"].recipe, users=0)
