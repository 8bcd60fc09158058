"""Reads a journal as it grows, for whoever looks every now and then.

It must not import the servers.
"""

from ollama_simulator.journal import Journal
from ollama_simulator.records import Record


class Follower:
    """One who reads a journal from now on."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._next = journal.total
        """The index of the next record, among all that were ever added."""

    def read(self) -> tuple[int, list[Record]]:
        """How many records were dropped before they could be read, and those that came since."""
        journal = self._journal
        missed = max(0, journal.dropped - self._next)
        found = journal.read(self._next)
        self._next = journal.total
        return missed, found
