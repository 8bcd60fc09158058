"""What the jobs of one server work on, and how fast they may.

Rules of this file:

1. A job's function gets the machine, the job and a `Call`, and says events.
2. Whatever way a job ends, what it held is free afterwards.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import msgspec

from ollama_simulator import records
from ollama_simulator.clock import Clock, Interrupt
from ollama_simulator.engine.memory import Memory
from ollama_simulator.engine.queue import Interrupted, Slot
from ollama_simulator.engine.scripts import Scripts
from ollama_simulator.engine.store import Store
from ollama_simulator.model import Abandoned, Embed, Infer, Installed, Origin
from ollama_simulator.settings import Settings


class Pace(msgspec.Struct, frozen=True):
    """How fast a server works: the seed's rates unless a behaviour says otherwise."""

    decode_tps: float = 65.0
    """Tokens generated in a second."""
    prefill_tps: float = 2900.0
    """Uncached tokens of a prompt evaluated in a second."""
    tokens: int = 20
    """Length of an answer that the request does not limit."""
    load_s: float = 0.0
    """Seconds to load a model that is not in memory."""


DEFAULT_PACE = Pace()


class See(Protocol):
    """Takes what happened to one job."""

    def __call__(self, kind: type[records.Record], /, **fields: Any) -> None:
        """Record it, with the time, the server and the exchange filled in."""


class Call(msgspec.Struct, frozen=True):
    """What surrounds one job."""

    pace: Pace
    gone: Interrupt
    """Fires when the client leaves."""
    see: See


class Machine:
    """The parts behind one server."""

    def __init__(
        self,
        store: Store,
        memory: Memory,
        clock: Clock,
        seed: int,
        settings: Settings | None = None,
        scripts: Scripts | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.scripts = scripts or Scripts()
        self.store = store
        self.memory = memory
        self.clock = clock
        self.seed = seed
        self.slot = Slot()

    @property
    def busy(self) -> bool:
        """Whether a job holds the slot."""
        return self.slot.busy

    @asynccontextmanager
    async def turn(
        self, job: Infer | Embed, installed: Installed, call: Call
    ) -> AsyncIterator[tuple[int, float]]:
        """Hold the slot with the job's model in memory.

        Gives the number of the model's stay in memory, and the seconds that its load took.

        What a client reads that left meanwhile is section 6.7 of the native specification.
        """
        asked = self.clock.now()
        if ahead := self.slot.ahead:
            call.see(records.Queued, ahead=ahead)
        try:
            async with self.slot.held(call.gone):
                admitted = self.clock.now()
                call.see(records.Admitted, model=installed.model.name, waited=admitted - asked)
                # Whoever waited got the slot from hand to hand: the model was never idle.
                if not self.memory.holds(installed.model, busy=ahead > 0):
                    self.memory.make_room()
                    load_s = call.pace.load_s
                    if not await self.clock.sleep_until(admitted + load_s, call.gone):
                        raise Abandoned(499, "request canceled", Origin.HANDLER)
                    call.see(records.ModelLoaded, model=installed.model.name, seconds=load_s)
                stay = self.memory.load(installed.model, job.keep_alive)
                try:
                    yield stay, self.clock.now() - admitted
                finally:
                    self.memory.used(stay, last=not self.slot.waiting)
        except Interrupted:
            raise Abandoned(500, "context canceled", Origin.RUNNER) from None
