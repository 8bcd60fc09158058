"""What a request wants of its model's runner, and its use of one.

Source: native specification 6.2 and 6.8.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Generic, TypeVar

import msgspec

from ollama_simulator import records
from ollama_simulator.clock import Interrupt
from ollama_simulator.engine.answer.failures import found_dead
from ollama_simulator.engine.caching import overflow
from ollama_simulator.engine.caching.rewinding import rewinding
from ollama_simulator.engine.host import Host
from ollama_simulator.engine.runner import Runner
from ollama_simulator.engine.seat import Seat, Visit
from ollama_simulator.engine.slots import Interrupted
from ollama_simulator.model import Abandoned, Origin
from ollama_simulator.records import See
from ollama_simulator.script import Load

T = TypeVar("T")


class Want(msgspec.Struct, frozen=True):
    """What a request wants of its model's runner."""

    options: Mapping[str, Any] = {}
    """As `engine.options` reads them, those of the model's own parameters below them."""
    shift: bool | None = None
    keep_alive: float | None = None
    """Seconds; None for what is in force; below 0, as 0, for not at all."""
    load: Load | None = None
    """How the runner starts if this request has to start it; None for well."""
    heard: bool = False
    """Whether it is known already that its client is still there."""
    load_s: float = 0.0
    """Seconds that it takes unless `load` says otherwise."""


class Lease:
    """The use of a runner by one request."""

    def __init__(self, runner: Runner, name: str, load_s: float, host: Host) -> None:
        self.runner = runner
        self.profile = host.settings.hardware_for(name)
        self.load_s = load_s
        """Seconds until the runner was ready: queue, eviction and load."""
        self._name = name
        self._host = host

    @property
    def shifts(self) -> bool:
        """Whether the runner can make room in a full context (1.6)."""
        settings, runner = self._host.settings, self.runner
        if settings.engine != "current":
            return True
        return overflow.shifts(
            rewinding(settings.engine, runner.model),
            runner.context,
            runner.shape.num_batch,
            projector="vision" in runner.model.capabilities,
        )

    @property
    def sampling_s(self) -> float:
        """Seconds of a step that an answer doesn't report (1.10)."""
        legacy = self._host.settings.engine == "legacy"
        return self.profile.step.sampling_ms / 1000 if legacy else 0.0

    async def greet(self, gone: Interrupt) -> None:
        """Wait as long as the server takes to turn to a request. It counts as load time (1.10).

        Raises `Abandoned` when the client leaves.
        """
        seconds = self.profile.overhead.request_ms / 1000
        if seconds:
            await self._wait(seconds, gone)
            self.load_s += seconds

    async def render(self, tokens: int, gone: Interrupt) -> None:
        """Wait as long as it takes to make a prompt of so many tokens. Raises as `greet`."""
        if seconds := self.profile.overhead.us_per_token * tokens / 1e6:
            await self._wait(seconds, gone)

    async def _wait(self, seconds: float, gone: Interrupt) -> None:
        clock = self._host.clock
        if not await clock.sleep_until(clock.now() + seconds, gone):
            raise Abandoned(500, "context canceled", Origin.RUNNER)

    def seat(self, visit: Visit, gone: Interrupt, see: See) -> "Holding[Seat]":
        """Wait for one of the runner's slots and hold it.

        Raises `Abandoned` when the client leaves, and `Refusal` if the runner died meanwhile.
        """
        return Holding(self._sit(visit, gone, see), _leaves)

    async def _sit(self, visit: Visit, gone: Interrupt, see: See) -> Seat:
        runner, clock = self.runner, self._host.clock
        asked = clock.now()
        if ahead := runner.slots.ahead:
            see(records.Queued, ahead=ahead)
        try:
            await runner.slots.take(gone)
        except Interrupted:
            raise Abandoned(500, "context canceled", Origin.RUNNER) from None
        if runner.crashed:
            runner.slots.give()
            raise found_dead(self._host.settings.wire, runner.last_error)
        seat = Seat(self._host, runner, self._name, visit, gone, see)
        see(records.Admitted, model=self._name, waited=clock.now() - asked, slot=seat.slot)
        return seat

    def crash(self, last_error: str = "") -> None:
        """Let the runner die. It stays listed until somebody wants it, or its time is over."""
        self.runner.crashed = True
        self.runner.last_error = last_error


def _leaves(seat: Seat, error: BaseException | None) -> None:
    seat.leave()


class Holding(Generic[T]):
    """Something that is held in an `async with`. It is as `asynccontextmanager`, but no generator,
    of which the event loop would have to know."""

    __slots__ = ("_begin", "_end", "_held")

    def __init__(
        self, begin: Coroutine[Any, Any, T], end: Callable[[T, BaseException | None], None]
    ) -> None:
        """`begin` gets it; `end` lets go of it, told of what ends the block, if that is raised."""
        self._begin = begin
        self._end = end
        self._held: T

    async def __aenter__(self) -> T:
        self._held = await self._begin
        return self._held

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(self._held, error)
