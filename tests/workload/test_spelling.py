"""Real messages: their tokens, counted by the engine, are those of the made-up session."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.engine.text import tokenize
from ollama_simulator.workload import spelling
from ollama_simulator.workload.conversations import ClosedLoop
from ollama_simulator.workload.presets import PRESETS
from ollama_simulator.workload.session import BadWorkload, Session, Shared, Turn

SESSION = Session(4, (Turn(7, 5), Turn(2, 5), Turn(1, 5)), system=(Shared(3, 6), Shared(9, 5)))
NONCES = st.from_regex(r"[a-z0-9]{0,6}", fullmatch=True)


@settings(deadline=None)
@given(st.integers(0, 500), st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True))
def test_a_text_has_its_number_of_tokens(tokens: int, name: str) -> None:
    """And begins with its name, which is one of them."""
    found = tokenize(spelling.text(name, tokens))
    assert len(found) == tokens
    assert found[:1] == [name][:tokens]


@settings(deadline=None)
@given(NONCES, st.sampled_from(list(PRESETS)))
def test_messages_have_the_tokens_of_the_session(nonce: str, name: str) -> None:
    for session in itertools.islice(ClosedLoop(PRESETS[name].recipe, 1).sessions(), 3):
        assert len(tokenize(spelling.system(session, nonce))) == session.system_tokens
        for number, turn in enumerate(session.turns[:3]):
            assert len(tokenize(spelling.question(session, number, nonce))) == turn.asked


def test_messages_carry_the_replies_as_they_were() -> None:
    """Only those to the turns before, though more may be known by now."""
    replies = ["Yes.", "No.", "Later."]
    assert spelling.messages(SESSION, 2, replies) == [
        {"role": "system", "content": spelling.system(SESSION)},
        {"role": "user", "content": spelling.question(SESSION, 0)},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": spelling.question(SESSION, 1)},
        {"role": "assistant", "content": "No."},
        {"role": "user", "content": "s4t2"},
    ]


def test_each_turn_goes_on_where_the_one_before_ended() -> None:
    """So a cache finds the whole conversation again."""
    replies = ["Yes.", "No."]
    for turn in range(2):
        earlier = spelling.messages(SESSION, turn, replies)
        assert spelling.messages(SESSION, turn + 1, replies)[: len(earlier)] == earlier


def test_without_a_system_prompt_there_is_no_message_of_it() -> None:
    (message,) = spelling.messages(Session(1, (Turn(3, 3),)), 0, [])
    assert message["role"] == "user"


def test_a_shared_part_is_the_same_text_in_every_session() -> None:
    """Even if what follows it isn't, and even in a session that has more of it."""
    one, other = (Session(n, (Turn(3, 3),), system=(Shared(3, 6), Shared(n, 5))) for n in (11, 12))
    ours, theirs = tokenize(spelling.system(one)), tokenize(spelling.system(other))
    assert ours[:6] == theirs[:6]
    assert ours[6] != theirs[6]


@settings(deadline=None)
@given(st.lists(NONCES, min_size=2, max_size=2, unique=True))
def test_two_nonces_have_no_first_word_in_common(nonces: list[str]) -> None:
    """Whatever the numbers of sessions, turns and groups: what one run left serves no other."""
    firsts = [
        {
            tokenize(spelling.question(Session(n, (Turn(1, 1),) * 12), turn, nonce))[0]
            for n in range(12)
            for turn in range(12)
        }
        | {
            tokenize(spelling.system(Session(0, (), system=(Shared(group, 3),)), nonce))[0]
            for group in range(12)
        }
        for nonce in nonces
    ]
    assert [len(words) for words in firsts] == [156, 156]
    assert not firsts[0] & firsts[1]


@pytest.mark.parametrize("nonce", ["run 7", "a-b", "é", "<"])
def test_a_nonce_is_one_word(nonce: str) -> None:
    with pytest.raises(BadWorkload, match="must be of letters and digits"):
        spelling.question(SESSION, 0, nonce)
