"""A run of tokens, as caches compare and keep it.

Source: engine model, 1.12.

Rules of this file:

1. A cache asks only what stands here, so the tokens may be words of a text, or stretches of a
   made-up conversation that nobody spelled out.
2. A run is never changed: what is kept by one slot may be shared with another.

It must not import anything of this package.
"""

from collections.abc import Sequence
from typing import Protocol, Self

BLOCKS = (1024, 32)
"""Tokens that are compared at once: first many, and where they differ fewer."""


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

    __slots__ = ("words",)

    def __init__(self, words: Sequence[str] = ()) -> None:
        self.words = tuple(words)

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
        for block in BLOCKS:
            while start < shorter and ours[start : start + block] == theirs[start : start + block]:
                start += block
        start = min(start, shorter)
        while start < shorter and ours[start] == theirs[start]:
            start += 1
        return start

    def first(self, count: int) -> "Words":
        return self if count >= len(self.words) else Words(self.words[: max(count, 0)])

    def last(self, count: int) -> "Words":
        return Words(self.words[max(len(self.words) - count, 0) :])

    def plus(self, other: "Words") -> "Words":
        return Words(self.words + other.words)
