"""One model in memory, and who uses it.

Source: native specification 6.3 and 6.6.

Rules of this file:

1. A runner changes by what `engine.memory` does with it; others look.
2. It is one stay in memory: a model that is loaded again gets another runner, and what a job
   leaves behind counts only for the runner that it began with.

It must not import anything but layer 0 and its own package.
"""

import math
from typing import Any

from ollama_simulator.engine.caching.cache import PromptCache
from ollama_simulator.engine.shape import Shape
from ollama_simulator.engine.slots import Slots
from ollama_simulator.engine.ticker import Ticker
from ollama_simulator.engine.vram import Room
from ollama_simulator.model import Model
from ollama_simulator.records import Unloading


class Runner:
    """A loaded model."""

    def __init__(
        self,
        model: Model,
        shape: Shape,
        keep_alive: float,
        cache: PromptCache[Any],
        ticker: Ticker | None = None,
    ) -> None:
        """`keep_alive` in seconds."""
        self.model = model
        """As it was called by whoever loaded it."""
        self.called = model
        """As it was called by whoever used it last."""
        self.shape = shape
        self.room = Room(0, 0)
        """The memory that it takes."""
        self.slots = Slots(shape.slots)
        self.ticker = ticker
        """What its iterations take; None for no time at all."""
        self.cache = cache
        """What its slots remember."""
        self.keep_alive = keep_alive
        """Seconds that it stays without a request; 0 and less: it goes with the last one."""
        self.users = 0
        """Requests that use it, those that wait for a slot included."""
        self.expires = math.inf
        """The moment when it goes; `inf` for never, and while it is in use."""
        self.expires_ns: int | None = None
        """The wall time that was last set for it; None before it was ever idle."""
        self.why: Unloading = "asked"
        """Why it goes when its `keep_alive` is over at once."""
        self.crashed = False
        """Whether its process has died. It stays in memory until somebody looks."""
        self.left = False
        """Whether it is not in memory any more. What a job leaves behind counts no more then."""
        self.last_error = ""
        """What it logged last before it died, if that was an error."""
        self.turn = 0
        """The higher, the later it was used."""

    @property
    def key(self) -> str:
        """Its weight file, by which requests find it."""
        return self.model.weight_file

    @property
    def context(self) -> int:
        """Tokens of context that are in force for each slot."""
        return self.shape.context

    def serves(self, wanted: Shape) -> bool:
        """Whether a request of this shape can use it as it is."""
        return not self.crashed and self.shape.serves(wanted)
