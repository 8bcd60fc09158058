"""One simulated server: an engine behind a listener, behaving as it is told.

Rules of this file:

1. A request keeps the behaviour that was in force when its head was read.
2. Every `Asked` gets exactly one `Finished`.

It must not import the fleet or anything above.

Longer than 300 lines because it is the list of what can be done to a server, a few lines each.
"""

import math
import random
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ollama_simulator import records
from ollama_simulator.acts import Door, How
from ollama_simulator.brief import Brief, Gist
from ollama_simulator.clock import Clock
from ollama_simulator.engine.caching.tokens import Words
from ollama_simulator.engine.engine import Engine
from ollama_simulator.engine.registry.measured import measured
from ollama_simulator.engine.scheduler import Scheduler
from ollama_simulator.engine.scripts import Scripts
from ollama_simulator.engine.store import TEST_MODEL, Store
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rule import BadFault
from ollama_simulator.journal import Journal
from ollama_simulator.looking import Looks
from ollama_simulator.model import Model
from ollama_simulator.net.head import Head
from ollama_simulator.net.listener import Listener
from ollama_simulator.net.performed import Performed
from ollama_simulator.net.request import Request
from ollama_simulator.overriding import HEADER, asked_for, refusing
from ollama_simulator.presence import Presence
from ollama_simulator.receiving import NOTHING
from ollama_simulator.rules import NOBODY, Active, Found, Rules
from ollama_simulator.served import Held, Served
from ollama_simulator.settings import KvType, Settings
from ollama_simulator.stand_in import StandIn
from ollama_simulator.wire.codec import Wire

R = TypeVar("R", bound=records.Record)


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
        place: int = 1,
    ) -> None:
        """`number` gives the next exchange number of the fleet; `place` is this server's."""
        self.settings = settings
        self.place = place
        self.scripts = Scripts(settings.scripts)
        self.name = name
        self._rules = Rules(clock, f"{seed}/{name}/rules", self.see)
        self._presence = Presence(self, clock, f"{seed}/{name}/restarts", self._rules)
        self.kv_cache_type: KvType = settings.kv_cache_type
        """How the KV cache is stored. `restart` changes it."""
        self.store = Store(clock, self._models_at_the_start)
        self._clock = clock
        self._seed = seed
        self._journal = journal
        self._number = number
        self._stand_in = StandIn(settings, name, clock.wall_ns)
        self._stood_in_for = settings
        self._random = random.Random(f"{seed}/{name}")
        self._wire = Wire(clock.wall_ns, self._random, settings)
        self._boot()
        self.quick = self
        """Who answers at once."""
        self._running: set[Served] = set()
        self.held: set[Held] = set()
        """Requests that only look, whose answers the kernel has not taken whole."""
        self._tokens = 0
        self._ordinal = 0
        self._decided: dict[int, tuple[int, Handler]] = {}
        """Of requests that were struck before a task was woken for them, by their connections:
        their numbers, and who answers them."""
        self._remembered: dict[object, Any] = {}
        """What faults remember, until another behaviour is set."""

    @property
    def _models_at_the_start(self) -> tuple[Model, ...]:
        return self._models_of(self.settings)

    @staticmethod
    def _models_of(settings: Settings) -> tuple[Model, ...]:
        if settings.installed_models is not None:
            return settings.installed_models
        own = (model for weights in settings.measured for model in measured(weights))
        return (TEST_MODEL, *own)

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
        return len(self._running) + len(self.held)

    @property
    def tokens(self) -> int:
        """Tokens of all answers so far, those in progress included."""
        return self._tokens + sum(served.tokens for served in self._running)

    @property
    def listener(self) -> Listener:
        """Who listens on its port."""
        return self._presence.listener

    @listener.setter
    def listener(self, listener: Listener) -> None:
        self._presence.listener = listener

    def count_from(self, connections: int, requests: int) -> None:
        """Count on from these numbers: another process has had the server until now."""
        self.listener.accepted, self._ordinal = connections, requests

    @property
    def behavior(self) -> Fault:
        """How it behaves."""
        return self._presence.behavior

    async def behave(self, behavior: Fault) -> None:
        """Behave like this from now on, and have no rules; returns when the door stands
        accordingly.

        Raises `Unsupported` if the door can't stand so on this system, and `PortTaken` if
        another program took the port; nothing changes then. While the server is down the door
        stays shut; the behaviour's door comes afterwards.
        """
        await self._presence.behave(behavior)
        self._remembered.clear()

    @property
    def rules(self) -> list[Active]:
        """The rules that it was given, in the order in which they are asked."""
        return list(self._rules.all)

    async def inject(self, active: Active) -> None:
        """Take a rule, behind those that it has; returns when the door stands accordingly.

        Raises as `behave` does; then it has no such rule.
        """
        await self._presence.inject(active)

    async def heal(self, number: int | None = None, why: str = "asked") -> int:
        """End the rule with a number, or all. Returns how many ended."""
        return await self._presence.heal(number, why)

    # --- its process --------------------------------------------------------------------------

    async def restart(
        self, kv_cache_type: KvType | None = None, *, seconds: float | None = None
    ) -> None:
        """End the server's process and start it again, with another type of KV cache if one is
        given. Returns when it is down; it comes back by itself (see `up`).

        It is down for so many `seconds`, or as long as its settings say: connections
        are reset, and from then on refused; what was in memory is lost. Models on disk, scripts
        and the behaviour stay. If it is down already, it starts from the beginning.
        """
        if seconds is not None and not 0 <= seconds < math.inf:
            raise ValueError(f"a server can't be down for {seconds} seconds")
        self.kv_cache_type = kv_cache_type or self.kv_cache_type
        await self._presence.restart(self.settings.downtime if seconds is None else seconds)

    async def change(self, settings: Settings) -> None:
        """Have other settings from now on. Its process restarts with them in no time; models on
        disk and scripts stay, unless the settings say others than before."""
        before, self.settings = self.settings, settings
        self.listener.limits = settings.limits
        self._wire = Wire(self._clock.wall_ns, self._random, settings)
        if self._models_of(before) != self._models_of(settings):
            self.store.replace(self._models_at_the_start)
        if before.scripts != settings.scripts:
            self.scripts.replace(settings.scripts)
        await self.restart(settings.kv_cache_type, seconds=0.0)
        await self._presence.hurry()

    @property
    def down(self) -> bool:
        """Whether its process is not there, because it restarts."""
        return self._presence.down

    async def up(self) -> None:
        """Wait until its process is there."""
        await self._presence.up()

    async def close(self) -> None:
        """Give the port back and end every connection, as a process that ends does."""
        await self._presence.close()
        self._stand_in.close()

    def ended(self) -> None:
        """Lose what was in memory."""
        self._forget("restarted")

    def begun(self) -> None:
        """Have what a process has that was just started, on the machine that it was on."""
        before = self.scheduler
        self._boot()
        self.scheduler.host.speed = before.host.speed
        self.scheduler.pages.inherit(before.pages)

    def _boot(self) -> None:
        if self._stood_in_for is not self.settings:
            self._stand_in.close()
            self._stand_in = StandIn(self.settings, self.name, self._clock.wall_ns)
            self._stood_in_for = self.settings
        settings = msgspec.structs.replace(self.settings, kv_cache_type=self.kv_cache_type)
        self.scheduler = Scheduler(
            self._clock, settings, self._unloaded, f"{self._seed}/{self.name}"
        )
        self.memory = self.scheduler.memory
        self._engine = Engine(
            self.store, self.scheduler, self._clock, self._seed, settings, self.scripts
        )
        self._looks: Looks | None = None
        if self._stand_in.handler is None:
            barred = HEADER.lower() if settings.fault_header else None
            self._looks = Looks(self._engine, self._wire, self._clock, barred, self._gist)

    def _forget(self, why: records.Unloading) -> None:
        """Have nothing in memory any more."""
        for runner in self.memory.runners:
            self._unloaded(runner.model.name, why, self._clock.now())
        self.scheduler.clear()

    def load(self, name: str | None) -> None:
        """Have a model in memory and no other, at once; None for none.

        A name that isn't installed is taken too, as a model of size 0: a real server goes on
        showing a loaded model that was deleted from disk.
        """
        if name is None:
            self.scheduler.empty()
            return
        before = self.memory.runners
        installed = self.store.get(name)
        self.scheduler.load(installed.model if installed else Model(name, 0, "", "", "", ""))
        for runner in self.memory.runners:
            if runner not in before:
                self.see(
                    records.ModelLoaded,
                    model=runner.model.name,
                    seconds=0.0,
                    slots=runner.slots.count,
                    context=runner.context,
                    vram=self.memory.shown(runner).vram,
                )

    async def reset(self) -> None:
        """Return to the state of the start. Running requests go on, but for those whose clients
        are gone: some of them would hang for ever (native specification, 6.7). A server that is
        down comes back; one with another type of KV cache is restarted in no time."""
        if self.kv_cache_type != self.settings.kv_cache_type:
            await self.restart(self.settings.kv_cache_type, seconds=0.0)
        await self.heal(why="reset")
        await self._presence.hurry()
        for served in tuple(self._running):
            if served.request.left is not None:
                served.request.abort()
        for held in tuple(self.held):
            if held.left is not None:
                held.abort()
        self._forget("reset")
        self.scheduler.pages.clear()
        self.store.replace(self._models_at_the_start)
        self.scripts.replace(self.settings.scripts)
        self._stand_in.rewind()
        await self.behave(Normal())

    def cancel(self) -> int:
        """End the running requests at once, by resetting their connections. Returns how many."""
        aborts = [served.request.abort for served in self._running]
        aborts += [held.abort for held in self.held]
        for abort in aborts:
            abort()
        return len(aborts)

    def see(self, kind: type[records.Record], /, **fields: Any) -> None:
        """Record something that happened here, now."""
        fields.setdefault("t", self._clock.now())
        self._journal.add(kind(server=self.name, **fields))

    # --- called by the listener and by exchanges ----------------------------------------------

    def at_once(self, head: Head, connection: int) -> Brief | None:
        """Answer a request that only looks, if nobody bends the answer."""
        if self._looks is None or not self._presence.behavior.paces:
            return None
        gist = self._looks.find(head)
        if gist is None or (self._rules.all and self._struck(head, connection)):
            return None
        self._ordinal += 1
        self._tokens += gist.tokens
        return Brief(self._clock.now(), self._number(), connection, self._ordinal, gist)

    def _struck(self, head: Head, connection: int) -> bool:
        """Whether a rule strikes a request that only looks, or has to read it to know. If it
        strikes it, that is so when `answer` is asked for it next."""
        found = self._rules.found_at_once(head, self._ordinal + 1)
        if found is not None and found is not NOBODY:
            self._ordinal += 1
            self._decided[connection] = self._ordinal, self._bending(found, self._ordinal)
        return found is not NOBODY

    def _gist(self, head: Head, told: Performed) -> Gist:
        return Gist(
            told.data,
            self.name,
            head.method,
            head.target,
            head.headers,
            NOTHING,
            "" if self.settings.keep_bodies else None,
            told.status,
            told.ticks,
            told.body_bytes,
        )

    def taken(self, brief: Brief) -> None:
        """Record a request that was answered at once, and is over."""
        brief.ended = self._clock.now()
        self._journal.add_brief(brief)

    def holds(self, brief: Brief, abort: Callable[[], None]) -> Held:
        """Record a request that was answered at once, whose client is slow to read."""
        for record in brief.begun():
            self._journal.add(record)
        return Held(self, brief, abort)

    def answer(self, request: Request) -> Served:
        """Begin to answer a request."""
        decided = self._decided.pop(request.connection, None)
        if decided is None:
            self._ordinal += 1
            decided = self._ordinal, self._handler(request, self._ordinal)
        ordinal, handler = decided
        see = self._seeing(self._number())
        target, headers = request.recorded or (request.target, tuple(request.headers))
        see(
            records.Asked,
            connection=request.connection,
            method=request.method,
            target=target,
            headers=headers,
            ordinal=ordinal,
        )
        served = Served(self, request, see, handler, f"{self._seed}/{self.name}/{ordinal}")
        self._running.add(served)
        return served

    def _handler(self, request: Request, ordinal: int) -> Handler:
        """Who answers a request, as everything stands now."""
        rules = self._rules.fitting(request)
        if self.settings.fault_header and (words := request.header(HEADER.lower())) is not None:
            try:
                rules = (asked_for(words), *rules)
            except BadFault as bad:
                return refusing(bad)
        return self._bending(self._rules.found(rules, ordinal), ordinal)

    def _bending(self, found: Found, ordinal: int) -> Handler:
        """Who answers through some rules, as the server behaves now."""
        behavior = self.behavior
        return lambda exchange: self._rules.bend(exchange, found, behavior, ordinal)

    def _seeing(self, exchange: int) -> records.See:
        """Who records what happens to a request with this number."""
        name, now, add = self.name, self._clock.now, self._journal.add

        def see(kind: type[records.Record], /, **fields: Any) -> None:
            add(kind(t=now(), server=name, exchange=exchange, **fields))

        return see

    def exchange(self, request: Request, see: records.See, seed: str) -> Exchange:
        """What is known of a request, for the faults and the answer."""
        exchange = Exchange(request, self._engine, self._wire, self._clock, see, seed=seed)
        exchange.stand_in = self._stand_in.handler
        exchange.remembered = self._remembered
        return exchange

    def finished(self, served: Served) -> None:
        """A request is over."""
        self._tokens += served.tokens
        self._running.discard(served)

    def connected(self, number: int, peer: str) -> None:
        """A client connected."""
        self.see(records.Opened, connection=number, peer=peer)

    def disconnected(self, number: int, by: str, how: How) -> None:
        """A connection ended."""
        self._decided.pop(number, None)
        self.see(records.Closed, connection=number, by=by, how=how)

    def failed(self, error: BaseException) -> None:
        """A bug of ours."""
        self.see(records.Failed, error=f"{type(error).__name__}: {error}")

    def _unloaded(self, model: str, why: records.Unloading, when: float) -> None:
        self.see(records.ModelUnloaded, model=model, why=why, t=when)
