"""The prompts of a session's turns."""

from __future__ import annotations

from ollama_simulator.lab.stretches import Stretches
from ollama_simulator.lab.talk import Asked, turns
from ollama_simulator.workload.conversations import Recipe
from ollama_simulator.workload.ideal import prompts
from ollama_simulator.workload.lengths import Fixed
from ollama_simulator.workload.session import Session, Shared, Turn


def session(number: int = 3, thinking: int = 0, system: int = 100) -> Session:
    """Three turns."""
    return Session(
        number,
        (Turn(10, 20), Turn(30, 40), Turn(50, 60)),
        system=(Shared(7, system),) if system else (),
        thinking=thinking,
    )


def kept(asked: Asked) -> Stretches:
    """What a slot holds after a turn: its last token was never read."""
    return asked.prompt.plus(asked.answer.first(len(asked.answer) - 1))


def test_a_prompt_begins_with_all_that_was_said() -> None:
    """And with the system prompt."""
    first, second, third = turns(session())
    assert [len(asked.prompt) for asked in (first, second, third)] == [110, 160, 250]
    assert [asked.messages for asked in (first, second, third)] == [2, 4, 6]
    assert kept(first).common(second.prompt) == 129 == second.known
    assert kept(second).common(third.prompt) == 199 == third.known


def test_thoughts_are_in_no_later_prompt() -> None:
    """So only the prompt before is known, not the answer."""
    first, second, _ = turns(session(thinking=5))
    assert len(second.prompt) == 155
    assert kept(first).common(second.prompt) == 110 == second.known


def test_sessions_share_their_system_prompt_alone() -> None:
    """Those of one group."""
    one, other = next(turns(session(1))), next(turns(session(2)))
    assert one.prompt.common(other.prompt) == 100


def test_the_sizes_are_those_of_the_workload() -> None:
    """The ideal hit ratio is reckoned with the same prompts."""
    recipe = Recipe(asked=Fixed(30), answered=Fixed(50), turns=6.0, systems=3, thinking=9)
    for number in range(20):
        made = recipe.session(1, number, None)
        expected = [(prompt.tokens, prompt.known) for prompt in prompts(made)]
        assert [(len(asked.prompt), asked.known) for asked in turns(made)] == expected


def test_what_does_not_fit_loses_its_oldest_turns() -> None:
    """The system prompt and the last message stay."""
    *_, third = turns(session())
    assert third.fitting(251) is third.prompt
    cut = third.fitting(250)
    assert len(cut) == 220
    assert cut.first(100) == third.prompt.first(100)
    assert cut.last(120) == third.prompt.last(120)
    assert len(third.fitting(200)) == 150


def test_a_message_that_is_too_long_is_cut_itself() -> None:
    """Its end stays, behind the beginning of the system prompt, with room for one token."""
    *_, third = turns(session())
    cut = third.fitting(120)
    assert len(cut) == 119
    assert cut.first(4) == third.prompt.first(4)
    assert cut.last(115) == third.prompt.first(100).plus(third.prompt.last(50)).last(115)
