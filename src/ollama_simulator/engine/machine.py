"""What the jobs of one server work on, and how fast they may.

Rules of this file:

1. A job's function gets the machine, the job and a `Call`, and says events.
2. Whatever way a job ends, what it held is free afterwards.

It must not import anything but layer 0 and its own package.
"""

import random

import msgspec

from ollama_simulator.clock import Clock, Interrupt
from ollama_simulator.engine.scheduler import Scheduler
from ollama_simulator.engine.scripts import Scripts
from ollama_simulator.engine.store import Store
from ollama_simulator.hardware import HardwareProfile
from ollama_simulator.records import See
from ollama_simulator.settings import Settings


class Rates(msgspec.Struct, frozen=True):
    """Tokens in a second that a job is done at most; `inf` for what the machine does."""

    decode_tps: float
    prefill_tps: float
    """Uncached tokens of a prompt."""


class Pace(msgspec.Struct, frozen=True):
    """How fast a behaviour lets a server work. The machine itself may be slower."""

    decode_tps: float | None = None
    """Tokens generated in a second; None for what the hardware profile says."""
    prefill_tps: float | None = None
    """Uncached tokens of a prompt evaluated in a second; None likewise."""
    tokens: int = 20
    """Length of an answer that the request does not limit."""
    load_s: float = 0.0
    """Seconds that it takes at least to load a model that is not in memory."""

    def tells_on(self, profile: HardwareProfile) -> bool:
        """Whether a server with this machine does anything else than without a pace."""
        own = DEFAULT_PACE
        said = (self.tokens, self.load_s, self.rates(profile))
        return said != (own.tokens, own.load_s, own.rates(profile))

    def rates(self, profile: HardwareProfile) -> Rates:
        """The rates on a machine."""
        own = profile.pace
        return Rates(self.decode_tps or own.decode_tps, self.prefill_tps or own.prefill_tps)


DEFAULT_PACE = Pace()


class Call(msgspec.Struct, frozen=True):
    """What surrounds one job."""

    pace: Pace
    gone: Interrupt
    """Fires when the client leaves."""
    see: See
    flows: bool = False
    """Whether it may be offered flows of tokens."""


class Machine:
    """The parts behind one server."""

    def __init__(
        self,
        store: Store,
        scheduler: Scheduler,
        clock: Clock,
        seed: int,
        settings: Settings | None = None,
        scripts: Scripts | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.scripts = scripts or Scripts()
        self.store = store
        self.scheduler = scheduler
        self.memory = scheduler.memory
        self.clock = clock
        self.seed = seed
        self.ids = random.Random(f"{seed}/calls")
        """Where the ids of tool calls come from."""

    @property
    def busy(self) -> bool:
        """Whether a request uses a model, or waits for one."""
        return self.scheduler.busy
