"""Everything that happened, in order: the one source of truth.

Rules of this file:

1. Records are added at the moment they describe, and never changed.
2. Counters are folds of the records as they come. Dropping old records changes no number.
3. A record's index is its place among all that were ever added, from 0. It stays its own when
   older ones are dropped.
4. Three records may be one entry, which takes their three places, until one of them is read.

It must not import the server or anything above.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ollama_simulator.brief import RECORDS, Brief, Gist
from ollama_simulator.records import Asked, Eased, Hindered, Received, Record
from ollama_simulator.tally.folds import Tally

R = TypeVar("R", bound=Record)

AT_ONCE = 1024
"""Old records that are dropped together, or looked at, at most: more would hold servers up."""
MOST_GISTS = 128
"""Answers whose briefs are not added up yet, at most."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which records are wanted; None for any."""

    kinds: frozenset[str] | None = None
    """Names of kinds, such as `Finished`."""
    servers: frozenset[str] | None = None
    exchanges: frozenset[int] | None = None

    def wants(self, record: Record) -> bool:
        """Whether it is one of them."""
        return (
            (self.kinds is None or type(record).__name__ in self.kinds)
            and (self.servers is None or record.server in self.servers)
            and (self.exchanges is None or record.exchange in self.exchanges)
        )


class Page(msgspec.Struct, frozen=True):
    """Some records in a row."""

    records: list[tuple[int, Record]]
    """Each with its index."""
    next: int
    """The index to go on from: whatever was wanted before it is here, or was dropped."""


class Filed:
    """How far the file is into which a journal is written."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.written = 0
        """How many records are in it."""
        self.lost = 0
        """How many are not, and never will be."""
        self.trouble = ""
        """Why nothing can be written now; empty while it can."""


class Journal:
    """The records of a fleet."""

    def __init__(self, limit: int | None = None) -> None:
        """Keep at least the newest `limit` records, and at most a quarter more, or `AT_ONCE` if
        that is less; None: all."""
        if limit is not None and limit < 1:
            raise ValueError(f"a journal of {limit} records keeps nothing")
        self._records: list[Any] = []
        """Those that are kept, and briefs, each in three places."""
        self._first_brief: int | None = None
        """An index before which there is no brief; None if there is none at all."""
        self._gists: list[Gist] = []
        """Of briefs that were not added up yet."""
        self.dropped = 0
        """How many old records are not kept any more."""
        self.file: Filed | None = None
        """The file that it is written into, if there is one."""
        self._limit = limit
        self._most = math.inf if limit is None else limit + min(limit // 4, AT_ONCE)
        self._requests: Counter[str] = Counter()
        self._tally = Tally()
        self.heard: list[Callable[[], None]] = []
        """Who is called after each record that was added; it must be quick."""
        self.warned: list[Callable[[Record], None]] = []
        """Who is told what people should know at once."""
        self.hindrances: Counter[str] = Counter()
        """How often the simulator itself lacked something, by what it was."""
        self.lacking: list[Hindered] = []
        """What it lacks now."""
        self._waiting: list[tuple[Callable[[Record], bool], asyncio.Future[Record]]] = []

    @property
    def total(self) -> int:
        """How many records were ever added: the index of the next one."""
        return self.dropped + len(self._records)

    @property
    def kept(self) -> int:
        """How many records are kept."""
        return len(self._records)

    @property
    def records(self) -> list[Record]:
        """Those that are kept. Nobody but the journal changes this list."""
        self._unpack(0, len(self._records))
        return self._records

    def read(self, since: int, most: int | None = None) -> list[Record]:
        """Those that are kept, from an index on; at most so many."""
        start = max(0, since - self.dropped)
        end = len(self._records) if most is None else min(start + most, len(self._records))
        self._unpack(start, end)
        return self._records[start:end]

    @property
    def tally(self) -> Tally:
        """The numbers of the servers."""
        self._add_up()
        return self._tally

    @property
    def requests(self) -> Counter[str]:
        """Requests of each server since the counters were cleared."""
        self._add_up()
        return self._requests

    def add(self, record: Record) -> None:
        """Append a record."""
        self._records.append(record)
        if len(self._records) > self._most:
            self._drop()
        if type(record) is Asked:
            self._requests[record.server] += 1
        self._tally.add(record)
        for wanted, future in self._waiting:
            if not future.done() and wanted(record):
                future.set_result(record)
        for told in self.heard:
            told()

    def add_brief(self, brief: Brief) -> None:
        """Append the records of a request that was over at once."""
        if self._waiting:
            for record in brief.records():
                self.add(record)
            return
        records, gist = self._records, brief.gist
        if self._first_brief is None:
            self._first_brief = self.dropped + len(records)
        records += (brief, brief, brief)
        if len(records) > self._most:
            self._drop()
        if not gist.times:
            if len(self._gists) == MOST_GISTS:
                self._add_up()
            self._gists.append(gist)
        gist.times += 1
        for told in self.heard:
            told()

    def _add_up(self) -> None:
        """Have the numbers say what the briefs come to."""
        gists, self._gists = self._gists, []
        for gist in gists:
            self._requests[gist.server] += gist.times
            for record in Brief(0.0, 0, 0, 0, gist).records():
                self._tally.add_over(record, gist.times)
            gist.times = 0

    def _unpack(self, start: int, end: int) -> None:
        """Put the records of briefs in their places, of those kept from a place to another."""
        first = self._first_brief
        if start >= end or first is None or (first := max(0, first - self.dropped)) >= end:
            return
        records = self._records
        while start > 0 and records[start - 1] is records[start]:
            start -= 1
        for place in range(max(start, first), end):
            brief = records[place]
            if type(brief) is Brief:
                # Its first places may have been dropped.
                left = records[place : place + RECORDS].count(brief)
                records[place : place + left] = brief.records()[RECORDS - left :]
        if start <= first:
            self._first_brief = None if end == len(records) else self.dropped + end

    def warn(self, record: Hindered | Eased) -> None:
        """Append a record of what the simulator itself lacks, or has again, and say so."""
        if isinstance(record, Hindered):
            self.hindrances[record.what] += 1
            self.lacking.append(record)
        else:
            self._has_again(record)
        self.add(record)
        for told in self.warned:
            told(record)

    def _has_again(self, over: Eased) -> None:
        """Of several that lack the same, it is the one that began then."""
        began = over.t - over.seconds
        alike = [each for each in self.lacking if each.what == over.what]
        if alike:
            self.lacking.remove(min(alike, key=lambda each: abs(each.t - began)))

    def _drop(self) -> None:
        assert self._limit is not None
        # As if those that came together had come one after the other.
        over, spare = len(self._records) - int(self._most), int(self._most) - self._limit
        old = len(self._records) - self._limit - (over - 1) % (spare + 1)
        self.dropped += old
        del self._records[:old]

    def clear_counters(self) -> None:
        """Start the counters anew. The records stay."""
        self.requests.clear()
        self._tally.clear()

    def page(self, since: int, limit: int, wanted: Filter) -> Page:
        """The first `limit` records that are wanted, of those kept from the index `since` on."""
        found: list[tuple[int, Record]] = []
        start = max(since, self.dropped)
        while start < self.total:
            for index, record in enumerate(self.read(start, AT_ONCE), start):
                if wanted.wants(record):
                    found.append((index, record))
                    if len(found) == limit:
                        return Page(found, index + 1)
            start += AT_ONCE
        return Page(found, self.total)

    def exchanges(self, nonce: str) -> frozenset[int]:
        """The numbers of the requests that carried a nonce, on whatever server."""
        return frozenset(
            record.exchange
            for record in self.where(Received, nonce=nonce)
            if record.exchange is not None
        )

    def where(self, kind: type[R], *, since: int = 0, **fields: Any) -> list[R]:
        """The records of a kind whose fields have these values.

        `since` counts all records that were ever added; what was dropped is not found.
        """
        return [
            record
            for record in self.read(since)
            if isinstance(record, kind)
            and all(getattr(record, name) == value for name, value in fields.items())
        ]

    def attempts(self, nonce: str) -> list[Asked]:
        """The requests that carried a nonce, on whatever server."""
        exchanges = self.exchanges(nonce)
        return [record for record in self.where(Asked) if record.exchange in exchanges]

    async def wait_for(
        self, kind: type[R], timeout: float, *, since: int = 0, **fields: Any
    ) -> R | None:
        """The first such record, as of `where`, waiting for it if need be.

        Returns None if it doesn't come within `timeout` seconds.
        """
        if found := self.where(kind, since=since, **fields):
            return found[0]

        def wanted(record: Record) -> bool:
            return isinstance(record, kind) and all(
                getattr(record, name) == value for name, value in fields.items()
            )

        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        entry = (wanted, future)
        self._waiting.append(entry)
        try:
            async with asyncio.timeout(timeout):
                found_later: R = await future
                return found_later
        except TimeoutError:
            return None
        finally:
            self._waiting.remove(entry)
