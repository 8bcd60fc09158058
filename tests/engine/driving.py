"""Drives one machine under the virtual clock: no HTTP, no sockets, no real time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeVar

from ollama_simulator.clock import Clock, Interrupt, VirtualClock
from ollama_simulator.engine.caching.tokens import Words
from ollama_simulator.engine.engine import Engine
from ollama_simulator.engine.machine import DEFAULT_PACE, Pace
from ollama_simulator.engine.scheduler import Scheduler
from ollama_simulator.engine.store import TEST_MODEL, Store
from ollama_simulator.model import Done, Event, Infer, Job, Message, Model, Token, Usage
from ollama_simulator.records import ModelUnloaded, Record
from ollama_simulator.settings import Settings

T = TypeVar("T")
R = TypeVar("R", bound=Record)

OTHER_MODEL = Model("other:7b", 1_000, "f00d", "test", "1B", "F16")
NAME = TEST_MODEL.name


def virtual(main: Callable[[VirtualClock], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine under a virtual clock of its own."""
    clock = VirtualClock()
    return clock.run(main(clock))


def prompt(tokens: int) -> str:
    """A text that makes a prompt of this many tokens, the marker of its role included."""
    return "!" * (tokens - 1)


def chat(
    text: str = "hi",
    *,
    model: str = NAME,
    limit: int | None = None,
    keep_alive: float | None = None,
    uses_cache: bool = True,
) -> Infer:
    """A job of one message."""
    options = {} if limit is None else {"num_predict": limit}
    return Infer(
        model,
        (Message("user", text),),
        options=options,
        keep_alive=keep_alive,
        uses_cache=uses_cache,
    )


class Machine:
    """An engine, its memory, and all it recorded."""

    def __init__(
        self,
        clock: Clock,
        *,
        seed: int = 0,
        models: tuple[Model, ...] = (),
        settings: Settings | None = None,
    ) -> None:
        self.clock = clock
        self.seen: list[Record] = []
        self.store = Store(clock, models or (TEST_MODEL, OTHER_MODEL))
        settings = settings or Settings()
        self.scheduler = Scheduler(clock, settings, self._unloaded)
        self.memory = self.scheduler.memory
        self.engine = Engine(self.store, self.scheduler, clock, seed, settings)

    def see(self, kind: type[Record], /, **fields: Any) -> None:
        """Keep a record, as the server would."""
        fields = {"t": self.clock.now(), "server": "s1", **fields}
        self.seen.append(kind(**fields))

    def _unloaded(self, model: str, why: str, when: float) -> None:
        self.see(ModelUnloaded, model=model, why=why, t=when)

    @property
    def cache(self) -> list[str]:
        """The tokens that the server remembers."""
        tokens = self.memory.remembered
        return list(tokens.words) if isinstance(tokens, Words) else []

    def saw(self, kind: type[R]) -> list[R]:
        """The records of a kind."""
        return [record for record in self.seen if isinstance(record, kind)]

    def run(
        self, job: Job, pace: Pace = DEFAULT_PACE, gone: Interrupt | None = None
    ) -> AsyncGenerator[Event, None]:
        """Let the engine begin a job."""
        return self.engine.run(job, pace, gone or Interrupt(), self.see)

    async def timed(
        self, job: Job, pace: Pace = DEFAULT_PACE, gone: Interrupt | None = None
    ) -> list[tuple[float, Event]]:
        """Do a job to its end. Each event with the time it came."""
        return [(self.clock.now(), event) async for event in self.run(job, pace, gone)]

    async def done_until(self, job: Job, gone: Interrupt) -> None:
        """Do a job until its client leaves. Raises what it is told then."""
        async for _ in self.run(job, gone=gone):
            pass

    async def done(self, job: Job, pace: Pace = DEFAULT_PACE) -> list[Event]:
        """Do a job to its end."""
        return [event async for event in self.run(job, pace)]


def text_of(events: list[Event]) -> str:
    """The text that was said."""
    return "".join(event.text for event in events if isinstance(event, Token))


def usage_of(events: list[Event]) -> Usage:
    """The numbers of a generation."""
    done = events[-1]
    assert isinstance(done, Done)
    assert done.usage is not None
    return done.usage
