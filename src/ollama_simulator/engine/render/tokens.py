"""A text as numbers, and numbers as the text they came from.

Source: native specification 4.7 (`context`) and 13 (the tokenizer of the recordings).

Rules of this file:

1. Numbers of the tokenizer `words` carry their text, so any server reads those of any other. They
   stay below 2**53, which every JSON reader keeps exact.
2. A number that no text was turned into is one U+FFFD, as are those of the tokenizer `quarters`.

It must not import anything but layer 0.
"""

import re
import string
from collections.abc import Iterable, Iterator

from ollama_simulator.model import Model

BYTES = 6
"""Bytes of text that one number carries; a longer word takes several."""
UNKNOWN = "\N{REPLACEMENT CHARACTER}"

_MARKS = re.escape(string.punctuation) + " "
_PIECE = re.compile(rf"[^\S ]*(?:[{_MARKS}]|[^\s{_MARKS}]+)|[^\S ]+")
_LEAST = 1 << 8
_BEYOND = 1 << (8 * BYTES + 1)


def tokens(model: Model, text: str) -> tuple[int, ...]:
    """The numbers of a text: the `context` that `/api/generate` answers with."""
    if model.tokenizer == "quarters":
        return tuple(range(1, len(text) // 4 + 1))
    return tuple(_numbers(text))


def text_of(model: Model, numbers: Iterable[int]) -> str:
    """The text of numbers that `tokens` made, for a request that goes on from a `context`."""
    if model.tokenizer == "quarters":
        return "".join(UNKNOWN for _ in numbers)
    # A character may be spread over two numbers, so it is the bytes that are joined.
    return b"".join(map(_bytes, numbers)).decode("utf-8", "replace")


def _numbers(text: str) -> Iterator[int]:
    for found in _PIECE.finditer(text):
        piece = found.group().encode("utf-8", "replace")
        for start in range(0, len(piece), BYTES):
            # The 1 in front keeps zeros, and tells how many bytes there are.
            yield int.from_bytes(b"\1" + piece[start : start + BYTES])


def _bytes(number: int) -> bytes:
    if not _LEAST <= number < _BEYOND:
        return UNKNOWN.encode()
    first, *rest = number.to_bytes((number.bit_length() + 7) // 8)
    return bytes(rest) if first == 1 else UNKNOWN.encode()
