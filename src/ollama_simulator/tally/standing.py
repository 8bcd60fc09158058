"""How one server stands now, as its records tell.

Rules of this file:

1. A job waits from `Queued` until it is admitted, waits for something else, or is over; it runs
   from `Admitted` to `Released`, or until it is over.
2. A slot that was not released by then is abandoned: its runner has not noticed yet that the
   client left, or never will (native specification, 6.7). It is so until its model leaves memory.
3. A model is in memory from `ModelLoaded` to `ModelUnloaded`.

It must not import anything of this package but `acts` and `records`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

from ollama_simulator.acts import Door
from ollama_simulator.records import (
    Admitted,
    Asked,
    Closed,
    DoorMoved,
    Finished,
    ModelLoaded,
    ModelUnloaded,
    Opened,
    Queued,
    Record,
    Released,
    Restarted,
    Stopped,
)


class _Job:
    """What a request has."""

    def __init__(self) -> None:
        self.waits_for: str | None = None
        self.slots = 0
        self.model = ""
        """Whose slots they are; empty if it has left memory."""


class Standing:
    """How a server stands."""

    def __init__(self) -> None:
        self.up = True
        self.door = Door.OPEN
        self.connections = 0
        self.active = 0
        """Requests that are not over."""
        self.waiting: Counter[str] = Counter()
        """How many of them wait, by what for: `slot` or `load`."""
        self.running = 0
        """How many slots they hold."""
        self.loaded: dict[str, list[ModelLoaded]] = {}
        """The models in memory, by name. Under one name there may be two, of different files."""
        self._jobs: dict[int | None, _Job] = {}
        """Those of requests that are not over."""
        self._over: dict[int | None, _Job] = {}
        """Those of requests that are over, and have slots all the same."""

    @property
    def abandoned(self) -> int:
        """How many slots requests hold that are over."""
        return sum(job.slots for job in self._over.values())

    def _opened(self, _: Opened) -> None:
        self.connections += 1

    def _closed(self, _: Closed) -> None:
        self.connections -= 1

    def _moved(self, record: DoorMoved) -> None:
        self.door = record.door

    def _asked(self, _: Asked) -> None:
        self.active += 1

    def _queued(self, record: Queued) -> None:
        self._waits(self._job(record), record.waits_for)

    def _admitted(self, record: Admitted) -> None:
        job = self._job(record)
        self._waits(job, None)
        job.slots += 1
        job.model = record.model
        self.running += 1

    def _released(self, record: Released) -> None:
        if (job := self._jobs.get(record.exchange)) is not None and job.slots:
            job.slots -= 1
            self.running -= 1
        elif (job := self._over.get(record.exchange)) is not None:
            job.slots -= 1
            if not job.slots:
                del self._over[record.exchange]

    def _finished(self, record: Finished) -> None:
        self.active -= 1
        if (job := self._jobs.pop(record.exchange, None)) is not None:
            self._waits(job, None)
            self.running -= job.slots
            if job.slots and job.model:
                self._over[record.exchange] = job

    def _loaded(self, record: ModelLoaded) -> None:
        self.loaded.setdefault(record.model, []).append(record)
        if (job := self._jobs.get(record.exchange)) is not None:
            self._waits(job, None)

    def _unloaded(self, record: ModelUnloaded) -> None:
        stays = self.loaded.get(record.model, [])
        if stays:
            del stays[0]
        if not stays:
            self.loaded.pop(record.model, None)
            # Several names may be one model's, and it is loaded under but one of them.
            gone = {record.model} if self.loaded else {job.model for job in self._all()}
            for job in self._all():
                job.model = "" if job.model in gone else job.model
            self._over = {number: job for number, job in self._over.items() if job.model}

    def _all(self) -> Iterator[_Job]:
        return chain(self._jobs.values(), self._over.values())

    def _stopped(self, _: Stopped) -> None:
        self.up = False

    def _restarted(self, _: Restarted) -> None:
        self.up = True

    def _job(self, record: Record) -> _Job:
        if (job := self._jobs.get(record.exchange)) is None:
            job = self._jobs[record.exchange] = _Job()
        return job

    def _waits(self, job: _Job, what: str | None) -> None:
        if job.waits_for is not None:
            self.waiting[job.waits_for] -= 1
        if what is not None:
            self.waiting[what] += 1
        job.waits_for = what


CHANGES: dict[type[Record], Callable[[Standing, Any], None]] = {
    Opened: Standing._opened,
    Closed: Standing._closed,
    DoorMoved: Standing._moved,
    Asked: Standing._asked,
    Queued: Standing._queued,
    Admitted: Standing._admitted,
    Released: Standing._released,
    Finished: Standing._finished,
    ModelLoaded: Standing._loaded,
    ModelUnloaded: Standing._unloaded,
    Stopped: Standing._stopped,
    Restarted: Standing._restarted,
}
"""How a server stands differently after a record, by its kind."""
