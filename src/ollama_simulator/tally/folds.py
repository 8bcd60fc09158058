"""The numbers of a fleet, worked out as its records come.

Rules of this file:

1. Every number is a fold of records. So it says what the journal says, and dropping old records
   changes nothing.
2. Clearing starts the counts and histograms anew. How a server stands is no count, and stays.
3. Adding is on the way of every request, reading is not: what can wait is done by who reads.

It must not import anything of this package but `records`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from enum import Enum
from operator import attrgetter
from typing import Any

from ollama_simulator.records import Record
from ollama_simulator.tally.counts import COUNTS, HISTOGRAMS, Buckets, Count, Histogram
from ollama_simulator.tally.standing import CHANGES, Standing

Labels = tuple[str, ...]
"""What a number is told apart by, in words."""


class ServerTally:
    """The numbers of one server."""

    def __init__(self) -> None:
        self.standing = Standing()
        self.clear()

    def clear(self) -> None:
        """Start anew."""
        self._totals: list[float] = [0] * len(COUNTS)
        """Of those that aren't told apart."""
        self._counts: list[dict[Any, float]] = [{} for _ in COUNTS]
        """Of the others."""
        self._histograms: list[dict[Any, Buckets]] = [{} for _ in HISTOGRAMS]

    def add(self, record: Record) -> None:
        """Take in what happened."""
        folds = _FOLDS.get(type(record))
        if folds is None:
            return
        change, *counts, histograms = folds
        if change is not None:
            change(self.standing, record)
        self._count(counts, record, 1)
        for index, key_of, histogram in histograms:
            sorted_by = self._histograms[index]
            key = key_of(record)
            if (buckets := sorted_by.get(key)) is None:
                buckets = sorted_by[key] = Buckets(histogram.bounds)
            histogram.fold(buckets, record)

    def add_over(self, record: Record, times: int) -> None:
        """Take in what happened so often, each time in a request that is over: how the server
        stands is as before. Not for what is sorted by its size."""
        if (folds := _FOLDS.get(type(record))) is not None:
            self._count(folds[1:-1], record, times)

    def _count(self, folds: Any, record: Record, times: int) -> None:
        ones, sums, counts = folds
        for index in ones:
            self._totals[index] += times
        for index, adds in sums:
            self._totals[index] += adds(record) * times
        for index, key_of, adds in counts:
            counted = self._counts[index]
            key = key_of(record)
            counted[key] = counted.get(key, 0) + (1 if adds is None else adds(record)) * times

    def counted(self, count: Count) -> Iterator[tuple[Labels, float]]:
        """The values of a count. One that isn't told apart has exactly one."""
        index = COUNTS.index(count)
        if not count.by:
            return iter([((), self._totals[index])])
        values = self._counts[index]
        return ((_words(count.by, key), value) for key, value in values.items())

    def sorted(self, histogram: Histogram) -> Iterator[tuple[Labels, Buckets]]:
        """The values of a histogram."""
        values = self._histograms[HISTOGRAMS.index(histogram)]
        return ((_words(histogram.by, key), buckets) for key, buckets in values.items())


class Tally:
    """The numbers of every server, by its name."""

    def __init__(self) -> None:
        self.servers: defaultdict[str, ServerTally] = defaultdict(ServerTally)

    def add(self, record: Record) -> None:
        """Take in what happened."""
        self.servers[record.server].add(record)

    def add_over(self, record: Record, times: int) -> None:
        """Take in what happened so often, in requests that are over."""
        self.servers[record.server].add_over(record, times)

    def clear(self) -> None:
        """Start the counts and histograms anew."""
        for server in self.servers.values():
            server.clear()


def _words(by: tuple[str, ...], key: Any) -> Labels:
    return tuple(map(_word, (key,) if len(by) == 1 else key))


def _word(value: Any) -> str:
    """A value; that of a field that has none is `none`."""
    if isinstance(value, Enum):
        value = value.value
    return "none" if value is None else str(value)


def _folds(kind: type[Record]) -> Any:
    """What a kind of record is added to: how a server stands, totals that it adds one to, others,
    counts that are told apart, histograms."""
    counts = [(index, count) for index, count in enumerate(COUNTS) if count.of is kind]
    histograms = [(index, each) for index, each in enumerate(HISTOGRAMS) if each.of is kind]
    return (
        CHANGES.get(kind),
        tuple(index for index, count in counts if not count.by and count.adds is None),
        tuple((index, count.adds) for index, count in counts if not count.by and count.adds),
        tuple((index, _key_of(count.by), count.adds) for index, count in counts if count.by),
        tuple((index, _key_of(each.by), each) for index, each in histograms),
    )


def _key_of(by: tuple[str, ...]) -> Callable[[Any], Any]:
    """What tells the values of some fields: one value, or a tuple of several or of none."""
    return attrgetter(*by) if by else lambda _: ()


_FOLDS: dict[type[Record], Any] = {
    kind: folds for kind in Record.__subclasses__() if any(folds := _folds(kind))
}
"""By kind of record: what it is added to, if it is to anything."""
