"""Adds samples up.

Rules of this file:

1. Every request is counted once: complete, or under one kind of error.
2. Each distribution holds all requests that came so far: one that failed in the middle of its
   answer has a time to its first token, but no end. What never came is told by the errors.
3. Tallies of several processes merge to that of all.

It must not import the player.
"""

from collections import Counter

import msgspec

from ollama_simulator.load.sample import Limits, Sample
from ollama_simulator.load.spread import Spread

SPREADS = ("ttft", "ttft_first", "ttft_later", "gap", "end_to_end", "late")


class Packed(msgspec.Struct, frozen=True):
    """A tally as plain values, to be sent from process to process."""

    numbers: dict[str, float]
    errors: dict[str, int]
    examples: dict[str, str]
    spreads: dict[str, dict[int, int]]


class Tally:
    """All requests of a play, or of a part of it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.complete = 0
        self.good = 0
        """Complete, and within the limits."""
        self.answered = 0
        """Tokens of all answers: as told by their servers, or else the pieces that came."""
        self.asked = 0
        """Tokens of all prompts, as told by the servers."""
        self.held_back = 0
        """Requests that waited because as many as we allow were in flight."""
        self.not_asked = 0
        """Turns that were dropped because a turn before them failed."""
        self.unfinished = 0
        """Requests that were in flight when we were interrupted; they count nowhere else."""
        self.seconds = 0.0
        """From the beginning to the end of the last answer."""
        self.errors: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        """Of each kind of error the first one, in words."""
        self.ttft = Spread()
        self.ttft_first = Spread()
        """Of the first turns of sessions."""
        self.ttft_later = Spread()
        self.gap = Spread()
        self.end_to_end = Spread()
        """Of complete answers."""
        self.late = Spread()

    @property
    def requests(self) -> int:
        """How many were made and came to an end."""
        return self.complete + self.errors.total()

    def add(self, sample: Sample) -> None:
        """Count a request that came to its end."""
        self.seconds = max(self.seconds, sample.ended)
        self.answered += sample.pieces if sample.answered is None else sample.answered
        self.asked += sample.asked or 0
        self.late.add(sample.late)
        if (ttft := sample.ttft) is not None:
            self.ttft.add(ttft)
            (self.ttft_later if sample.turn else self.ttft_first).add(ttft)
        for gap in sample.gaps:
            self.gap.add(gap)
        if sample.error is None:
            self.complete += 1
            self.end_to_end.add(sample.end_to_end)
            self.good += self.limits.good(sample)
        else:
            self.errors[sample.error] += 1
            self.examples.setdefault(sample.error, sample.detail)

    def merge(self, other: "Tally") -> None:
        """Count all that another one counted, with the same limits, at the same time."""
        for name in _SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seconds = max(self.seconds, other.seconds)
        self.errors.update(other.errors)
        self.examples = {**other.examples, **self.examples}
        for name in SPREADS:
            getattr(self, name).merge(getattr(other, name))

    def packed(self) -> Packed:
        """All of it but the limits."""
        return Packed(
            {name: getattr(self, name) for name in (*_SUMS, "seconds")},
            dict(self.errors),
            self.examples,
            {name: dict(getattr(self, name).counts) for name in SPREADS},
        )

    @classmethod
    def unpacked(cls, packed: Packed, limits: Limits) -> "Tally":
        """What `packed` was made of."""
        tally = cls(limits)
        for name, number in packed.numbers.items():
            setattr(tally, name, number if name == "seconds" else int(number))
        tally.errors.update(packed.errors)
        tally.examples.update(packed.examples)
        for name, counts in packed.spreads.items():
            setattr(tally, name, Spread(counts))
        return tally


_SUMS = ("complete", "good", "answered", "asked", "held_back", "not_asked", "unfinished")
