"""A run of tokens, as caches compare and keep it.

Source: engine model, 1.12.

Rules of this file:

1. A cache asks only what stands here, so the tokens may be words of a text, or stretches of a
   made-up conversation that nobody spelled out.
2. A run is never changed: what is kept by one slot may be shared with another.
3. A prompt is compared with many runs, and the runs that are made of it begin as it does. So
   digests of its blocks are kept, and handed on: 64 bits stand for the tokens of a block.

It must not import anything of this package.
"""

from collections.abc import Sequence
from typing import Protocol, Self

BLOCK = 64
"""Tokens that are compared at once."""


class Tokens(Protocol):
    """A run of tokens."""

    def __len__(self) -> int: ...

    def common(self, other: Self) -> int:
        """How many tokens both begin with alike."""

    def first(self, count: int) -> Self:
        """The first tokens."""

    def last(self, count: int) -> Self:
        """The last tokens."""

    def plus(self, other: Self) -> Self:
        """Both, one behind the other."""


class Words:
    """Tokens that are spelled out."""

    __slots__ = ("_digests", "words")

    def __init__(self, words: Sequence[str] = (), digests: Sequence[int] = ()) -> None:
        """`digests` are those of the first whole blocks, where they are known."""
        self.words = tuple(words)
        self._digests = list(digests)

    def __len__(self) -> int:
        return len(self.words)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and self.words == other.words

    def __hash__(self) -> int:
        return hash(self.words)

    def __repr__(self) -> str:
        return f"Words({self.words!r})"

    def common(self, other: "Words") -> int:
        ours, theirs = self.words, other.words
        shorter = min(len(ours), len(theirs))
        start = 0
        while start + BLOCK <= shorter and self._digest(start) == other._digest(start):
            start += BLOCK
        while start < shorter and ours[start] == theirs[start]:
            start += 1
        return start

    def first(self, count: int) -> "Words":
        if count >= len(self.words):
            return self
        count = max(count, 0)
        return Words(self.words[:count], self._digests[: count // BLOCK])

    def last(self, count: int) -> "Words":
        return Words(self.words[max(len(self.words) - count, 0) :])

    def plus(self, other: "Words") -> "Words":
        return Words(self.words + other.words, self._digests)

    def _digest(self, start: int) -> int:
        """That of the block that begins there. The blocks before it have theirs already."""
        if start == len(self._digests) * BLOCK:
            self._digests.append(hash(self.words[start : start + BLOCK]))
        return self._digests[start // BLOCK]
