"""A fleet whose servers are in other processes, the workers, seen from the one that controls them.

Rules of this file:

1. Names, ports, texts and chances are those that the fleet has in one process: which worker has a
   server makes no difference to its clients.
2. All numbers come from the merged journal; it has every record up to a moment once `settle`, begun
   at that moment, has returned.
3. A worker that doesn't answer for `HUSH_S` is not waited for: its records come late then.

It must not import the programs.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import msgspec

from ollama_simulator import records
from ollama_simulator.clock import WallClock
from ollama_simulator.directory import Directory
from ollama_simulator.fleet_types import FleetFile
from ollama_simulator.journal import Journal
from ollama_simulator.workers import states
from ollama_simulator.workers.door import Door
from ollama_simulator.workers.glimpses import unpacked
from ollama_simulator.workers.merging import Merger
from ollama_simulator.workers.messages import Batch, Begin, Begun, Counters, State
from ollama_simulator.workers.process import Process, WorkerDown

REST_S = 0.05
"""Seconds between two looks at what workers recorded, unless somebody wants to know."""
HUSH_S = 1.0
"""Seconds for which a worker is waited for that is asked for its records."""


class Place(msgspec.Struct, frozen=True):
    """Where a server is."""

    name: str
    port: int
    worker: int
    """The number of its worker, from 1."""


class Spread(Directory[Place]):
    """The fleet."""

    def __init__(
        self,
        described: FleetFile,
        workers: int,
        *,
        journal: Journal,
        clock: WallClock,
        door: Door,
        local: bool = True,
    ) -> None:
        """`local` says whether only this machine reaches the control API."""
        super().__init__(seed=described.seed, clock=clock, host=described.host, journal=journal)
        self.helpers: list[int] = []
        """The ports of servers that have a helper."""
        self.changing = asyncio.Lock()
        """Held by whoever changes something: changes come to all workers in the same order."""
        self.counters = Counters(name=len(described.servers) + 1, rule=1)
        self._described = described
        self._local = local
        self._began_ns = clock.began_ns
        self._rules = states.packed(described.given)
        self._real = WallClock()
        self._merger = Merger(journal, workers)
        self._stirred = asyncio.Event()
        self._lost: dict[int, float] = {}
        """The workers that are not there, by number, and since when."""
        self.workers = [
            Process(number, start, clock=clock, door=door, begins=self._begins, hears=self)
            for number, start in enumerate(shares(described, workers), 1)
        ]

    # --- its workers --------------------------------------------------------------------------

    async def run(self) -> None:
        """Run the workers until they are told to end."""
        async with asyncio.TaskGroup() as group:
            for worker in self.workers:
                group.create_task(worker.run())

    async def begun(self) -> None:
        """Wait until all servers listen."""
        for worker in self.workers:
            await worker.there.wait()
        self.started_ns = self.clock.wall_ns()

    def end(self) -> None:
        """Have all workers end."""
        for worker in self.workers:
            worker.end()

    def worker_of(self, place: Place) -> Process:
        """The worker that has a server."""
        return self.workers[place.worker - 1]

    def state(self, place: Place) -> State:
        """What a server was last told to be."""
        for each in self.worker_of(place).states or ():
            if each.name == place.name:
                return each
        raise AssertionError(f"{place.name} is one of those that its worker told of")

    def _begins(self, worker: Process) -> Begin:
        described, count = self._described, len(self.workers)
        before = worker.states
        if before is not None:
            before = tuple(states.counted(each, self._merger.struck) for each in before)
        highest = self._merger.highest
        return Begin(
            worker=worker.number,
            workers=count,
            seed=described.seed,
            host=described.host,
            speed=described.clock_speed,
            began_ns=self._began_ns,
            journal_size=described.journal_size,
            exchange=worker.number + count * -(-highest // count),
            start=worker.start,
            rules=self._rules,
            counters=self.counters,
            before=before,
            reached=self._merger.reached if before is not None else {},
            down_since=worker.down_since,
            local=self._local,
        )

    # --- what they tell -----------------------------------------------------------------------

    def begun_by(self, worker: Process, begun: Begun) -> None:
        """Its servers listen."""
        self.learn(begun.counters)
        self.helpers = sorted({*self.helpers, *begun.helpers})
        self._stirred.set()

    def stirred(self) -> None:
        """Something was recorded."""
        self._stirred.set()

    def took(self, worker: Process, batch: Batch) -> None:
        """Some records came."""
        found = unpacked(batch.entries, batch.gists)
        self._merger.told[worker.number - 1].take(found, batch.upto)
        if batch.lost:
            words = f"worker {worker.number} lost {batch.lost} records that nobody fetched in time"
            t = self._merger.frontier
            for name in self._names(worker)[:1]:
                self.journal.add(records.Failed(t=t, server=name, error=words))

    async def lost(self, worker: Process, why: str) -> None:
        """It ended, and nobody wanted that."""
        # What was recorded before comes first, that of other workers, too.
        await self.settle()
        if worker.number not in self._lost:
            words = f"number {worker.number}, {why}; it is started again"
            t = self._lost[worker.number] = self._merger.frontier
            self.journal.warn(records.Hindered(t=t, server="", what="worker", detail=words))
        self._merger.lost(worker.number - 1, self._names(worker))

    def _found(self) -> None:
        """Record which lost workers are there again."""
        now = self._merger.frontier
        for number in [number for number in self._lost if self.workers[number - 1].up]:
            seconds = now - self._lost.pop(number)
            self.journal.warn(records.Eased(t=now, server="", what="worker", seconds=seconds))

    def learn(self, *told: Counters) -> None:
        """Know what servers there are, and what was counted."""
        known = (self.counters, *told)
        self.counters = Counters(max(each.name for each in known), max(each.rule for each in known))
        places = [
            Place(state.name, state.port, worker.number)
            for worker in self.workers
            for state in worker.states or ()
        ]
        places.sort(key=lambda place: _number(place.name))
        self.servers = {place.port: place for place in places}
        # They come in the order of their numbers.
        self.names = sorted({*self.names, *(place.name for place in places)}, key=_number)

    def _names(self, worker: Process) -> list[str]:
        return [place.name for place in self.servers.values() if place.worker == worker.number]

    # --- the journal --------------------------------------------------------------------------

    async def settle(self, *, expire: bool = False) -> None:
        """Have everything in the journal that has happened until now. With `expire`, models that
        have left memory meanwhile are noticed, too."""
        begun = self.clock.now()
        asked = [worker for worker in self.workers if worker.records]
        answered = await asyncio.gather(*(self._fetched(worker, expire) for worker in asked))
        until = [
            self._merger.told[worker.number - 1].upto
            for worker, came in zip(asked, answered, strict=True)
            if came
        ]
        # Whoever was told to begin meanwhile has recorded nothing before that.
        self._merger.merge(min((begun, *until)))
        self._found()
        if any(told.waiting for told in self._merger.told):
            self._stirred.set()

    async def _fetched(self, worker: Process, expire: bool) -> bool:
        try:
            async with asyncio.timeout(HUSH_S):
                await worker.fetch(expire=expire)
        except (WorkerDown, TimeoutError):
            return False
        return True

    async def follow(self) -> None:
        """Take what the workers record, for ever."""
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            await self.settle()
            await self._real.sleep_until(self._real.now() + REST_S)

    def close(self) -> None:
        """Add the last records."""
        self._merger.merge(float("inf"))


@contextlib.asynccontextmanager
async def spread(
    described: FleetFile,
    workers: int,
    journal: Journal,
    clock: WallClock,
    *,
    local: bool = True,
) -> AsyncIterator[Spread]:
    """A fleet over so many workers, until the block ends; `local` as for `Spread`. They may not
    have begun yet. What keeps one of them from that (`PortTaken`, `Unsupported`) is raised, in a
    group."""
    async with Door() as door:
        fleet = Spread(described, workers, journal=journal, clock=clock, door=door, local=local)
        async with asyncio.TaskGroup() as group:
            group.create_task(fleet.run())
            following = group.create_task(fleet.follow())
            try:
                yield fleet
            finally:
                fleet.end()
                following.cancel()
        fleet.close()


def _number(name: str) -> int:
    return int(name.removeprefix("s"))


def shares(described: FleetFile, workers: int) -> list[tuple[State, ...]]:
    """Which servers each worker has: in turns, so that servers alike are spread. Those that count
    a rule together stay together, and those that write one recording."""
    found: list[list[State]] = [[] for _ in range(workers)]
    for unit in _units(described):
        min(found, key=len).extend(unit)
    return [tuple(share) for share in found]


def _units(described: FleetFile) -> Iterator[list[State]]:
    by_name = {state.name: state for state in states.begun(described)}
    groups = [given.servers for given in described.given if given.rule.shared]
    writers: dict[str, list[str]] = {}
    for name, server in zip(by_name, described.servers, strict=True):
        if server.record is not None:
            writers.setdefault(server.record, []).append(name)
    together = {name: {name} for name in by_name}
    for group in (*groups, *writers.values()):
        united = set[str]().union(*(together[name] for name in group))
        together |= dict.fromkeys(united, united)
    for name in by_name:
        unit = sorted(together[name], key=_number)
        if name == unit[0]:
            yield [by_name[each] for each in unit]
