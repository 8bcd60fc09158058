"""Merges what workers record into one journal, in the order of time.

Rules of this file:

1. A record is added when every worker has told all that is older. The clock is the same in all
   processes, so times can be compared.
2. The records of one worker stay in their order: one that tells of an earlier moment counts as
   recorded when it was.
3. A brief stays one, unless another worker recorded something within it.
4. What was open when a worker was lost is closed here, so that every `Asked` has its `Finished`.

It must not import the fleet or anything above.
"""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from ollama_simulator import records
from ollama_simulator.acts import Door, How
from ollama_simulator.brief import Brief
from ollama_simulator.journal import Journal
from ollama_simulator.records import Record
from ollama_simulator.workers.messages import Reached

Entry = Record | Brief
NOTHING = Reached(0, 0)


class Told:
    """What one worker told."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Entry]] = []
        """What may not be added yet, each with the moment at which it was recorded."""
        self.upto = 0.0
        """Everything before this moment is told."""
        self.asked: dict[int | None, str] = {}
        """Requests in progress, and their servers."""
        self.opened: dict[tuple[str, int], None] = {}
        """Connections."""

    def take(self, found: Iterable[Entry], upto: float) -> None:
        """Take what was recorded until a moment."""
        last = self.upto
        for entry in found:
            last = max(last, entry.t)
            self.waiting.append((last, entry))
            if type(entry) is Brief:
                last = max(last, entry.ended)
        self.upto = max(last, upto)

    def ready(self, upto: float) -> list[tuple[float, Entry]]:
        """Give away what was recorded until a moment."""
        count = _until(self.waiting, upto)
        found = self.waiting[:count]
        del self.waiting[:count]
        if found and type(brief := found[-1][1]) is Brief and brief.ended > upto:
            *begun, finished = brief.records()
            found[-1:] = [(found[-1][0], record) for record in begun]
            self.waiting.insert(0, (brief.ended, finished))
        return found


class Merger:
    """A journal that several workers write."""

    def __init__(self, journal: Journal, workers: int) -> None:
        self._journal = journal
        self.told = [Told() for _ in range(workers)]
        self.struck: Counter[tuple[str, int]] = Counter()
        """How often each rule struck, by server."""
        self.frontier = 0.0
        """Whatever comes yet was recorded after this moment."""
        self.highest = 0
        """The highest number that a request had."""
        self.reached: dict[str, Reached] = {}
        """How far each server has counted."""

    def merge(self, upto: float) -> None:
        """Add what was recorded until a moment."""
        self.frontier = max(self.frontier, upto)
        ready = []
        for told in self.told:
            ready.append(told.ready(upto))
            for _, entry in ready[-1]:
                self._note(told, entry)
        # Of one moment, the first worker's come first.
        for entry in _ordered(list(heapq.merge(*ready, key=itemgetter(0)))):
            if type(entry) is Brief:
                self._journal.add_brief(entry)
            elif isinstance(entry, records.Hindered | records.Eased):
                self._journal.warn(entry)
            else:
                self._journal.add(entry)

    def _note(self, told: Told, entry: Entry) -> None:
        match entry:
            case Brief(exchange=number, connection=connection, ordinal=ordinal, gist=gist):
                self.highest = max(self.highest, number)
                self._counts(gist.server, connection, ordinal)
            case records.Asked(
                exchange=number, server=server, connection=connection, ordinal=ordinal
            ):
                told.asked[number] = server
                self.highest = max(self.highest, number or 0)
                self._counts(server, connection, ordinal)
            case records.Finished(exchange=number):
                told.asked.pop(number, None)
            case records.Opened(server=server, connection=connection):
                told.opened[server, connection] = None
                self._counts(server, connection, 0)
            case records.Closed(server=server, connection=connection):
                told.opened.pop((server, connection), None)
            case records.Struck(server=server, rule=int(rule)):
                self.struck[server, rule] += 1

    def _counts(self, server: str, connection: int, ordinal: int) -> None:
        known = self.reached.get(server, NOTHING)
        self.reached[server] = Reached(
            max(known.connections, connection), max(known.requests, ordinal)
        )

    def lost(self, index: int, servers: Iterable[str]) -> None:
        """Record that a worker's servers are gone, and with them all that was going on. It has
        told all that it ever will, and that is merged."""
        now = self.frontier
        told = self.told[index]
        for name in servers:
            for record in self._ends(told, name, now):
                self._journal.add(record)
        told.asked.clear()
        told.opened.clear()

    def _ends(self, told: Told, name: str, now: float) -> Iterator[Record]:
        standing = self._journal.tally.servers[name].standing
        if standing.up:
            yield records.Stopped(t=now, server=name)
        if standing.door is not Door.SHUT:
            yield records.DoorMoved(t=now, server=name, door=Door.SHUT)
        for number in [number for number, server in told.asked.items() if server == name]:
            yield records.Finished(
                t=now,
                server=name,
                exchange=number,
                outcome="cancelled",
                status=None,
                tokens=0,
                body_bytes=0,
            )
        for server, connection in told.opened:
            if server == name:
                yield records.Closed(
                    t=now, server=name, connection=connection, by="us", how=How.RST
                )
        for model in [model for model, stays in standing.loaded.items() for _ in stays]:
            yield records.ModelUnloaded(t=now, server=name, model=model, why="restarted")


def _ordered(merged: Sequence[tuple[float, Entry]]) -> Iterator[Any]:
    """The same, with the end of each brief where it belongs."""
    ends: list[tuple[float, int, Record]] = []
    """Of briefs that others fall into, the earliest first."""
    for place, (moment, entry) in enumerate(merged):
        while ends and ends[0][0] <= moment:
            yield heapq.heappop(ends)[-1]
        following = merged[place + 1][0] if place + 1 < len(merged) else math.inf
        if type(entry) is Brief and (ends or following < entry.ended):
            *begun, finished = entry.records()
            yield from begun
            heapq.heappush(ends, (entry.ended, place, finished))
        else:
            yield entry
    yield from (record for _, _, record in sorted(ends))


def _until(waiting: Sequence[tuple[float, Entry]], upto: float) -> int:
    """How many of them are not later than a moment."""
    for count, (moment, _) in enumerate(waiting):
        if moment > upto:
            return count
    return len(waiting)
