"""The KV cache of a runner since Ollama 0.30: slots, and a memory of the host behind them.

Source: engine model, 1.3 to 1.5; `get_available_slot` of llama.cpp's server.

Rules of this file:

1. A prompt goes to the idle slot that has most of it, if that is more than a tenth of the prompt.
   Else it goes to the one whose job ended longest ago, the last of equals.
2. What a slot holds is saved, and something better looked for, only if less than half of it will
   be kept, or if the slot was not chosen for what it holds. So another conversation with the same
   long system prompt is overwritten, and neither saved nor looked for.
3. Whenever a job begins, what all other idle slots hold is saved. It stays there, too.
4. Copies take turns with the iterations of the runner: each is told as a `Move`, so that it can be
   charged.
5. One token at least is evaluated.

It must not import anything but its own package.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Generic

from ollama_simulator.engine.caching.cache import Move, Place, T
from ollama_simulator.engine.caching.checkpoints import NEW, Checkpoint, Checkpoints, State
from ollama_simulator.engine.caching.ram import Entry, Ram
from ollama_simulator.engine.caching.rewinding import ANYWHERE, Rewinding


class _Slot(Generic[T]):
    def __init__(self) -> None:
        self.tokens: T | None = None
        self.prompt: T | None = None
        """What is being evaluated, if the model can't be rewound."""
        self.planned: tuple[Checkpoint, ...] = ()
        """The checkpoints that it has once all of that is evaluated."""
        self.state = NEW
        self.ended = 0
        """When its last job ended, as the number of that; 0 for never."""
        self.copy: Entry[T] | None = None
        """Where its content was last seen in the host's memory. A part of that is there, too."""


class CurrentCache(Generic[T]):
    """The slots of one runner and its part of the host's memory."""

    def __init__(
        self,
        slots: int,
        *,
        ram_mib: int = 8192,
        bytes_per_token: int = 0,
        fixed_bytes: int = 0,
        context: int = 0,
        rewinding: Rewinding = ANYWHERE,
        batch: int = 512,
    ) -> None:
        """`bytes_per_token` and `fixed_bytes` are those of an entry, `context` that of all slots
        together, in tokens (0 if it isn't known), `batch` the tokens of an iteration."""
        self._slots: list[_Slot[T]] = [_Slot() for _ in range(slots)]
        self._ram: Ram[T] | None = Ram(ram_mib, context) if ram_mib else None
        self._per_token = bytes_per_token
        self._fixed = fixed_bytes
        points = Checkpoints(rewinding, batch)
        self._points = None if rewinding.to == "anywhere" else points
        self._tasks = 0
        self._ends = 0
        self._latest = 0

    @property
    def ram(self) -> int:
        """Bytes that are taken of the host's memory."""
        return self._ram.size if self._ram else 0

    @property
    def stored(self) -> Iterator[T]:
        """What is in the host's memory, the oldest first."""
        return (entry.tokens for entry in self._ram.entries) if self._ram else iter(())

    def unsaved(self, slot: int) -> int:
        """Tokens in a slot that are not in the host's memory, and would be copied there."""
        held = self._slots[slot]
        if not self._ram or not held.tokens or (held.copy and not held.copy.gone):
            return 0
        return len(held.tokens)

    def take(self, prompt: T, idle: Collection[int], turns: Sequence[int] = ()) -> Place:
        idle = sorted(idle)
        number, shared, spare = self._choose(prompt, idle)
        slot = self._slots[number]
        moves: list[Move] = []
        if spare and self._ram:
            self._save(slot, moves)
            if self._restore(slot, prompt, moves):
                shared = self._shared(slot, prompt)
            self._ram.trim()
        cached = self._resume(slot, shared, prompt, turns)
        slot.tokens = prompt.first(cached)
        if self._ram:
            for other in idle:
                if other != number:
                    self._save(self._slots[other], moves)
                    self._ram.trim()
        return Place(number, cached, tuple(moves))

    def keep(self, slot: int, tokens: T) -> None:
        kept = self._slots[slot]
        kept.tokens = tokens
        kept.copy = None
        if self._points:
            sound = 0 if kept.prompt is None else tokens.common(kept.prompt)
            points = tuple(point for point in kept.planned if point.at <= sound)
            kept.state = State(self._points.floor(kept.state.floor, len(tokens)), points)
        self._ends += 1
        kept.ended = self._ends
        self._latest = slot

    def holds(self, slot: int) -> T | None:
        return self._slots[slot].tokens or None

    @property
    def latest(self) -> T | None:
        return self.holds(self._latest)

    def clear(self) -> None:
        self._slots = [_Slot() for _ in self._slots]
        if self._ram:
            self._ram.clear()
        self._tasks = self._ends = self._latest = 0

    def _choose(self, prompt: T, idle: Collection[int]) -> tuple[int, int, bool]:
        """The slot, how much of the prompt it has, and whether what it holds is to be spared."""
        best, longest = -1, len(prompt) // 10
        oldest, stamp = -1, -1
        for number in idle:
            slot = self._slots[number]
            if oldest < 0 or slot.ended <= stamp:
                oldest, stamp = number, slot.ended
            shared = self._shared(slot, prompt)
            if shared > longest:
                best, longest = number, shared
        if best < 0:
            return oldest, self._shared(self._slots[oldest], prompt), True
        held = self._slots[best].tokens
        return best, longest, held is not None and 2 * longest < len(held)

    def _shared(self, slot: _Slot[T], prompt: T) -> int:
        return 0 if slot.tokens is None else slot.tokens.common(prompt)

    def _resume(self, slot: _Slot[T], shared: int, prompt: T, turns: Sequence[int]) -> int:
        """How much of what a slot holds of a prompt can be used."""
        length = len(prompt)
        if not self._points:
            return max(min(shared, length - 1), 0)
        self._tasks += 1
        cached, state = self._points.resume(slot.state, shared, length)
        slot.planned = self._points.made(state, cached, length, turns, self._tasks)
        slot.state, slot.prompt = state, prompt
        return cached

    def _save(self, slot: _Slot[T], moves: list[Move]) -> None:
        if not slot.tokens or not self._ram or (slot.copy and not slot.copy.gone):
            return
        size = self._fixed + len(slot.tokens) * self._per_token
        saved = self._ram.save(slot.tokens, slot.state, size)
        if saved is None:
            return
        slot.copy, copied = saved
        if copied:
            moves.append(Move("saved", len(slot.tokens), size))

    def _restore(self, slot: _Slot[T], prompt: T, moves: list[Move]) -> bool:
        found = self._ram.better(slot.tokens, prompt) if self._ram else None
        if found is None or not self._ram:
            return False
        self._ram.remove(found)
        slot.tokens, slot.state = found.tokens, found.state
        moves.append(Move("restored", len(found.tokens), found.size))
        return True
