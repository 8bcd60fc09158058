"""How one server stands now, as its records tell.

Rules of this file:

1. A job waits from `Queued` until it is admitted, waits for something else, or is over; it runs
   from `Admitted` to `Released`. A request that finished does neither, whatever its job said.
2. A model is in memory from `ModelLoaded` to `ModelUnloaded`.

It must not import anything of this package but `acts` and `records`.
"""

from collections import Counter
from collections.abc import Callable
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
)


class _Job:
    """What a request that is not over has."""

    def __init__(self) -> None:
        self.waits_for: str | None = None
        self.slots = 0


class Standing:
    """How a server stands."""

    def __init__(self) -> None:
        self.door = Door.OPEN
        self.connections = 0
        self.active = 0
        """Requests that are not over."""
        self.waiting: Counter[str] = Counter()
        """How many of them wait, by what for: `slot` or `load`."""
        self.running = 0
        """How many slots they hold."""
        self.lost = 0
        """How many slots were never released by requests that are over."""
        self.loaded: dict[str, list[ModelLoaded]] = {}
        """The models in memory, by name. Under one name there may be two, of different files."""
        self._jobs: dict[int | None, _Job] = {}

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
        self.running += 1

    def _released(self, record: Released) -> None:
        if (job := self._jobs.get(record.exchange)) is not None and job.slots:
            job.slots -= 1
            self.running -= 1

    def _finished(self, record: Finished) -> None:
        self.active -= 1
        if (job := self._jobs.pop(record.exchange, None)) is not None:
            self._waits(job, None)
            self.running -= job.slots
            self.lost += job.slots

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
}
"""How a server stands differently after a record, by its kind."""
