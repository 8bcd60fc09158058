"""The KV cache of the engine `seed`: one conversation for the whole server.

Source: seed facts, "KV cache and tokens".

Rules of this file:

1. The runners of a server share one memory: what the last request left in it, and whose that
   was. Each has a `Share` of it, which is the cache that its jobs see.
2. Nothing is re-evaluated: of a prompt that is all there, nothing is left to do.
3. A prompt that is being evaluated changes nothing. The memory is that of the last job that
   came to its end, so `take` compares and `keep` replaces, and slots don't matter.

It must not import anything but its own package.
"""

from collections.abc import Collection, Sequence
from typing import Generic

from ollama_simulator.engine.caching.cache import Place, T


class SeedCache(Generic[T]):
    """What a server remembers."""

    def __init__(self) -> None:
        self.tokens: T | None = None
        """None for nothing."""
        self.owner: Share[T] | None = None
        """Whose they are."""

    def share(self) -> "Share[T]":
        """The cache of a new runner."""
        return Share(self)

    def clear(self) -> None:
        """Forget everything."""
        self.tokens = self.owner = None


class Share(Generic[T]):
    """What one runner sees of it."""

    def __init__(self, cache: SeedCache[T]) -> None:
        self._cache = cache

    def take(self, prompt: T, idle: Collection[int], turns: Sequence[int] = ()) -> Place:
        held = self.latest
        return Place(min(idle), 0 if held is None else held.common(prompt))

    def keep(self, slot: int, tokens: T) -> None:
        self._cache.tokens = tokens
        self._cache.owner = self

    def holds(self, slot: int) -> T | None:
        return self.latest

    @property
    def latest(self) -> T | None:
        return self._cache.tokens if self._cache.owner is self else None

    def clear(self) -> None:
        if self._cache.owner is self:
            self._cache.clear()
