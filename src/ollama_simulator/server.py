"""One simulated server: an engine behind a listener, behaving as it is told.

Rules of this file:

1. A request keeps the behaviour that was in force when its head was read.
2. Every `Asked` gets exactly one `Finished`.

It must not import the fleet or anything above.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, TypeVar

from ollama_simulator import records
from ollama_simulator.acts import Door, How, Reply
from ollama_simulator.clock import Clock
from ollama_simulator.engine.caching.tokens import Words
from ollama_simulator.engine.engine import Engine
from ollama_simulator.engine.registry.measured import measured
from ollama_simulator.engine.scheduler import Scheduler
from ollama_simulator.engine.scripts import Scripts
from ollama_simulator.engine.store import TEST_MODEL, Store
from ollama_simulator.exchange import Exchange
from ollama_simulator.faults.fault import Fault, bend
from ollama_simulator.faults.pace import Normal
from ollama_simulator.journal import Journal
from ollama_simulator.model import Model
from ollama_simulator.net import kernel
from ollama_simulator.net.listener import Listener
from ollama_simulator.net.perform import Performer
from ollama_simulator.net.request import Request
from ollama_simulator.settings import Settings
from ollama_simulator.wire.codec import Wire

R = TypeVar("R", bound=records.Record)


class Unsupported(Exception):
    """This operating system can't do it. The text says what."""


class SimServer:
    """A simulated Ollama server. Made by the fleet, which gives it a listener."""

    def __init__(
        self,
        name: str,
        *,
        clock: Clock,
        seed: int,
        journal: Journal,
        number: Callable[[], int],
        settings: Settings,
    ) -> None:
        """`number` gives the next exchange number of the fleet."""
        self.settings = settings
        self.scripts = Scripts(settings.scripts)
        self.name = name
        self.behavior: Fault = Normal()
        self.listener: Listener
        self.store = Store(clock, self._models_at_the_start)
        self.scheduler = Scheduler(clock, settings, self._unloaded, f"{seed}/{name}")
        self.memory = self.scheduler.memory
        self._clock = clock
        self._journal = journal
        self._number = number
        self._engine = Engine(self.store, self.scheduler, clock, seed, settings, self.scripts)
        self._wire = Wire(clock.wall_ns, random.Random(f"{seed}/{name}"), settings)
        self._running: set[_Served] = set()
        self._ordinal = 0
        self._moving = asyncio.Lock()
        """Held while a behaviour is set: two at once leave the door to the later one."""

    @property
    def _models_at_the_start(self) -> tuple[Model, ...]:
        given = self.settings.installed_models
        own = measured(self.settings.hardware.model)
        return (TEST_MODEL, *own) if given is None else given

    @property
    def loaded_model(self) -> str | None:
        """The name of the model that was used last, if it is in memory."""
        model = self.scheduler.loaded()
        return model.name if model is not None else None

    @property
    def cached_tokens(self) -> list[str]:
        """The tokens in the slot that was used last by a job that uses the KV cache; none if its
        model has left memory."""
        remembered = self.memory.remembered
        return list(remembered.words) if isinstance(remembered, Words) else []

    @property
    def accepting(self) -> bool:
        """Whether a client can connect and be read."""
        return self.listener.door is Door.OPEN

    @property
    def active(self) -> int:
        """Requests in progress."""
        return len(self._running)

    async def behave(self, behavior: Fault) -> None:
        """Behave like this from now on; returns when the door stands accordingly.

        Raises `Unsupported` if the door can't stand so on this system, and `PortTaken` if
        another program took the port; nothing changes then.
        """
        if behavior.door is Door.DEAF and not kernel.CAN_BE_DEAF:
            raise Unsupported(f"{type(behavior).__name__} works on Linux only")
        async with self._moving:
            before, self.behavior = self.behavior, behavior
            try:
                # The behaviour comes first: whoever comes through the open door meets it.
                if self.listener.door is not behavior.door:
                    await self.listener.move(behavior.door)
                    self.see(records.DoorMoved, door=behavior.door)
            except Exception:
                self.behavior = before
                raise
            self.see(records.Behaved, behavior=type(behavior).__name__)

    def load(self, name: str | None) -> None:
        """Have a model in memory and no other, at once; None for none.

        A name that isn't installed is taken too, as a model of size 0: a real server goes on
        showing a loaded model that was deleted from disk.
        """
        if name is None:
            self.scheduler.empty()
            return
        installed = self.store.get(name)
        self.scheduler.load(installed.model if installed else Model(name, 0, "", "", "", ""))

    async def reset(self) -> None:
        """Return to the state of the start. Running requests go on, but for those whose clients
        are gone: some of them would hang for ever (native specification, 6.7)."""
        for served in tuple(self._running):
            if served.request.left is not None:
                served.request.abort()
        self.store.replace(self._models_at_the_start)
        self.scripts.replace(self.settings.scripts)
        self.scheduler.clear()
        self.scheduler.pages.clear()
        await self.behave(Normal())

    def cancel(self) -> int:
        """End the running requests at once, by resetting their connections. Returns how many."""
        running = tuple(self._running)
        for served in running:
            served.request.abort()
        return len(running)

    def see(self, kind: type[records.Record], /, **fields: Any) -> None:
        """Record something that happened here, now."""
        fields.setdefault("t", self._clock.now())
        self._journal.add(kind(server=self.name, **fields))

    # --- called by the listener and by exchanges ----------------------------------------------

    def answer(self, request: Request) -> "_Served":
        """Begin to answer a request."""
        self._ordinal += 1
        number = self._number()
        self.see(
            records.Asked,
            exchange=number,
            connection=request.connection,
            method=request.method,
            target=request.target,
            ordinal=self._ordinal,
        )
        served = _Served(self, request, number, self.behavior)
        self._running.add(served)
        return served

    def exchange(self, request: Request, see: Callable[..., None]) -> Exchange:
        """What is known of a request, for the faults and the answer."""
        return Exchange(request, self._engine, self._wire, self._clock, see)

    def finished(self, served: "_Served") -> None:
        """A request is over."""
        self._running.discard(served)

    def connected(self, number: int, peer: str) -> None:
        """A client connected."""
        self.see(records.Opened, connection=number, peer=peer)

    def disconnected(self, number: int, by: str, how: How) -> None:
        """A connection ended."""
        self.see(records.Closed, connection=number, by=by, how=how)

    def failed(self, error: BaseException) -> None:
        """A bug of ours."""
        self.see(records.Failed, error=f"{type(error).__name__}: {error}")

    def _unloaded(self, model: str, why: str, when: float) -> None:
        self.see(records.ModelUnloaded, model=model, why=why, t=when)


class _Served:
    """One request being answered: what the listener's connection holds of it."""

    def __init__(self, server: SimServer, request: Request, number: int, behavior: Fault) -> None:
        self.request = request
        self.number = number
        self._server = server
        self._behavior = behavior
        self._exchange: Exchange | None = None
        self._performer: Performer | None = None
        request.gone.wakes(self._left)

    def reply(self, performer: Performer) -> Reply:
        """The answer, bent by the behaviour."""
        self._performer = performer
        exchange = self._exchange = self._server.exchange(self.request, self._see)
        return bend(exchange, self._behavior)

    async def finish(self, outcome: str) -> None:
        """Close what is open and record the end."""
        if self._exchange is not None:
            await self._exchange.close()
        performer = self._performer
        self._see(
            records.Finished,
            outcome="left" if self._exchange is not None and self._exchange.abandoned else outcome,
            status=performer.status if performer else None,
            tokens=performer.ticks if performer else 0,
            body_bytes=performer.body_bytes if performer else 0,
        )
        self._server.finished(self)

    def failed(self, error: BaseException) -> None:
        """Record a bug of ours."""
        self._see(records.Failed, error=f"{type(error).__name__}: {error}")

    def _left(self) -> None:
        if self.request.left is not None:
            tokens = self._performer.ticks if self._performer else 0
            self._see(records.Left, how=self.request.left, tokens=tokens)

    def _see(self, kind: type[records.Record], /, **fields: Any) -> None:
        self._server.see(kind, exchange=self.number, **fields)
