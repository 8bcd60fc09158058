"""Runs of tokens for tests: spelled out, and as stretches of made-up conversations."""

from __future__ import annotations

from collections.abc import Iterator

from ollama_simulator.engine.caching.tokens import Words


def said(text: str) -> Words:
    """Each letter is a token."""
    return Words(tuple(text))


def talk(name: str, count: int, *, after: Words | None = None) -> Words:
    """So many tokens that no other conversation has, behind a common beginning."""
    own = Words([f"{name}{number}" for number in range(count)])
    return own if after is None else after.plus(own)


class Stretches:
    """Tokens that nobody spells out: numbered stretches and how long they are."""

    def __init__(self, parts: tuple[tuple[int, int], ...] = ()) -> None:
        self.parts = parts
        self.size = sum(size for _, size in parts)

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Each token by itself."""
        for name, size in self.parts:
            yield from ((name, number) for number in range(size))

    def common(self, other: Stretches) -> int:
        count = 0
        for (name, size), (other_name, other_size) in zip(self.parts, other.parts, strict=False):
            if name != other_name:
                break
            count += min(size, other_size)
            if size != other_size:
                break
        return count

    def first(self, count: int) -> Stretches:
        parts, left = [], count
        for name, size in self.parts:
            if left <= 0:
                break
            parts.append((name, min(size, left)))
            left -= size
        return Stretches(tuple(parts))

    def last(self, count: int) -> Stretches:
        raise NotImplementedError

    def plus(self, other: Stretches) -> Stretches:
        return Stretches(self.parts + other.parts)
