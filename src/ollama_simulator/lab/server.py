"""A simulated server that nobody connects to: the engine's scheduler, slots, caches and batch.

Source: engine model, 1.1.

Rules of this file:

1. A request takes the way of a real one through the engine. Only what is said in it is missing:
   its tokens are stretches, and its answer is as long as the workload wants it.
2. A server that is lost or restarted gets another scheduler, as a process that was started anew.

It must not import anything but layer 0, `engine`, `journal` and its own package.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from ollama_simulator import records
from ollama_simulator.clock import NEVER, Clock
from ollama_simulator.engine.lease import Lease, Want
from ollama_simulator.engine.runner import Runner
from ollama_simulator.engine.scheduler import Scheduler
from ollama_simulator.engine.seat import Seat, Visit
from ollama_simulator.engine.store import Store
from ollama_simulator.hardware import HardwareProfile
from ollama_simulator.journal import Journal
from ollama_simulator.lab.request import COMPLETE, FAILED, Request
from ollama_simulator.lab.stretches import Stretches
from ollama_simulator.model import Installed, Model, Refusal
from ollama_simulator.records import See
from ollama_simulator.settings import Settings

RESTART_S = 10.0
"""Seconds that an Ollama takes to come up again with another type of KV cache (seed facts, "Version
1.0.4": 5 to 15)."""


class Counts(msgspec.Struct):
    """What a server did beside answering."""

    loads: int = 0
    evictions: int = 0
    reloads: int = 0
    wasted_tokens: int = 0
    wasted_prompt: int = 0


class Server:
    """One server."""

    def __init__(
        self,
        number: int,
        clock: Clock,
        settings: Settings,
        models: Sequence[Model],
        seed: int,
        journal: Journal | None,
    ) -> None:
        self.name = f"s{number + 1}"
        self.settings = settings
        self.store = Store(clock, models)
        self.counts = Counts()
        self.up = True
        self.busy_s = 0.0
        """Seconds that it had something to do, until it last had nothing."""
        self._clock = clock
        self._seed = f"{seed}/{self.name}"
        self._journal = journal
        self._running: set[Request] = set()
        self._installed: dict[str, Installed] = {}
        self._since = 0.0
        self._starts = 0
        self._ready_at = 0.0
        self.start()

    def start(self) -> None:
        """Start the process, with nothing in memory."""
        self._starts += 1
        seed = f"{self._seed}/{self._starts}"
        self.scheduler = Scheduler(self._clock, self.settings, self._unloaded, seed)

    def load(self, model: str) -> None:
        """Have a model in memory, at once, as if it had been used before."""
        self.scheduler.load(self.store.find(model).model)

    def _find(self, model: str) -> Installed:
        found = self._installed[model] = self.store.find(model)
        return found

    # --- one request --------------------------------------------------------------------------

    async def serve(self, request: Request) -> None:
        """Answer a request. What becomes of it is written on it.

        Raises `Refusal`, as the engine does. Whoever gives up cancels.
        """
        if not self.up:
            raise Refusal(502, "connection refused")
        if not self._running:
            self._since = self._clock.now()
        self._running.add(request)
        see: See = self._count if self._journal is None else _Witness(self, request.number)
        try:
            await self._serve(request, see)
        finally:
            if request in self._running:
                self._running.remove(request)
                if not self._running:
                    self.busy_s += self._clock.now() - self._since
            if self._journal is not None:
                tokens, status = request.made, 200 if request.made else None
                outcome = "complete" if request.outcome == COMPLETE else "left"
                see(records.Finished, outcome=outcome, status=status, tokens=tokens, body_bytes=0)

    async def _serve(self, request: Request, see: See) -> None:
        clock, gone = self._clock, NEVER
        await clock.sleep_until(self._ready_at)
        came = clock.now()
        installed = self._installed.get(request.model) or self._find(request.model)
        options = {} if request.num_ctx is None else {"num_ctx": request.num_ctx}
        async with self.scheduler.lease(installed, Want(options, heard=True), gone, see) as lease:
            await lease.greet(gone)
            prompt = request.asked.fitting(lease.runner.context)
            await lease.render(prompt.size, gone)
            tokens = request.answered
            visit = Visit(prompt.size, prompt, total=tokens)
            async with lease.seat(visit, gone, see) as seat:
                try:
                    await self._answer(request, lease, seat, prompt, came, see)
                finally:
                    # The last token of an answer was never read.
                    seat.keep(request.asked.answer.first(max(request.made - 1, 0)))

    async def _answer(
        self,
        request: Request,
        lease: Lease,
        seat: Seat,
        prompt: Stretches,
        came: float,
        see: See,
    ) -> None:
        clock, tokens = self._clock, request.answered
        began = clock.now()
        request.cached = seat.cached
        pace = None if math.isinf(lease.profile.pace.decode_tps) else lease.profile.pace
        read = began + (prompt.size - seat.cached) / pace.prefill_tps if pace else began
        step = 1 / pace.decode_tps if pace else 0.0
        if pace or self._journal is not None or request.alarm is not None:
            # Somebody wants to know when the first token comes.
            await seat.made(1)
            if pace:
                await clock.sleep_until(read + step)
            request.begins(clock.now())
            # The iteration that reads the last of a prompt yields the first token.
            seconds = (read if pace else request.first_at) - began
            see(records.Evaluated, prompt=prompt.size, cached=seat.cached, seconds=seconds)
            see(records.FirstToken, model=request.model, seconds=request.first_at - came)
        await seat.made(tokens)
        if pace:
            await clock.sleep_until(read + step * tokens)
        else:
            request.first_at = seat.first_at
        request.ends(clock.now(), tokens)
        seconds = request.last_at - request.first_at
        see(records.Generated, model=request.model, tokens=tokens, seconds=seconds)
        seat.end(tokens)

    # --- what happens to a server -------------------------------------------------------------

    def lose(self) -> None:
        """The machine goes down; what runs on it ends with an error."""
        self.up = False
        lost, self._running = self._running, set()
        if lost:
            self.busy_s += self._clock.now() - self._since
        for request in sorted(lost, key=lambda request: request.number):
            request.cut(FAILED)

    def come_back(self) -> None:
        """It is up again, with nothing in memory."""
        self.up = True
        self.start()

    def slow(self, factor: float) -> None:
        """Go so many times as fast as the settings say."""
        self.scheduler.host.speed = self.settings.speed * factor

    def switch(self, kv_cache: str) -> None:
        """Restart with another type of KV cache; who comes meanwhile waits."""
        kind: Any = "q8_0" if kv_cache == "q8_0" else "f16"
        self.settings = msgspec.structs.replace(self.settings, kv_cache_type=kind)
        self._ready_at = self._clock.now() + RESTART_S
        self.start()

    def runner(self, model: str) -> Runner | None:
        """The runner of a model, if it is in memory."""
        installed = self._installed.get(model) or self._find(model)
        return self.scheduler.memory.get(installed.model.weight_file)

    # --- what is recorded ---------------------------------------------------------------------

    def _count(self, kind: type[records.Record], /, **fields: Any) -> None:
        """Take note of what is counted."""
        if kind is records.Released:
            self.counts.wasted_tokens += fields["wasted_tokens"]
            self.counts.wasted_prompt += fields["wasted_prompt"]
        elif kind is records.ModelLoaded:
            self.counts.loads += 1

    def _unloaded(self, model: str, why: records.Unloading, when: float) -> None:
        self.counts.evictions += why == "replaced"
        self.counts.reloads += why == "reloaded"
        if self._journal is not None:
            gone = records.ModelUnloaded(t=when, server=self.name, model=model, why=why)
            self._journal.add(gone)

    def record(self, kind: type[records.Record], number: int, fields: dict[str, Any]) -> None:
        """Count, and write down."""
        self._count(kind, **fields)
        assert self._journal is not None
        self._journal.add(kind(t=self._clock.now(), server=self.name, exchange=number, **fields))


class _Witness:
    """Tells the journal what happens to one request."""

    __slots__ = ("number", "server")

    def __init__(self, server: Server, number: int) -> None:
        self.server = server
        self.number = number

    def __call__(self, kind: type[records.Record], /, **fields: Any) -> None:
        self.server.record(kind, self.number, fields)


def model_of(profile: HardwareProfile, name: str = "") -> Model:
    """The model that a profile is for; a test model where it names none."""
    weights = profile.model
    name = name or weights.name or "test-model:latest"
    return Model(
        name=name,
        size=weights.size or 4_000_000_000,
        digest=hashlib.sha256(name.encode()).hexdigest(),
        family=weights.family or "test",
        parameter_size=weights.parameter_size or "7B",
        quantization_level=weights.quantization_level or "Q4_K_M",
        context_length=weights.context_length,
        kv_bytes_per_token=weights.kv_bytes_per_token,
    )
