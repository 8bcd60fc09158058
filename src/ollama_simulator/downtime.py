"""The time for which a server is down while it starts anew.

Source: seed facts, "Version 1.0.4": a helper's restart takes 5 to 15 s.

Rules of this file:

1. How long it takes is drawn from the fleet's seed, unless somebody says it.
2. Who ends a server that is down already has it begin from the start: the last one counts.

It must not import anything of this package but `clock`.
"""

import math
import random

from ollama_simulator.clock import Clock, Interrupt

SHORTEST_S, LONGEST_S = 5.0, 15.0


class Downtime:
    """How long one server is down, and who waits for the end of that."""

    def __init__(self, clock: Clock, seed: str) -> None:
        self.closed = False
        """Whether the fleet ends: then it never comes back."""
        self.waited_for = False
        """Whether somebody waits to bring the server back."""
        self._clock = clock
        self._drawn = random.Random(seed)
        self._until = -math.inf
        self._changed = Interrupt()

    @property
    def lasts(self) -> bool:
        """Whether it is not over."""
        return self.closed or self._until > self._clock.now()

    def begin(self, seconds: float | None) -> float:
        """Be down for so long from now on; None for a time that is drawn. Returns until when."""
        if seconds is None:
            seconds = self._drawn.uniform(SHORTEST_S, LONGEST_S)
        self._set(self._clock.now() + seconds)
        return self._until

    def move(self, until: float, later: float) -> None:
        """Be down for so much longer, unless it was begun or ended anew since it was until then."""
        if later > 0 and self._until == until:
            self._set(until + later)

    def end(self) -> None:
        """Be over now."""
        self._set(self._clock.now())

    def close(self) -> None:
        """Let nobody wait any more: the fleet ends."""
        self.closed = True
        self._set(self._until)

    async def over(self) -> bool:
        """Wait for the end, whenever that will be. Returns False if there is none."""
        while self.lasts and not self.closed:
            await self._clock.sleep_until(self._until, self._changed)
        return not self.closed

    def _set(self, until: float) -> None:
        self._until = until
        changed, self._changed = self._changed, Interrupt()
        changed.fire()
