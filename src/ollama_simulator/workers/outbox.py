"""The journal of a worker: what happened since somebody fetched it.

Rules of this file:

1. A record is handed over once, and not kept. What is added up of them stays.
2. Who isn't fetched for too long loses the oldest records, and says how many.

It must not import the control API's routes.
"""

from collections.abc import Callable
from typing import Any

from ollama_simulator.journal import Journal


class Outbox(Journal):
    """Records that wait to be fetched."""

    def __init__(self, limit: int, stirred: Callable[[], None]) -> None:
        """Keep at least the newest `limit`. `stirred` is called at the first record after each
        fetch."""
        super().__init__(limit)
        self._stirred = stirred
        self.heard.append(self._first)

    def _first(self) -> None:
        self.heard.remove(self._first)
        self._stirred()

    def take(self) -> tuple[int, list[Any]]:
        """How many records were lost since the last time, and the others: records and briefs, as
        `glimpses.packed` takes them."""
        found, lost = self._records, self.dropped
        self._records, self.dropped, self._first_brief = [], 0, None
        if self._first not in self.heard:
            self.heard.append(self._first)
        return lost, found
