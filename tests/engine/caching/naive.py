"""The engine `current` once more, as a list of rules without any shortcut, to compare with."""

from __future__ import annotations

from collections.abc import Collection

MIB = 1024 * 1024


def common(ours: str, theirs: str) -> int:
    """How many letters both begin with alike."""
    count = 0
    while count < min(len(ours), len(theirs)) and ours[count] == theirs[count]:
        count += 1
    return count


class Naive:
    """A runner whose tokens are letters; `limit` in MiB, -1 for none, 0 for no memory."""

    def __init__(self, slots: int, limit: int, per_token: int, context: int) -> None:
        self.slots = [""] * slots
        self.ended = [0] * slots
        self.ram: list[str] = []
        self.limit, self.per_token, self.context = limit, per_token, context
        self.moves: list[tuple[str, int]] = []
        self.ends = 0

    def take(self, prompt: str, idle: Collection[int]) -> tuple[int, int]:
        """The slot and what is cached; `moves` is what was copied."""
        self.moves = []
        alike = {slot: common(self.slots[slot], prompt) for slot in idle}
        similar = [slot for slot in idle if alike[slot] / len(prompt) > 0.1]
        if similar:
            slot = min(similar, key=lambda slot: (-alike[slot], slot))
            update = alike[slot] / len(self.slots[slot]) < 0.5
        else:
            slot = min(idle, key=lambda slot: (self.ended[slot], -slot))
            update = True
        if update and self.limit:
            self.save(self.slots[slot])
            self.search(slot, prompt)
            self.trim()
        cached = min(common(self.slots[slot], prompt), len(prompt) - 1)
        self.slots[slot] = prompt[:cached]
        if self.limit:
            for other in sorted(idle):
                if other != slot:
                    self.save(self.slots[other])
                    self.trim()
        return slot, cached

    def keep(self, slot: int, tokens: str) -> None:
        """What is in a slot when its job ends."""
        self.ends += 1
        self.slots[slot], self.ended[slot] = tokens, self.ends

    def size(self, text: str) -> int:
        """Bytes of an entry."""
        return len(text) * self.per_token

    def taken(self) -> int:
        """Bytes of all entries."""
        return sum(map(self.size, self.ram))

    def save(self, text: str) -> None:
        """Copy the content of a slot."""
        if not text or any(entry.startswith(text) for entry in self.ram):
            return
        if self.limit > 0 and self.size(text) > self.limit * MIB:
            return
        self.ram = [entry for entry in self.ram if not text.startswith(entry)]
        while self.limit > 0 and self.ram and self.taken() + self.size(text) > self.limit * MIB:
            self.ram.pop(0)
        self.ram.append(text)
        self.moves.append(("saved", len(text)))

    def search(self, slot: int, prompt: str) -> None:
        """Move something better back, if there is something."""
        held = self.slots[slot]
        keep = common(held, prompt) / len(held) if held else -1.0
        alike = common(held, prompt) / len(prompt)
        best = None
        for entry in self.ram:
            its_keep = common(entry, prompt) / len(entry)
            its_alike = common(entry, prompt) / len(prompt)
            if its_keep >= 0.25 and its_keep > keep and its_alike > alike:
                best, keep, alike = entry, its_keep, its_alike
        if best is not None:
            self.ram.remove(best)
            self.slots[slot] = best
            self.moves.append(("restored", len(best)))

    def trim(self) -> None:
        """Without a limit in bytes, all entries together have as many tokens as all slots."""
        while self.limit < 0 and self.ram and sum(map(len, self.ram)) > self.context:
            self.ram.pop(0)
