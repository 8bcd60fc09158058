"""Tokens of a conversation that nobody spelled out: stretches of this message and of that.

Source: engine model, 1.12.

Rules of this file:

1. Two tokens are the same if they are the same place of the same text. Texts are numbered.
2. A run is never changed. Neighbouring stretches of one text are one stretch, so that equal runs
   look alike.

It must not import anything of this package.
"""

from collections.abc import Iterable

Stretch = tuple[int, int, int]
"""The number of a text, where in it the stretch begins, and its length in tokens."""


class Stretches:
    """A run of tokens, as the caches of the engines compare and keep it."""

    __slots__ = ("parts", "size")

    def __init__(self, parts: Iterable[Stretch] = ()) -> None:
        """The stretches in their order. Empty ones, and neighbours of one text, are put right."""
        joined: list[Stretch] = []
        for part in parts:
            if part[2] <= 0:
                continue
            if joined:
                text, start, length = joined[-1]
                if text == part[0] and start + length == part[1]:
                    joined[-1] = (text, start, length + part[2])
                    continue
            joined.append(part)
        self.parts = tuple(joined)
        self.size = sum(part[2] for part in joined)

    def __len__(self) -> int:
        return self.size

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stretches) and self.parts == other.parts

    def __hash__(self) -> int:
        return hash(self.parts)

    def __repr__(self) -> str:
        return f"Stretches({self.parts!r})"

    def common(self, other: "Stretches") -> int:
        """How many tokens both begin with alike."""
        shared = 0
        for ours, theirs in zip(self.parts, other.parts, strict=False):
            if ours is theirs or ours == theirs:
                shared += ours[2]
                continue
            if ours[0] == theirs[0] and ours[1] == theirs[1]:
                shared += min(ours[2], theirs[2])
            break
        return shared

    def first(self, count: int) -> "Stretches":
        """The first tokens."""
        if count >= self.size:
            return self
        parts: list[Stretch] = []
        left = max(count, 0)
        for part in self.parts:
            if left <= 0:
                break
            text, start, length = part
            parts.append(part if length <= left else (text, start, left))
            left -= length
        return _run(tuple(parts), max(count, 0))

    def last(self, count: int) -> "Stretches":
        """The last tokens."""
        if count >= self.size:
            return self
        parts: list[Stretch] = []
        left = max(count, 0)
        for part in reversed(self.parts):
            if left <= 0:
                break
            text, start, length = part
            parts.append(part if length <= left else (text, start + length - left, left))
            left -= length
        return _run(tuple(reversed(parts)), max(count, 0))

    def plus(self, other: "Stretches") -> "Stretches":
        """Both, one behind the other."""
        if not self.parts or not other.parts:
            return self if not other.parts else other
        text, start, length = self.parts[-1]
        behind = other.parts[0]
        size = self.size + other.size
        if behind[0] == text and behind[1] == start + length:
            joined = (text, start, length + behind[2])
            return _run((*self.parts[:-1], joined, *other.parts[1:]), size)
        return _run(self.parts + other.parts, size)


def stretch(text: int, length: int) -> Stretches:
    """The first tokens of one text."""
    return _run(((text, 0, length),), length) if length > 0 else NOTHING


def _run(parts: tuple[Stretch, ...], size: int) -> Stretches:
    """A run of stretches that are in order already."""
    run = Stretches.__new__(Stretches)
    run.parts = parts
    run.size = size
    return run


NOTHING = Stretches()
