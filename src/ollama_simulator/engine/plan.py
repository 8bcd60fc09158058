"""What takes part in a batch, and a series of iterations that are alike.

Source: engine model, 1.9 and 2.1.

Rules of this file:

1. Iterations that differ only by their depth are one `Plan`: their ends are known by a formula, so
   an undisturbed answer costs the same however long it is.

It must not import anything but layer 0 and its own package.
"""

import math

from ollama_simulator.engine.jitter import Factors

OUTBOX = 16
"""Tokens that a slot is ahead of its reader at most; then it pauses, and nobody else."""


class Work:
    """One job in the batch."""

    __slots__ = (
        "depth",
        "first_at",
        "kept",
        "last_at",
        "made",
        "read_at",
        "slot",
        "total",
        "unread",
        "wanted",
        "window",
    )

    def __init__(
        self,
        slot: int,
        unread: int,
        depth: int,
        *,
        total: int | None = None,
        wanted: int = 0,
        window: int = 0,
        kept: int = 0,
    ) -> None:
        self.slot = slot
        self.unread = unread
        """Tokens of its prompt that are still to be evaluated."""
        self.depth = depth
        """Tokens in its slot that are evaluated."""
        self.made = 0
        """Tokens that it has generated."""
        self.total = total
        """Tokens that it will generate at most; None if that isn't known before."""
        self.wanted = wanted
        """The token that its reader waits for, counted from 1."""
        self.window = window
        """Tokens of context that its slot holds; 0 for any number."""
        self.kept = kept
        """Tokens at the beginning that stay when the window is full and half the rest goes."""
        self.read_at = math.inf
        """When its prompt was read."""
        self.first_at = math.inf
        self.last_at = math.inf
        """When it generated its first token, and its last one so far."""

    @property
    def able(self) -> bool:
        """Whether it can generate: its answer goes on, and its reader is not too far behind."""
        if self.unread or (self.total is not None and self.made >= self.total):
            return False
        return self.made < self.wanted + OUTBOX

    @property
    def room(self) -> int:
        """Tokens that it can generate until something about it changes."""
        room = self.wanted + OUTBOX - self.made
        if self.total is not None:
            room = min(room, self.total - self.made)
        if self.window:
            room = min(room, self.window - self.depth)
        return room

    def make_room(self) -> None:
        """In a full window half of what isn't kept goes (1.6)."""
        if self.window and self.depth >= self.window:
            self.depth -= max((self.depth - self.kept) // 2, 1)


class Plan:
    """Iterations of the same make-up, one behind the other."""

    __slots__ = (
        "base",
        "count",
        "done",
        "factors",
        "generating",
        "over_at",
        "reading",
        "slope",
        "start",
        "turn",
    )

    def __init__(
        self,
        start: float,
        count: int,
        base: float,
        slope: float,
        generating: list[Work],
        reading: list[tuple[Work, int]],
        factors: Factors | None,
        turn: int,
    ) -> None:
        self.start = start
        self.count = count
        self.base = base
        """Seconds of the first one."""
        self.slope = slope
        """Seconds that each takes longer than the one before."""
        self.generating = generating
        self.reading = reading
        """Whose prompts are read, and how many tokens of each in every iteration."""
        self.factors = factors
        self.turn = turn
        """The number of the first iteration."""
        self.done = 0
        """How many had ended when it was asked last."""
        self.over_at = self.end(count)
        """When all of them are over."""

    def shorten(self, count: int) -> None:
        """Have fewer of them."""
        self.count = count
        self.over_at = self.end(count)

    def end(self, number: int) -> float:
        """When so many of them are over."""
        if self.factors is None:
            return self.start + number * (self.base + self.slope * (number - 1) / 2)
        return self.start + self.factors.seconds(self.turn, number, self.base, self.slope)

    def ended(self, now: float) -> int:
        """How many are over."""
        done, step = self.done, 1
        while done + step <= self.count and self.end(done + step) <= now:
            done += step
            step *= 2
        while step > 1:
            step //= 2
            if done + step <= self.count and self.end(done + step) <= now:
                done += step
        self.done = done
        return done
