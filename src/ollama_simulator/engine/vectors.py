"""Embeddings: texts to vectors, deterministically.

Source: native specification 4.9, compatibility specification 7.

Rules of this file:

1. A vector is a pure function of the text, in 32-bit floats, worked out as Ollama does.
2. Texts that share words, or parts of words, are closer to each other than texts that don't.

It must not import anything but layer 0.
"""

import functools
import hashlib
import math
import re
from array import array
from collections import Counter
from collections.abc import Iterable
from operator import mul

DIMENSIONS = 384
"""Length of a vector, as in the seed."""

Vector = tuple[float, ...]
"""Numbers that 32-bit floats can hold."""

_WORD = re.compile(r"\w+|[^\w\s]")
_PART = 3
"""Letters of each part of a word that counts."""
_PART_WEIGHT = 0.5
_LONG = 6
"""Letters from which on a word counts fully: short ones tell little of what a text is about."""


def embed(text: str, length: int = DIMENSIONS) -> Vector:
    """The vector of a text, of length 1."""
    total = [0.0] * length
    for word, count in Counter(_WORD.findall(text.lower()) or [""]).items():
        # What is said again adds less and less.
        weight = 1 + math.log(count)
        total = [x + weight * y for x, y in zip(total, _of_word(word, length), strict=True)]
    if not any(total):
        # Words may cancel each other out, in a very short vector.
        total[0] = 1.0
    return normalised(total)


def normalised(vector: Iterable[float]) -> Vector:
    """A vector made of length 1. One whose length is more than a 32-bit float holds becomes 0."""
    kept = array("f", vector)
    total = array("f", [0.0])
    for square in array("f", [x * x for x in kept]):
        total[0] += square
    (factor,) = array("f", [1.0 / max(math.sqrt(total[0]), 1e-12)])
    return tuple(array("f", [x * factor for x in kept]))


def cut(vector: Vector, dimensions: int | None) -> Vector:
    """The first `dimensions` of a vector, made of length 1 again.

    Ignored if it isn't between 1 and the full length.
    """
    if dimensions is None or not 0 < dimensions < len(vector):
        return vector
    return normalised(vector[:dimensions])


@functools.lru_cache(maxsize=8192)
def _of_word(word: str, length: int) -> "array[float]":
    """The vector of a word: its own, and those of its parts."""
    framed = f"<{word}>"
    parts = [framed[start : start + _PART] for start in range(len(framed) - _PART + 1)]
    weights = [1.0] + [_PART_WEIGHT] * len(parts)
    scale = min(len(word) + 1, _LONG) / _LONG
    numbers = zip(*(_of_feature(feature, length) for feature in (framed, *parts)), strict=True)
    return array("f", [scale * sum(map(mul, weights, column)) for column in numbers])


def _of_feature(feature: str, length: int) -> list[float]:
    # No byte is 127.5, so no number of one feature is 0, and the sum of several hardly ever.
    digest = hashlib.shake_256(feature.encode("utf-8", "replace")).digest(length)
    return [byte - 127.5 for byte in digest]
