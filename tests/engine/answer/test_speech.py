"""How a model words what it thinks, says and calls: the tokens that it takes."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.answer.marks import Marks
from ollama_simulator.engine.answer.output import Piece
from ollama_simulator.engine.answer.speech import Channels, Speech, Tagged, as_json, as_markup
from ollama_simulator.script import Call

MARKS = Marks("<think>", "</think>", "<tool_call>")
CALL = Call("f", {"a": "é", "n": 1})


def tagged(*, thinks: bool = True, opened: bool = False) -> Tagged:
    """A model that writes tags."""
    return Tagged(MARKS, as_json(MARKS.call), thinks=thinks, opened=opened)


def texts(pieces: tuple[Piece, ...]) -> list[str]:
    """The texts of tokens."""
    return [piece.text for piece in pieces]


def test_tags() -> None:
    """They stand once around all of the thinking, whoever opened it."""
    speech = tagged()
    assert texts(speech.think("a")) == ["<think>", "a"]
    assert texts(speech.think("b")) == ["b"]
    assert texts(speech.say("c")) == ["</think>", "\n\n", "c"]
    assert texts(speech.say("d")) == ["d"]
    opened = tagged(opened=True)
    assert texts(opened.think("a")) == ["a"]
    assert texts(opened.call((CALL,)))[:2] == ["</think>", "\n\n"]


def test_channels() -> None:
    """A message goes on until something else is said; each call is one of its own."""
    speech = Channels()
    assert texts(speech.think("a")) == ["<|channel|>", "analysis", "<|message|>", "a"]
    assert texts(speech.think("b")) == ["b"]
    opening = ["<|end|>", "<|start|>", "assistant", "<|channel|>"]
    assert texts(speech.say("c")) == [*opening, "final", "<|message|>", "c"]
    assert texts(speech.say("d")) == ["d"]
    to_f = [*opening, "commentary to=functions.f ", "<|constrain|>", "json", "<|message|>"]
    arguments = '{"a": "é", "n": 1}'
    assert texts(speech.call((CALL, CALL))) == [*to_f, arguments, *to_f, arguments]


@pytest.mark.parametrize(
    ("mark", "before", "after"),
    [
        ("<tool_call>", ["<tool_call>\n"], ["\n</tool_call>"]),
        ("[CALLS]", ["[CALLS]\n"], []),
        ("{", [], []),
    ],
)
def test_calls_as_json(mark: str, before: list[str], after: list[str]) -> None:
    """A mark that is a tag is closed; one that is part of the JSON isn't written."""
    speech: Speech = Tagged(Marks(call=mark), as_json(mark), thinks=False)
    one = [*before, '{"name": "f", "arguments": {"a": "é", "n": 1}}', *after]
    assert texts(speech.call((CALL,))) == one
    assert texts(speech.call((CALL, CALL))) == [*one, "\n", *one]


def test_calls_as_markup() -> None:
    """Strings as they are, all else as JSON; what is broken stays so."""
    assert "".join(as_markup(Call("f", {"a": "x", "b": [1]}))) == (
        "<tool_call>\n<function=f>\n<parameter=a>\nx\n</parameter>\n"
        "<parameter=b>\n[1]\n</parameter>\n</function>\n</tool_call>"
    )
    assert "".join(as_markup(Call("f", "{bad"))) == "<tool_call>\n{bad\n</tool_call>"
