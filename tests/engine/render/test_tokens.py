"""Texts as numbers and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.engine.render.tokens import text_of, tokens
from ollama_simulator.engine.text import WORDS, tokenize
from tests.engine.render.models import a_model

WORDY = a_model()
QUARTERS = a_model(tokenizer="quarters")


@given(st.text())
def test_numbers_are_read_back(text: str) -> None:
    """By any server, whatever the text is."""
    assert text_of(WORDY, tokens(WORDY, text)) == text


@given(st.text())
def test_numbers_survive_every_json_reader(text: str) -> None:
    """Even one that has nothing but 64-bit floats."""
    numbers = list(tokens(WORDY, text))
    assert [int(float(json.loads(json.dumps(number)))) for number in numbers] == numbers
    assert all(number > 0 for number in numbers)


def test_short_words_are_one_number() -> None:
    """As long as they have six bytes at most, there are as many numbers as tokens."""
    text = " ".join(word for word in WORDS if len(word) <= 6)
    assert len(tokens(WORDY, text)) == len(tokenize(text))


def test_long_words_are_several() -> None:
    """Six bytes each, as a real tokenizer cuts a long word too."""
    assert len(tokens(WORDY, "sentence")) == 2
    assert len(tokens(WORDY, "x" * 60)) == 10


def test_numbers_out_of_thin_air() -> None:
    """Each is one character that stands for what is unknown."""
    assert text_of(WORDY, [1, 2, 3, 2**60, -1]) == "\ufffd" * 5


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("abc", 0), ("abcd", 1), ("é😀\u2028x" * 2, 2)]
)
def test_quarters(text: str, count: int) -> None:
    """One number for each four characters, counted from 1."""
    assert tokens(QUARTERS, text) == tuple(range(1, count + 1))


def test_quarters_hold_no_text() -> None:
    """Each is one character."""
    assert text_of(QUARTERS, [1, 2, 3]) == "\ufffd" * 3
