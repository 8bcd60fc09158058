"""What the simulator itself lacks: told once when it begins, and once when it is over.

It must not import the server or anything above.
"""

from ollama_simulator.clock import Clock
from ollama_simulator.journal import Journal
from ollama_simulator.records import Eased, Hindered, Lacking


class Shortage:
    """Something that the simulator may lack."""

    def __init__(self, journal: Journal, clock: Clock, what: Lacking) -> None:
        self._journal = journal
        self._clock = clock
        self._what = what
        self._since: float | None = None

    def begin(self, detail: str) -> None:
        """It lacks it. To say so again changes nothing."""
        if self._since is None:
            self._since = self._clock.now()
            self._journal.warn(Hindered(t=self._since, server="", what=self._what, detail=detail))

    def end(self, lost: int = 0) -> None:
        """It has it, and lost so many records meanwhile. To say so again changes nothing."""
        if self._since is not None:
            now, since, self._since = self._clock.now(), self._since, None
            self._journal.warn(
                Eased(t=now, server="", what=self._what, seconds=now - since, lost=lost)
            )
