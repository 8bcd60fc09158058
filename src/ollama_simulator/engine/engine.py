"""One simulated machine: jobs in, events out, at the right times.

Rules of this file:

1. It tells time by its clock only, and its deadlines are absolute: token k is due k / rate
   after the prompt was evaluated, however late token k-1 was.
2. One inference at a time, first come first served, without a byte for who waits.
3. Whatever way a job ends, its slot is free afterwards, and the cache holds what was really
   evaluated and generated (seed facts, "KV cache and tokens").

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import msgspec

from ollama_simulator import records
from ollama_simulator.clock import Clock, Interrupt
from ollama_simulator.engine import options
from ollama_simulator.engine.memory import Memory
from ollama_simulator.engine.queue import Interrupted, Slot
from ollama_simulator.engine.scripts import Scripts
from ollama_simulator.engine.store import Store
from ollama_simulator.engine.text import pieces, prompt_tokens, tokenize
from ollama_simulator.engine.vectors import embed
from ollama_simulator.model import (
    Abandoned,
    Answer,
    Done,
    Embed,
    Embeddings,
    Event,
    Infer,
    Installed,
    Job,
    ListLoaded,
    ListModels,
    Message,
    Nothing,
    Origin,
    Show,
    Token,
    Usage,
)
from ollama_simulator.names import canonical
from ollama_simulator.settings import Settings

STALL_S = 0.25
"""A job whose reader takes longer than this for a token goes on from then, at its pace, instead of
catching up in a burst. Our own lateness is another matter: it is caught up, so nothing drifts."""
BREATH = 64
"""Tokens after which others have their turn, even if the next ones are due already."""


_CANCELED = "error reading llama-server response: context canceled"


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


class Engine:
    """The machine behind one server."""

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
        self._clock = clock
        self._seed = seed
        self._slot = Slot()

    @property
    def busy(self) -> bool:
        """Whether a job holds the slot."""
        return self._slot.busy

    def run(self, job: Job, pace: Pace, gone: Interrupt, see: See) -> AsyncGenerator[Event, None]:
        """Do a job. Raises `ModelMissing`, or `Abandoned` when `gone` fires.

        What the job holds is free when the generator is closed.
        """
        if isinstance(job, Infer):
            return self._infer(job, pace, gone, see)
        return self._answer(job, pace, gone, see)

    async def _answer(
        self, job: Job, pace: Pace, gone: Interrupt, see: See
    ) -> AsyncGenerator[Event, None]:
        match job:
            case Embed():
                yield Answer(await self._embed(job, pace, gone, see))
            case Show():
                yield Answer(self.store.find(job.model))
            case ListModels():
                yield Answer(self.store.newest_first())
            case ListLoaded():
                yield Answer(self.memory.listed(busy=self._slot.busy))
            case Nothing():
                yield Answer(None)
            case _:
                raise AssertionError(f"the engine does not know how to do {job}")

    async def _infer(
        self, job: Infer, pace: Pace, gone: Interrupt, see: See
    ) -> AsyncGenerator[Event, None]:
        started = self._clock.now()
        installed = self.store.find(job.model)
        if job.empty and job.keep_alive == 0:
            if self.memory.holds(installed.model, busy=self._slot.busy):
                self.memory.unload_when_idle(busy=self._slot.busy)
            yield Done("unload", None)
            return
        limit = options.read(job.options).get("num_predict", 0)
        limit = limit if limit > 0 else None
        async with self._turn(job, installed, pace, gone, see) as (stay, load_s):
            if job.empty:
                yield Done("load", None)
                return
            prompt = prompt_tokens(job.messages or (Message("user", job.prompt),))
            cached = self.memory.match(prompt) if job.uses_cache else 0
            prompt_s = (len(prompt) - cached) / pace.prefill_tps
            due = self._clock.now() + prompt_s
            text: list[str] = []
            evaluated = False
            try:
                if not await self._clock.sleep_until(due, gone):
                    raise Abandoned(500, _CANCELED, Origin.RUNNER)
                evaluated = True
                see(records.Evaluated, prompt=len(prompt), cached=cached, seconds=prompt_s)
                first = due
                count = pace.tokens if limit is None else limit
                for piece in pieces(self._seed, canonical(installed.model.name), prompt, count):
                    due = first + (len(text) + 1) / pace.decode_tps
                    if not await self._clock.sleep_until(due, gone):
                        raise Abandoned(500, _CANCELED, Origin.RUNNER)
                    text.append(piece)
                    made = self._clock.now()
                    yield Token(piece)
                    if (held := self._clock.now() - made) > STALL_S:
                        first += held
                    if len(text) % BREATH == 0:
                        await self._clock.breathe()
            finally:
                if job.uses_cache and evaluated:
                    self.memory.remember(stay, [*prompt, "<|assistant|>", *text])
                elif job.uses_cache:
                    rest = round(max(0.0, due - self._clock.now()) * pace.prefill_tps + 0.5)
                    self.memory.remember(stay, prompt[: max(cached, len(prompt) - rest)])
            yield Done(
                "stop" if limit is None else "length",
                Usage(
                    total_s=self._clock.now() - started,
                    load_s=load_s,
                    prompt_tokens=len(prompt),
                    prompt_s=prompt_s,
                    tokens=len(text),
                    generation_s=due - first,
                ),
            )

    async def _embed(self, job: Embed, pace: Pace, gone: Interrupt, see: See) -> Embeddings:
        started = self._clock.now()
        installed = self.store.find(job.model)
        async with self._turn(job, installed, pace, gone, see) as (_, load_s):
            count = sum(len(tokenize(text)) for text in job.inputs)
            prompt_s = count / pace.prefill_tps
            if not await self._clock.sleep_until(self._clock.now() + prompt_s, gone):
                raise Abandoned(500, "context canceled", Origin.RUNNER)
            vectors = []
            for text in job.inputs:
                vectors.append(embed(text, job.dimensions))
                await self._clock.breathe()
            usage = Usage(self._clock.now() - started, load_s, count, prompt_s, 0, 0.0)
            return Embeddings(tuple(vectors), usage)

    @asynccontextmanager
    async def _turn(
        self, job: Infer | Embed, installed: Installed, pace: Pace, gone: Interrupt, see: See
    ) -> AsyncIterator[tuple[int, float]]:
        """Hold the slot with the job's model in memory.

        Gives the number of the model's stay in memory, and the seconds that its load took.

        What a client reads that left meanwhile is section 6.7 of the native specification.
        """
        asked = self._clock.now()
        if ahead := self._slot.ahead:
            see(records.Queued, ahead=ahead)
        try:
            async with self._slot.held(gone):
                admitted = self._clock.now()
                see(records.Admitted, model=installed.model.name, waited=admitted - asked)
                # Whoever waited got the slot from hand to hand: the model was never idle.
                if not self.memory.holds(installed.model, busy=ahead > 0):
                    self.memory.make_room()
                    if not await self._clock.sleep_until(admitted + pace.load_s, gone):
                        raise Abandoned(499, "request canceled", Origin.HANDLER)
                    see(records.ModelLoaded, model=installed.model.name, seconds=pace.load_s)
                stay = self.memory.load(installed.model, job.keep_alive)
                try:
                    yield stay, self._clock.now() - admitted
                finally:
                    self.memory.used(stay, last=not self._slot.waiting)
        except Interrupted:
            raise Abandoned(500, "context canceled", Origin.RUNNER) from None
