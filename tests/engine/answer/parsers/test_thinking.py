"""Thinking between the marks of a template."""

from __future__ import annotations

import pytest
from hypothesis import given

from ollama_simulator.engine.answer.parsers.parsed import Parsed
from ollama_simulator.engine.answer.parsers.thinking import Thinking
from tests.engine.answer.parsers.reading import cuttings, made_of

TEXTS = made_of("<think>", "</think>", "Okay", "\n\n", " ")


def split(*tokens: str) -> list[tuple[str, str]]:
    """Text and thinking of each token."""
    parser = Thinking("<think>", "</think>")
    return [parser.add(token)[:2] for token in tokens]


def test_marks_and_white_space_around_them_belong_to_nobody() -> None:
    """As in the recordings: the text begins with its first word."""
    tokens = ("<think>", "\n", "Okay", ", so", "</think>", "\n\n", "Hi", " there")
    assert split(*tokens) == [
        ("", ""),
        ("", ""),
        ("", "Okay"),
        ("", ", so"),
        ("", ""),
        ("", ""),
        ("Hi", ""),
        (" there", ""),
    ]


@pytest.mark.parametrize(
    ("tokens", "parts"),
    [
        (("<th", "ink>a</thi", "nk>b"), [("", ""), ("", "a"), ("b", "")]),
        (("  <think> a", " </x"), [("", "a"), ("", " </x")]),
        (("<think>a <", "b"), [("", "a "), ("", "<b")]),
        (("<think>a</think>b<think>c</think>",), [("b<think>c</think>", "a")]),
    ],
)
def test_marks_may_be_cut_anywhere(tokens: tuple[str, ...], parts: list[tuple[str, str]]) -> None:
    """What may be the beginning of a mark is kept back until it is clear."""
    assert split(*tokens) == parts


@pytest.mark.parametrize("tokens", [("Hi", "<think>x</think>"), (" \n", "Hi"), ("<", "b>")])
def test_an_answer_that_begins_otherwise_has_no_thinking(tokens: tuple[str, ...]) -> None:
    """Its marks and its white space are text."""
    parts = split(*tokens)
    assert "".join(text for text, _ in parts) == "".join(tokens)
    assert not any(thinking for _, thinking in parts)


@given(cuttings(TEXTS))
def test_the_cutting_makes_no_difference(cut: tuple[str, list[str]]) -> None:
    """Whatever the tokens are, the same is said and thought.

    Of what comes without a word, only the end of a token decides: it may be kept back.
    """
    text, tokens = cut
    whole = Thinking("<think>", "</think>")
    parts = [whole.add(text), whole.add("!")]
    pieces = Thinking("<think>", "</think>")
    others = [*map(pieces.add, [*tokens, "!"])]
    assert _joined(parts) == _joined(others)


def _joined(parts: list[Parsed]) -> tuple[str, str]:
    return "".join(part.text for part in parts), "".join(part.thinking for part in parts)
