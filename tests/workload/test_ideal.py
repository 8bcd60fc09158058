"""What a cache without limits would save."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.workload.ideal import Ideal, Prompt, ideal, prompts
from ollama_simulator.workload.session import Session, Shared, Turn

SYSTEM = (Shared(1, 100),)


def test_a_conversation_knows_all_it_said_but_the_last_token() -> None:
    session = Session(0, (Turn(10, 20), Turn(5, 30), Turn(1, 1)), system=SYSTEM)
    assert [*prompts(session)] == [Prompt(110, 0), Prompt(135, 129), Prompt(166, 164)]


def test_thoughts_are_neither_in_the_next_prompt_nor_known() -> None:
    """The prompts agree up to where the answer began."""
    session = Session(0, (Turn(10, 20), Turn(5, 30), Turn(1, 9)), thinking=8)
    assert [*prompts(session)] == [Prompt(10, 0), Prompt(27, 10), Prompt(50, 27)]


def test_an_answer_that_is_all_thoughts_leaves_nothing() -> None:
    session = Session(0, (Turn(10, 5), Turn(5, 5)), thinking=8)
    assert [*prompts(session)] == [Prompt(10, 0), Prompt(15, 10)]


def test_a_system_prompt_is_known_from_its_second_session_on() -> None:
    first, second = (Session(n, (Turn(10, 20),), system=SYSTEM) for n in range(2))
    other = Session(2, (Turn(10, 20),), system=(Shared(2, 100),))
    assert ideal([first, second, other]) == Ideal(3, 330, 100)
    assert ideal([first, second, other]).ratio == pytest.approx(100 / 330)


def test_the_same_part_behind_another_is_not_known() -> None:
    """A prefix is known as a whole or not at all."""
    one = Session(0, (Turn(1, 1),), system=(Shared(1, 10), Shared(2, 10)))
    longer = Session(1, (Turn(1, 1),), system=(Shared(1, 10), Shared(2, 10), Shared(3, 10)))
    moved = Session(2, (Turn(1, 1),), system=(Shared(2, 10), Shared(1, 10)))
    assert ideal([one, longer, moved]).hit_tokens == 20


def test_nothing_is_nothing() -> None:
    assert ideal([]).ratio == 0


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            Session,
            st.integers(0, 9),
            st.lists(
                st.builds(Turn, st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=5
            ).map(tuple),
            system=st.lists(st.builds(Shared, st.integers(0, 3), st.just(7)), max_size=3).map(
                tuple
            ),
            thinking=st.sampled_from([0, 0, 5, 60]),
        ),
        max_size=6,
    )
)
def test_it_is_what_comparing_prompts_token_by_token_finds(sessions: list[Session]) -> None:
    """Against the plain way: spell everything out, and remember every prompt and answer."""
    remembered: list[list[object]] = []
    hits = total = 0
    for number, session in enumerate(sessions):
        said: list[object] = [
            (part.group, i) for part in session.system for i in range(part.tokens)
        ]
        for place, turn in enumerate(session.turns):
            prompt = [*said, *(("asked", number, place, i) for i in range(turn.asked))]
            known = max((common(prompt, other) for other in remembered), default=0)
            hits += min(known, len(prompt) - 1)
            total += len(prompt)
            answer: list[object] = [("said", number, place, i) for i in range(turn.answered)]
            remembered.append([*prompt, *answer[:-1]])
            said = [*prompt, *answer[session.thinking :]]
    found = ideal(sessions)
    assert (found.prompt_tokens, found.hit_tokens) == (total, hits)


def common(one: list[object], other: list[object]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count
