"""Embeddings: texts to vectors, deterministically.

Rules of this file:

1. A vector is a pure function of the tokens, and of length 1.
2. Texts that share tokens are closer to each other than texts that don't: each token adds
   a sparse vector of its own (feature hashing).

It must not import anything but layer 0 and its own package.
"""

import functools
import hashlib
import math

from ollama_simulator.engine.text import tokenize

DIMENSIONS = 384
"""Length of a vector, as in the seed."""

_SPREAD = 16
"""Coordinates that one token touches."""


def embed(text: str, dimensions: int | None = None) -> tuple[float, ...]:
    """The vector of a text; the first `dimensions` of it, made of length 1 again.

    `dimensions` is ignored if it isn't between 1 and the full length (native
    specification, section 4.9).
    """
    vector = [0.0] * DIMENSIONS
    for token in ("", *tokenize(text)):
        for index, sign in _features(token):
            vector[index] += sign
    if dimensions is not None and 0 < dimensions < DIMENSIONS:
        vector = vector[:dimensions]
    length = math.sqrt(sum(x * x for x in vector))
    if length == 0:
        return (1.0, *vector[1:])
    return tuple(x / length for x in vector)


@functools.lru_cache(maxsize=65_536)
def _features(token: str) -> tuple[tuple[int, float], ...]:
    digest = hashlib.shake_256(token.encode("utf-8", "replace")).digest(3 * _SPREAD)
    return tuple(
        (int.from_bytes(digest[i : i + 2]) % DIMENSIONS, 1.0 if digest[i + 2] & 1 else -1.0)
        for i in range(0, len(digest), 3)
    )
