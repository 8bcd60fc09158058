"""Embeddings."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ollama_simulator.engine.vectors import DIMENSIONS, cut, embed, normalised
from ollama_simulator.golang.gojson import narrow


def likeness(a: str, b: str) -> float:
    """The cosine of the angle between two texts."""
    return sum(x * y for x, y in zip(embed(a), embed(b), strict=True))


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=80), st.integers(1, 400))
@example("V'Ý\U00080b1e", 1)
def test_vectors_have_length_one(text: str, length: int) -> None:
    """Every text has a vector of length 1 in 32-bit floats, and the same one each time."""
    vector = embed(text, length)
    assert len(vector) == length
    assert math.isclose(math.hypot(*vector), 1.0, rel_tol=1e-5)
    assert vector == embed(text, length) == tuple(map(narrow, vector))


@pytest.mark.parametrize(
    ("asked", "length"),
    [(None, 384), (1, 1), (64, 64), (383, 383), (384, 384), (385, 384), (0, 384), (-1, 384)],
)
def test_dimensions(asked: int | None, length: int) -> None:
    """A vector is cut to what was asked, if that is between 1 and the full length."""
    whole = embed("some text")
    assert len(whole) == DIMENSIONS
    kept = cut(whole, asked)
    assert len(kept) == length
    assert math.hypot(*kept) == pytest.approx(1.0, rel=1e-6)
    scale = math.hypot(*whole[:length])
    assert kept == pytest.approx([x / scale for x in whole[:length]], rel=1e-6)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((3.0, 4.0, 0.0, 12.0), (0.23076925, 0.30769232, 0.0, 0.923077)),
        ((0.0, 2.0), (0.0, 1.0)),
        ((0.0, 0.0), (0.0, 0.0)),
        ((3e38, 3e38), (0.0, 0.0)),
        ((), ()),
    ],
)
def test_normalised(given: tuple[float, ...], expected: tuple[float, ...]) -> None:
    """To the last bit of a 32-bit float, which the exact quotient isn't."""
    assert normalised(given) == tuple(map(narrow, expected))


SIMILAR = [
    ("the cat sat on the mat", "the cat sat on the rug"),
    ("How do I reset my password?", "Password reset instructions"),
    ("running shoes for women", "women's shoes to run in"),
    ("The weather is sunny today", "Today the weather will be sunny"),
    ("database connection timeout", "the connection to the database timed out"),
    ("vector embeddings", "embedding vectors"),
    ("Der Hund schläft im Garten", "Im Garten schläft ein Hund"),
    ("今日の天気は晴れです", "今日の天気は曇りです"),
    ("def add(a, b): return a + b", "def add(x, y): return x + y"),
]
UNRELATED = [
    ("the cat sat on the mat", "quarterly revenue grew twelve percent"),
    ("How do I reset my password?", "Elephants live in Africa and Asia"),
    ("running shoes for women", "quantum physics lecture notes"),
    ("The weather is sunny today", "database connection timeout"),
    ("vector embeddings", "the king of France"),
    ("Der Hund schläft im Garten", "import numpy as np"),
    ("今日の天気は晴れです", "hello world"),
    ("a", "b"),
]


def test_similar_texts_are_closer() -> None:
    """Every pair that shares words, or parts of them, is closer than any that doesn't."""
    assert min(likeness(*pair) for pair in SIMILAR) > 0.3
    assert max(likeness(*pair) for pair in UNRELATED) < 0.15
    assert likeness("some text", "some text") == pytest.approx(1.0)


def test_what_does_not_matter() -> None:
    """The order of words, their case, and blanks."""
    assert embed("one two") == pytest.approx(embed(" Two\n ONE"), abs=1e-6)


def test_an_empty_text_has_a_vector() -> None:
    """Even nothing points somewhere, and elsewhere than a text does."""
    assert math.hypot(*embed("")) == pytest.approx(1.0)
    assert abs(likeness("", "x")) < 0.5
