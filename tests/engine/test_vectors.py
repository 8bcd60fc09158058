"""Embeddings."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.engine.vectors import DIMENSIONS, embed


def likeness(a: str, b: str) -> float:
    """The cosine of the angle between two texts."""
    return sum(x * y for x, y in zip(embed(a), embed(b), strict=True))


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=80), st.none() | st.integers(-3, 400))
def test_vectors_have_length_one(text: str, dimensions: int | None) -> None:
    """Every text has a vector of length 1, cut or not, and the same one each time."""
    vector = embed(text, dimensions)
    assert math.isclose(math.hypot(*vector), 1.0, rel_tol=1e-12)
    assert vector == embed(text, dimensions)


@pytest.mark.parametrize(
    ("asked", "length"),
    [(None, 384), (1, 1), (64, 64), (383, 383), (384, 384), (385, 384), (0, 384), (-1, 384)],
)
def test_dimensions(asked: int | None, length: int) -> None:
    """A vector is cut to what was asked, if that is between 1 and the full length."""
    assert len(embed("some text", asked)) == length


def test_a_cut_vector_points_the_same_way() -> None:
    """Cutting and scaling: the first coordinates keep their proportions."""
    whole, cut = embed("some text"), embed("some text", 100)
    length = math.hypot(*whole[:100])
    assert cut == pytest.approx([x / length for x in whole[:100]])


def test_similar_texts_are_closer() -> None:
    """A text is closer to itself with a word changed than to an unrelated one."""
    text = "the cat sat on the mat"
    same, near, far = text, "the cat sat on the rug", "quarterly revenue grew twelve percent"
    assert likeness(text, same) == pytest.approx(1.0)
    assert likeness(text, near) > 0.7
    assert likeness(text, near) > likeness(text, far) + 0.1


def test_the_order_of_words_does_not_matter() -> None:
    """A vector is the sum of its tokens."""
    assert embed("one two") == embed("two one")


def test_an_empty_text_has_a_vector() -> None:
    """Even nothing points somewhere, and elsewhere than a text does."""
    assert len(embed("")) == DIMENSIONS
    assert embed("") != embed("x")
