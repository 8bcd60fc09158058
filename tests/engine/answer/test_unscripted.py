"""What a model says that nobody scripted."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from ollama_simulator.engine.answer.marks import Marks
from ollama_simulator.engine.answer.output import End, Piece
from ollama_simulator.engine.answer.speech import Split, Tagged
from ollama_simulator.engine.answer.unscripted import THOUGHTS, Asked, outputs
from ollama_simulator.engine.text import pieces
from ollama_simulator.model import Infer, Token
from tests.engine.answering import answer, chat, done, generate, lines, whole

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}


def said(**fields: Any) -> tuple[str, str, str | None]:
    """Text, thinking and reason of an answer that the runner splits."""
    given = {"tokens": 20, "limit": None, "format": None, "thinks": True, **fields}
    asked = Asked(7, "m:latest", ("a", "b"), **given)
    made = list(outputs(asked, Split(lambda: "id")))
    told = [output for output in made if isinstance(output, Piece)]
    end = made[-1]
    assert isinstance(end, End)
    text = "".join(piece.text for piece in told)
    thinking = "".join(piece.thinking for piece in told)
    return text, thinking, end.reason


def test_the_recipe() -> None:
    """The text is that of `engine.text`; the thinking is the text of a marked prompt."""
    text, thinking, reason = said()
    assert text == "".join(pieces(7, "m:latest", ["a", "b"], 20))
    assert thinking == "".join(pieces(7, "m:latest", ["<|thinking|>", "a", "b"], THOUGHTS))
    assert reason == "stop"
    assert said(thinks=False) == (text, "", "stop")


@pytest.mark.parametrize("limit", [1, THOUGHTS, THOUGHTS + 1, THOUGHTS + 30])
def test_a_limit_counts_thinking_too(limit: int) -> None:
    """And is the reason for the end."""
    text, thinking, reason = said(limit=limit)
    assert reason == "length"
    words = [*pieces(7, "m:latest", ["<|thinking|>", "a", "b"], THOUGHTS)]
    assert thinking == "".join(words[:limit])
    assert text == "".join(pieces(7, "m:latest", ["a", "b"], max(0, limit - THOUGHTS)))


def test_marks_count() -> None:
    """They are tokens."""
    speech = Tagged(Marks("<think>", "</think>"), lambda call: (), thinks=True)
    asked = Asked(0, "m:latest", ("a",), 5, None, None, True)
    made = [output for output in outputs(asked, speech) if isinstance(output, Piece)]
    assert len(made) == 1 + THOUGHTS + 2 + 5


def test_an_answer_of_no_tokens_has_no_thoughts() -> None:
    """It was to be empty."""
    asked = Asked(0, "m:latest", ("a",), 0, None, None, True)
    assert list(outputs(asked, Split(lambda: "id"))) == [End("stop")]


@pytest.mark.parametrize("name", ["template", "parser", "harmony", "native"])
def test_models_that_think(name: str) -> None:
    """First they do, then they answer, all of it split by their path."""
    said = answer(chat(name))
    text, thinking, calls = whole(said)
    assert thinking
    assert text
    assert not calls
    kinds = ["thinking" if line[1] else "text" for line in lines(said)]
    assert kinds == sorted(kinds, reverse=True)
    assert whole(answer(chat(name, think=False)))[1] == ""


def test_generate_of_the_runner_shows_the_marks() -> None:
    """Nobody splits it (5.2)."""
    text, thinking, _ = whole(answer(generate("native")))
    assert text.startswith("<think>")
    assert "</think>" in text
    assert thinking == ""


@pytest.mark.parametrize("name", ["plain", "template", "parser", "harmony", "native", "nplain"])
@pytest.mark.parametrize("kind", [chat, generate])
def test_text_in_a_format(name: str, kind: Any) -> None:
    """It conforms, however long it takes, with thinking and without; the same each time."""
    for think in (None, False):
        job: Infer = kind(name, format=json.dumps(SCHEMA), think=think)
        said = answer(job)
        text = whole(said)[0].rpartition("</think>")[2]
        jsonschema.validate(json.loads(text), SCHEMA)
        assert done(said).reason == "stop"
        assert whole(answer(job)) == whole(said)


def test_a_limit_cuts_text_in_a_format() -> None:
    """A client has to be ready for that."""
    said = answer(chat("plain", format='"json"', options={"num_predict": 1}))
    assert whole(said)[0] == "{"
    assert done(said).reason == "length"


def test_log_probabilities() -> None:
    """Each token has one, at most 0, with as many others as were asked for, likeliest first."""
    said = answer(chat("plain", logprobs=True, top_logprobs=3))
    tokens = [event for event in said if isinstance(event, Token)]
    assert tokens
    for token in tokens:
        (likely,) = token.logprobs
        assert likely.token == token.text
        assert likely.logprob <= 0
        assert len(likely.top) == 3
        assert likely.top[0].token == token.text
        values = [other.logprob for other in likely.top]
        assert values == sorted(values, reverse=True)
        assert len({other.token for other in likely.top}) == 3
    assert answer(chat("plain", logprobs=True, top_logprobs=3)) == said


def test_no_log_probabilities_unless_asked_for() -> None:
    """And no others than were asked for."""
    for event in answer(chat("plain", top_logprobs=3)):
        assert not isinstance(event, Token) or event.logprobs == ()
    first = answer(chat("native", logprobs=True))[0]
    assert isinstance(first, Token)
    assert [(likely.token, likely.top) for likely in first.logprobs] == [(first.thinking, ())]
