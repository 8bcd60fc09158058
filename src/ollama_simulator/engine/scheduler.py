"""Who may use which model when: the way of a request to a loaded runner.

Source: native specification, section 6.

Rules of this file:

1. A request for a loaded model that serves it as it is goes straight there. All others go
   through the load queue, which works on one at a time.
2. Whatever happens ends in `_settle`, which takes the queue as far as it can go. It never waits:
   a load is waited for by the request that began it, an eviction by nobody.
3. Whatever way a request ends, what it held is free afterwards.

It must not import anything but layer 0 and its own package.
"""

import asyncio
import math

from ollama_simulator import records
from ollama_simulator.clock import Clock, Handle, Interrupt, finish
from ollama_simulator.engine.eviction import victim
from ollama_simulator.engine.host import Host
from ollama_simulator.engine.lease import Holding, Lease, Want
from ollama_simulator.engine.loader import Loader
from ollama_simulator.engine.loading import out_of_memory
from ollama_simulator.engine.memory import Memory, Unloaded
from ollama_simulator.engine.queue import Entry, LoadQueue
from ollama_simulator.engine.runner import Runner
from ollama_simulator.engine.shape import Shapes, shape, smaller
from ollama_simulator.model import Installed, Loaded, Model, Refusal
from ollama_simulator.records import See
from ollama_simulator.settings import Settings

MODELS = 3
"""How many models are in memory at most for each GPU, unless the settings say otherwise (6.1)."""


class Scheduler:
    """The scheduler of one server."""

    def __init__(
        self, clock: Clock, settings: Settings, unloaded: Unloaded, seed: str = ""
    ) -> None:
        """`seed` decides how irregular the machine's iterations are."""
        self.host = Host(clock, settings, seed)
        self.memory = Memory(clock, settings, unloaded, self.host)
        self._clock = clock
        self._settings = settings
        self._shapes = Shapes(settings)
        self._queue = LoadQueue(settings.max_queue)
        self._loader = Loader(clock, settings, self.memory)
        self.pages = self._loader.pages
        """What of the weight files is in the host's page cache."""
        self._loading = False
        """Whether the queue's current request loads."""
        self._blocked: int | None = None
        """Else, whether it waits until more runners than so many have left memory."""
        self._vacated: asyncio.Future[bool] | None = None
        """For the load in progress: done when all runners have left memory."""
        self._alarm: Handle | None = None
        self._locked_out: list[asyncio.Future[bool]] = []
        """Those who wait for the load in progress without being in the queue."""

    @property
    def busy(self) -> bool:
        """Whether a request uses a model, or waits for one."""
        using = any(runner.users for runner in self.memory.runners)
        return using or self._queue.current is not None

    # --- requests -----------------------------------------------------------------------------

    def lease(self, installed: Installed, want: Want, gone: Interrupt, see: See) -> Holding[Lease]:
        """Use a runner of a model, loading it if need be.

        Raises `Refusal` if the load queue is full or the load fails, and `Abandoned` if the
        client leaves while its load runs. Who leaves before its load began waits for ever.
        """
        return Holding(self._begin(installed, want, gone, see), self._end)

    async def _begin(self, installed: Installed, want: Want, gone: Interrupt, see: See) -> Lease:
        started = self._clock.now()
        # That a client shut its sending side down right behind its request is heard by then:
        # what came while the request was read is reported in the next turn of the event loop,
        # behind what waits for that turn.
        for _ in range(0 if want.heard else 2):
            await self._clock.breathe()
        model = installed.model
        wanted = self._shapes.wanted(model, want.options, want.shift)
        await self._unlocked(model, see)
        runner = self.memory.get(model.weight_file)
        if runner is not None and runner.serves(wanted) and not gone.fired:
            self.memory.use(runner, want.keep_alive)
        else:
            entry = Entry(model, wanted, want.keep_alive, gone)
            runner = await self._queued(entry, want, gone, see)
        runner.called = model
        return Lease(runner, model.name, self._clock.now() - started, self.host)

    def _end(self, lease: Lease, error: BaseException | None) -> None:
        if isinstance(error, Refusal) and self._short_of_memory(error):
            self._condemn_all()
        self.memory.release(lease.runner)
        self._settle()

    async def _unlocked(self, model: Model, see: See) -> None:
        """Wait while the old server loads this model: its runner is locked, and in no queue is
        who wants it. Whether the client is still there is looked at when the load has ended."""
        loading = self._queue.current if self._loading else None
        if self._settings.wire != "0.13.5" or loading is None:
            return
        if loading.model.weight_file == model.weight_file:
            lock: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            ahead = 1 + sum(not other.done() for other in self._locked_out)
            self._locked_out.append(lock)
            see(records.Queued, ahead=ahead, waits_for="load")
            await lock

    async def _queued(self, entry: Entry, want: Want, gone: Interrupt, see: See) -> Runner:
        ahead = self._queue.ahead
        self._queue.join(entry)
        self._settle()
        if ahead:
            see(records.Queued, ahead=ahead, waits_for="load")
        if (runner := await self._turn(entry)) is not None:
            return runner
        try:
            try:
                return await self._loader.load(entry, want, gone, see)
            except Refusal as refusal:
                less = smaller(entry.shape, entry.model, self._settings)
                room = less is not None or self.memory.runners
                if not self._short_of_memory(refusal) or not room:
                    raise
            entry.shape = less or entry.shape
            await self._vacate(entry)
            return await self._loader.load(entry, want, gone, see)
        finally:
            self._loaded()

    async def _turn(self, entry: Entry) -> Runner | None:
        """Wait for a runner that serves, or for None: it has to be loaded."""
        try:
            return await entry.turn
        except asyncio.CancelledError:
            # The turn may have come in the very instant of the cancellation.
            if not entry.turn.cancelled():
                if (granted := entry.turn.result()) is not None:
                    self.memory.release(granted)
                    self._settle()
                else:
                    self._loaded()
            raise

    # --- out of memory -------------------------------------------------------------------------

    def _short_of_memory(self, refusal: Refusal) -> bool:
        """Whether a failure makes room; the old server does not do that."""
        return self._settings.wire != "0.13.5" and out_of_memory(refusal.message)

    def _condemn_all(self) -> None:
        for runner in self.memory.runners:
            self.memory.condemn(runner, "replaced")

    async def _vacate(self, entry: Entry) -> None:
        """Have all runners leave, and wait until they have."""
        entry.victims = set(self.memory.runners)
        self._condemn_all()
        self._vacated = vacated = asyncio.get_running_loop().create_future()
        self._settle()
        await vacated

    # --- the load queue -----------------------------------------------------------------------

    def _settle(self) -> None:
        """Take the load queue as far as it can go now."""
        self.memory.expire()
        if self._vacated is not None and not self.memory.runners:
            finish(self._vacated, True)
            self._vacated = None
        while not self._loading and self._blocked != self.memory.departures:
            self._blocked = None
            entry = self._queue.current or self._queue.advance()
            if entry is None:
                break
            self._work(entry)
        self._watch()

    def _work(self, entry: Entry) -> None:
        """Do what a request needs next."""
        runner = self.memory.get(entry.model.weight_file)
        if runner is not None and runner.serves(entry.shape):
            if not entry.turn.done():
                self.memory.use(runner, entry.keep_alive)
                entry.turn.set_result(runner)
            self._queue.current = None
        elif runner is not None:
            self._evict(entry, runner, "crashed" if runner.crashed else "reloaded")
        elif len(runners := self.memory.runners) >= self._most or not self._fits(entry):
            self._evict(entry, victim(runners), "replaced")
        elif entry.turn.done():
            self._queue.current = None
        else:
            self._loading = True
            entry.turn.set_result(None)

    def _fits(self, entry: Entry) -> bool:
        return self.memory.fits(entry.model, entry.shape)

    def _evict(self, entry: Entry, runner: Runner, why: records.Unloading) -> None:
        """Have a runner leave. It is marked only once: a request may overrule that (6.5)."""
        entry.victims.add(runner)
        if runner.users:
            self._blocked = self.memory.departures
        self.memory.condemn(runner, why)

    def _loaded(self) -> None:
        """The load is over, one way or another."""
        self._loading = False
        self._queue.current = None
        # Who came before the load began is in the queue, and so before those who came since.
        self._settle()
        locked_out, self._locked_out = self._locked_out, []
        for lock in locked_out:
            finish(lock, True)

    def _watch(self) -> None:
        """Look again when a runner expires, if somebody waits for that."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._blocked is None and self._vacated is None:
            return
        if (when := self.memory.next_expiry) < math.inf:
            self._alarm = self._clock.alarm(when, self._settle)

    # --- what others may see and do -----------------------------------------------------------

    @property
    def _most(self) -> int:
        """How many models may be in memory."""
        most, gpus = self._settings.max_loaded_models, self._settings.hardware.memory.gpus
        return most if most > 0 else MODELS * max(gpus, 1)

    def unload(self, installed: Installed) -> None:
        """Have a model go, on a client's wish: now if it is idle, else after its requests."""
        runner = self.memory.get(installed.model.weight_file)
        if runner is not None:
            self.memory.dismiss(runner)
            self._settle()

    def listed(self) -> tuple[Loaded, ...]:
        """What `/api/ps` shows, the latest to expire first."""
        shown = self.memory.listed()
        if self._loader.coming is not None and self._settings.wire == "0.13.5":
            shown.append(self.memory.shown(self._loader.coming))
        return tuple(sorted(shown, key=lambda entry: -((entry.expires_ns or 0) // 10**9)))

    def loaded(self) -> Model | None:
        """The model that was used last, by the name that was used, if it is still in memory."""
        latest = self.memory.latest
        return latest.called if latest is not None else None

    def load(self, model: Model) -> None:
        """Have this model in memory and no other one, at once, by the hand of the user."""
        here = self.memory.get(model.weight_file)
        if here is not None and here.model.name != model.name:
            here = None
        for runner in self.memory.runners:
            if runner is not here:
                self.memory.drop(runner, "replaced", self._clock.now())
        if here is None:
            wanted = shape(model, {}, None, self._settings)
            here = self.memory.planned(model, wanted, self._loader.keep_alive)
            self.pages.read(here.key, model.size)
            self.memory.add(here)
        here.called = model
        self.memory.use(here, None)
        self.memory.release(here)
        self._settle()

    def empty(self) -> None:
        """Have no model in memory, at once, by the hand of the user."""
        for runner in self.memory.runners:
            self.memory.drop(runner, "asked", self._clock.now())
        self._settle()

    def clear(self) -> None:
        """Forget every model without a word: the state of a server that was just started."""
        self.memory.clear()
        self._settle()
