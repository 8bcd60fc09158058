"""Reads a journal as it grows, for whoever looks every now and then.

It must not import the servers.
"""

from ollama_simulator.journal import Journal
from ollama_simulator.records import Record


class Follower:
    """One who reads a journal from now on."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._next = self._total
        """The index of the next record, among all that were ever added."""

    @property
    def _total(self) -> int:
        return self._journal.dropped + len(self._journal.records)

    def read(self) -> tuple[int, list[Record]]:
        """How many records were dropped before they could be read, and those that came since."""
        journal = self._journal
        missed = max(0, journal.dropped - self._next)
        found = journal.records[self._next + missed - journal.dropped :]
        self._next = self._total
        return missed, found
