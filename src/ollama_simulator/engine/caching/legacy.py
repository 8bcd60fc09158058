"""The KV cache of a runner before Ollama 0.30: what its slots hold, and nothing else.

Source: engine model, 1.3 and 1.5; the runners of Ollama before commit 9db4bdbad.

Rules of this file:

1. For one user, a prompt goes where most of its beginning is, among the idle slots; the first of
   equals. Nothing is spared: a slot with another conversation is taken though others are empty.
2. For many users, it goes where most of its beginning is if that slot is idle and would lose
   nothing. Else the idle slot that was taken longest ago gets a copy of that beginning.
3. One token at least is evaluated, so that there is something to sample from.
4. A model with a window can go back as long as the window before that place is still there.

It must not import anything but its own package.
"""

from collections.abc import Collection, Sequence
from typing import Generic

from ollama_simulator.engine.caching.cache import Place, T
from ollama_simulator.engine.caching.rewinding import ANYWHERE, Rewinding


class _Slot(Generic[T]):
    def __init__(self) -> None:
        self.tokens: T | None = None
        self.taken = 0
        """When it was last taken, as the number of that; 0 for never."""
        self.floor = 0
        """The first position whose window is still there."""


class LegacyCache(Generic[T]):
    """The slots of one runner."""

    def __init__(
        self,
        slots: int,
        *,
        multiuser: bool = False,
        rewinding: Rewinding = ANYWHERE,
        context: int = 0,
    ) -> None:
        """`context` is that of one slot, in tokens; 0 for more than is ever kept."""
        self._slots: list[_Slot[T]] = [_Slot() for _ in range(slots)]
        self._multiuser = multiuser
        # With several slots, the token that ends an answer has a place of its own.
        kept = max(rewinding.kept, rewinding.window + (slots > 1))
        fits = rewinding.to == "window" and 0 < context <= kept
        self._rewinding = ANYWHERE if fits else rewinding
        self._kept = kept
        self._takes = 0
        self._latest = 0

    def take(self, prompt: T, idle: Collection[int], turns: Sequence[int] = ()) -> Place:
        number, cached = (
            self._best(prompt, idle) if self._multiuser else self._longest(prompt, idle)
        )
        slot = self._slots[number]
        cached = self._resumed(slot, min(cached, len(prompt) - 1))
        if not cached:
            slot.floor = 0
        slot.tokens = prompt.first(cached)
        self._takes += 1
        slot.taken = self._takes
        return Place(number, cached)

    def keep(self, slot: int, tokens: T) -> None:
        kept = self._slots[slot]
        kept.tokens = tokens
        if self._rewinding.to == "window":
            kept.floor = max(kept.floor, len(tokens) - 1 - self._kept)
        self._latest = slot

    def holds(self, slot: int) -> T | None:
        return self._slots[slot].tokens or None

    @property
    def latest(self) -> T | None:
        return self.holds(self._latest)

    def clear(self) -> None:
        self._slots = [_Slot() for _ in self._slots]
        self._takes = self._latest = 0

    def _longest(self, prompt: T, idle: Collection[int]) -> tuple[int, int]:
        """The idle slot with the longest beginning of the prompt, and how long that is."""
        longest, best = -1, -1
        for number in sorted(idle):
            shared = self._shared(number, prompt)
            if shared > longest:
                longest, best = shared, number
        return best, longest

    def _best(self, prompt: T, idle: Collection[int]) -> tuple[int, int]:
        """The same for many users."""
        source, longest = self._longest(prompt, range(len(self._slots)))
        held = self._slots[source]
        if longest == _size(held.tokens) and source in idle:
            return source, longest
        oldest = min(sorted(idle), key=lambda number: self._slots[number].taken)
        if longest and source != oldest:
            fork = self._slots[oldest]
            fork.tokens, fork.floor = held.tokens, held.floor
        return oldest, longest

    def _shared(self, number: int, prompt: T) -> int:
        held = self._slots[number].tokens
        return 0 if held is None else held.common(prompt)

    def _resumed(self, slot: _Slot[T], at: int) -> int:
        """At which token the slot can be taken up, if it should be at this one."""
        if at <= 0:
            return 0
        match self._rewinding.to:
            case "nowhere":
                return at if at == _size(slot.tokens) else 0
            case "window":
                return at if max(at - self._rewinding.window, 0) >= slot.floor else 0
        return at


def _size(tokens: T | None) -> int:
    return 0 if tokens is None else len(tokens)
