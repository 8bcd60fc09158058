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
"""Tokens that a slot is ahead at most of a reader that doesn't take them; then it pauses, and
nobody else. Whoever would take them is not behind, however late we are to tell him."""

FOREVER = 2**62
"""Iterations of a plan that nothing ends by itself."""

INSTANT_S = 1e-6
"""Seconds that an iteration takes at least. Without it, a machine on which decoding costs nothing
would make token after token in one instant, and nobody would ever take them."""


class Work:
    """One job in the batch."""

    __slots__ = (
        "absent",
        "begun_at",
        "depth",
        "first_at",
        "held",
        "kept",
        "last_at",
        "made",
        "paused",
        "read_at",
        "slot",
        "taken",
        "total",
        "unread",
        "waits",
        "window",
    )

    def __init__(
        self,
        slot: int,
        unread: int,
        depth: int,
        *,
        total: int | None = None,
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
        self.waits = False
        """Whether its reader waits for a token."""
        self.taken = 0
        """The tokens that there were when it was given one last."""
        self.absent = False
        """Whether its reader was seen to be behind, and has not asked since."""
        self.held = False
        """Whether its reader was held up for so long that it may be behind."""
        self.paused = False
        """Whether it generates nothing until its reader takes what there is."""
        self.window = window
        """Tokens of context that its slot holds; 0 for any number."""
        self.kept = kept
        """Tokens at the beginning that stay when the window is full and half the rest goes."""
        self.begun_at = math.inf
        """When the first iteration began that carried tokens of its prompt."""
        self.read_at = math.inf
        """When its prompt was read."""
        self.first_at = math.inf
        self.last_at = math.inf
        """When it generated its first token, and its last one so far."""

    @property
    def able(self) -> bool:
        """Whether it can generate."""
        full = self.total is not None and self.made >= self.total
        return not (self.unread or self.paused or full)

    @property
    def room(self) -> int:
        """Tokens that it can generate until something about it changes."""
        room = FOREVER if self.total is None else self.total - self.made
        return min(room, self.window - self.depth) if self.window else room

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
        self.base = max(base, INSTANT_S)
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
