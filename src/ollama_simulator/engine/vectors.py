"""Embeddings: texts to vectors, deterministically.

Rules of this file:

1. A vector is a pure function of the tokens, and of length 1.
2. Texts that share words are closer to each other than texts that don't: each token adds a
   vector of its own, and blanks add nothing.

It must not import anything but layer 0 and its own package.
"""

import functools
import hashlib
import math

from ollama_simulator.engine.text import tokenize

DIMENSIONS = 384
"""Length of a vector, as in the seed."""


def embed(text: str, dimensions: int | None = None) -> tuple[float, ...]:
    """The vector of a text; the first `dimensions` of it, made of length 1 again.

    `dimensions` is ignored if it isn't between 1 and the full length (native
    specification, section 4.9).
    """
    tokens = [token for token in tokenize(text) if token != " "] or [""]
    vector = [sum(column) for column in zip(*map(_of_token, tokens), strict=True)]
    if dimensions is not None and 0 < dimensions < DIMENSIONS:
        vector = vector[:dimensions]
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return tuple(x / length for x in vector)


@functools.lru_cache(maxsize=8192)
def _of_token(token: str) -> tuple[float, ...]:
    # No byte is 127.5, so no coordinate of one token is 0, and the sum of several hardly ever.
    digest = hashlib.shake_256(token.encode("utf-8", "replace")).digest(DIMENSIONS)
    return tuple(byte - 127.5 for byte in digest)
