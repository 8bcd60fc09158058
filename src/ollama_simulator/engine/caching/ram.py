"""The conversations that the engine `current` keeps in the host's memory for one runner.

Source: engine model, 1.4; `server_prompt_cache` of llama.cpp.

Rules of this file:

1. Entries stand in the order in which they were saved. The oldest goes first when room is needed,
   even if it is the one that is about to be looked for.
2. No entry is the beginning of another one.
3. Without a limit in bytes there is one in tokens: the contexts of all slots together.

It must not import anything but its own package.
"""

from typing import Generic

from ollama_simulator.engine.caching.cache import T
from ollama_simulator.engine.caching.checkpoints import State

MIB = 1024 * 1024


class Entry(Generic[T]):
    """A conversation in the host's memory."""

    __slots__ = ("gone", "size", "state", "tokens")

    def __init__(self, tokens: T, state: State, size: int) -> None:
        self.tokens = tokens
        self.state = state
        self.size = size
        """Bytes."""
        self.gone = False


class Ram(Generic[T]):
    """All of them."""

    def __init__(self, mib: int, context: int) -> None:
        """`mib` is the limit, -1 for none, 0 for nothing; `context` that of all slots in tokens,
        0 if it isn't known."""
        self.entries: list[Entry[T]] = []
        self.size = 0
        """Bytes."""
        self.limit = mib * MIB if mib >= 0 else None
        """Bytes."""
        self._context = context
        self._tokens = 0

    def save(self, tokens: T, state: State, size: int) -> tuple[Entry[T], bool] | None:
        """Copy the content of a slot, unless it is there already: where, and whether it was copied.

        None if it is too large.
        """
        if self.limit is not None and size > self.limit:
            return None
        count = len(tokens)
        obsolete = []
        for entry in self.entries:
            length = len(entry.tokens)
            if entry.tokens.common(tokens) == min(length, count):
                if length >= count:
                    return entry, False
                obsolete.append(entry)
        for entry in obsolete:
            self.remove(entry)
        if self.limit is not None:
            while self.entries and self.size + size > self.limit:
                self.remove(self.entries[0])
        new = Entry(tokens, state, size)
        self.entries.append(new)
        self.size += size
        self._tokens += count
        return new, True

    def better(self, held: T | None, prompt: T) -> Entry[T] | None:
        """The entry that serves a prompt better than what a slot holds, if there is one.

        It keeps more of itself, and has more of the prompt; and a quarter of it is used at least.
        """
        shared = 0 if held is None else held.common(prompt)
        # What an empty slot would keep is less than anything.
        part, whole = (shared, len(held)) if held else (-1, 1)
        best = None
        for entry in self.entries:
            common = entry.tokens.common(prompt)
            length = len(entry.tokens)
            if 4 * common >= length and common > shared and common * whole > part * length:
                best, shared, part, whole = entry, common, common, length
        return best

    def remove(self, entry: Entry[T]) -> None:
        """Forget an entry."""
        self.entries.remove(entry)
        self.size -= entry.size
        self._tokens -= len(entry.tokens)
        entry.gone = True

    def trim(self) -> None:
        """Keep to the limit in tokens."""
        if self.limit is None and self._context:
            while self.entries and self._tokens > self._context:
                self.remove(self.entries[0])

    def clear(self) -> None:
        """Forget everything."""
        for entry in self.entries:
            entry.gone = True
        self.entries.clear()
        self.size = self._tokens = 0
