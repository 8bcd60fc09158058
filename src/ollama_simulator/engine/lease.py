"""What a request wants of its model's runner, and its use of one.

Source: native specification 6.2 and 6.8.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from ollama_simulator import records
from ollama_simulator.clock import Clock, Interrupt
from ollama_simulator.engine.answer.failures import found_dead
from ollama_simulator.engine.runner import Runner
from ollama_simulator.engine.slots import Interrupted
from ollama_simulator.model import Abandoned, Origin
from ollama_simulator.records import See
from ollama_simulator.script import Load
from ollama_simulator.settings import Profile


class Want(msgspec.Struct, frozen=True):
    """What a request wants of its model's runner."""

    options: Mapping[str, Any] = {}
    """As `engine.options` reads them, those of the model's own parameters below them."""
    shift: bool | None = None
    keep_alive: float | None = None
    """Seconds; None for what is in force; below 0, as 0, for not at all."""
    load: Load | None = None
    """How the runner starts if this request has to start it; None for well."""
    load_s: float = 0.0
    """Seconds that it takes unless `load` says otherwise."""


class Lease:
    """The use of a runner by one request."""

    def __init__(
        self, runner: Runner, name: str, load_s: float, clock: Clock, wire: Profile
    ) -> None:
        self.runner = runner
        self.load_s = load_s
        """Seconds until the runner was ready: queue, eviction and load."""
        self._name = name
        self._clock = clock
        self._wire = wire

    @asynccontextmanager
    async def slot(self, gone: Interrupt, see: See) -> AsyncIterator[None]:
        """Wait for one of the runner's slots and hold it.

        Raises `Abandoned` when the client leaves, and `Refusal` if the runner died meanwhile.
        """
        asked = self._clock.now()
        if ahead := self.runner.slots.ahead:
            see(records.Queued, ahead=ahead)
        try:
            async with self.runner.slots.held(gone):
                if self.runner.crashed:
                    raise found_dead(self._wire, self.runner.last_error)
                waited = self._clock.now() - asked
                see(records.Admitted, model=self._name, waited=waited)
                yield
        except Interrupted:
            raise Abandoned(500, "context canceled", Origin.RUNNER) from None

    def crash(self, last_error: str = "") -> None:
        """Let the runner die. It stays listed until somebody wants it, or its time is over."""
        self.runner.crashed = True
        self.runner.last_error = last_error
