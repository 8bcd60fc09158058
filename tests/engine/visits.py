"""Visits to a scheduler: requests that lease a runner, use a slot for a while, and go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ollama_simulator.clock import Interrupt, VirtualClock
from ollama_simulator.engine.lease import Want
from ollama_simulator.engine.runner import Runner
from ollama_simulator.engine.scheduler import Scheduler
from ollama_simulator.engine.seat import Visit as Seated
from ollama_simulator.model import Installed, Model, Refusal
from ollama_simulator.records import ModelLoaded, ModelUnloaded, Queued, Record
from ollama_simulator.settings import Settings
from tests.engine.driving import virtual

T = TypeVar("T")
R = TypeVar("R", bound=Record)


def named(name: str, **fields: Any) -> Model:
    """A model whose weights are called like itself."""
    return Model(name, 1_000, name, "llama", "1B", "Q4", **fields)


A, B, C, D = (named(name) for name in "abcd")


class Visit:
    """One request, and what became of it."""

    def __init__(self, task: asyncio.Task[None], gone: Interrupt) -> None:
        self.task = task
        self.gone = gone
        self.runner: Runner | None = None
        self.load_s: float | None = None
        self.leased: float | None = None
        self.began: float | None = None
        """When it got a slot."""
        self.ended: float | None = None
        self.refusal: Refusal | None = None
        self.when_leased: Callable[[], None] | None = None

    @property
    def read(self) -> tuple[int, str] | None:
        """What it was refused with."""
        return (self.refusal.status, self.refusal.message) if self.refusal else None


class Office:
    """A scheduler under the virtual clock. Times are absolute."""

    def __init__(self, clock: VirtualClock, **settings: Any) -> None:
        self.clock = clock
        self.seen: list[Record] = []
        self.scheduler = Scheduler(clock, Settings(**settings), self._unloaded)
        self.visits: list[Visit] = []

    def saw(self, kind: type[R]) -> list[R]:
        """The records of a kind."""
        return [record for record in self.seen if isinstance(record, kind)]

    @property
    def loads(self) -> list[tuple[float, str]]:
        """When a load was over, and of what."""
        return [(record.t, record.model) for record in self.saw(ModelLoaded)]

    @property
    def unloads(self) -> list[tuple[float, str, str]]:
        """When a model left, which, and why."""
        return [(record.t, record.model, record.why) for record in self.saw(ModelUnloaded)]

    @property
    def waits(self) -> list[tuple[str, int]]:
        """What was waited for, and behind how many."""
        return [(record.waits_for, record.ahead) for record in self.saw(Queued)]

    @property
    def names(self) -> list[str]:
        """What `/api/ps` lists, in its order."""
        return [entry.model.name for entry in self.scheduler.listed()]

    async def at(self, when: float) -> None:
        """Wait for a moment."""
        await self.clock.sleep_until(when)
        for _ in range(5):
            await asyncio.sleep(0)

    async def visit(
        self,
        model: Model = A,
        seconds: float = 1.0,
        *,
        slot: bool = True,
        left: bool = False,
        **want: Any,
    ) -> Visit:
        """Send a request that holds a slot for some seconds. Returns when it was scheduled.

        `left`: its client shuts its sending side down right behind it.
        """
        gone = Interrupt()
        made: list[Visit] = []

        async def go() -> None:
            if left:
                loop = asyncio.get_running_loop()
                loop.call_soon(lambda: loop.call_soon(gone.fire))
            await self._serve(made[0], model, seconds, slot, Want(**want))

        made.append(Visit(asyncio.create_task(go()), gone))
        self.visits.append(made[0])
        for _ in range(5):
            await asyncio.sleep(0)
        return made[0]

    async def over(self, *visits: Visit) -> None:
        """Wait until these are over, or all."""
        await asyncio.wait([visit.task for visit in visits or self.visits])

    async def _serve(
        self, visit: Visit, model: Model, seconds: float, slot: bool, want: Want
    ) -> None:
        installed = Installed(model, 0)
        try:
            async with self.scheduler.lease(installed, want, visit.gone, self.see) as lease:
                visit.runner, visit.load_s = lease.runner, lease.load_s
                visit.leased = self.clock.now()
                if visit.when_leased is not None:
                    visit.when_leased()
                if slot:
                    async with lease.seat(Seated(0), visit.gone, self.see):
                        visit.began = self.clock.now()
                        await self.clock.sleep_until(self.clock.now() + seconds, visit.gone)
        except Refusal as refusal:
            visit.refusal = refusal
        finally:
            visit.ended = self.clock.now()

    def see(self, kind: type[Record], /, **fields: Any) -> None:
        self.seen.append(kind(**{"t": self.clock.now(), "server": "s1", **fields}))

    def _unloaded(self, model: str, why: str, when: float) -> None:
        self.see(ModelUnloaded, model=model, why=why, t=when)


Kind = TypeVar("Kind", bound=Office)


def office(main: Callable[[Office], Coroutine[Any, Any, T]], **settings: Any) -> T:
    """Run something in an office of its own; those who still wait at the end are cancelled."""
    return run_in(Office, main, **settings)


def run_in(kind: type[Kind], main: Callable[[Kind], Coroutine[Any, Any, T]], **settings: Any) -> T:
    """The same in another kind of office."""

    async def run(clock: VirtualClock) -> T:
        here = kind(clock, **settings)
        try:
            return await main(here)
        finally:
            for visit in here.visits:
                visit.task.cancel()
            await asyncio.gather(*(visit.task for visit in here.visits), return_exceptions=True)

    return virtual(run)
