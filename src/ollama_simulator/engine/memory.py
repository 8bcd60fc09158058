"""What a server has in memory: one loaded model, and the KV cache of its last conversation.

Rules of this file:

1. The cache belongs to the loaded model: it is lost when that model leaves memory.
2. A model that is in use never expires. Expiry is worked out when somebody looks.
3. What a job leaves behind counts only for the stay of the model that it began with: after a
   reset, or when somebody loaded another model meanwhile, it changes nothing.

It must not import anything but layer 0.
"""

import math
from collections.abc import Callable

from ollama_simulator.clock import Clock
from ollama_simulator.model import Loaded, Model
from ollama_simulator.names import canonical

KEEP_ALIVE_S = 300.0
"""Seconds that an unused model stays loaded (native specification, 3.2)."""
CONTEXT = 4096
"""Tokens of context (native specification, 3.5: the default below 23 GiB of VRAM)."""
OVERHEAD = 671_088_640
"""Bytes that a loaded model takes beyond its file: context and work space. Synthetic."""


class Memory:
    """The loaded model of a server, and its cache."""

    def __init__(self, clock: Clock, unloaded: Callable[[str, str, float], None]) -> None:
        """`unloaded(model, why, when)` is told when a model leaves memory."""
        self.cache: list[str] = []
        """The tokens kept from the last request, in order."""
        self._clock = clock
        self._unloaded = unloaded
        self._model: Model | None = None
        self._keep_alive = KEEP_ALIVE_S
        self._idle_since = clock.now()
        self._stay = 0

    def loaded(self, *, busy: bool) -> Model | None:
        """The model in memory, or None."""
        expires = self._idle_since + self._keep_alive
        if self._model is not None and not busy and expires <= self._clock.now():
            self._drop("expired", expires)
        return self._model

    def holds(self, model: Model, *, busy: bool) -> bool:
        """Whether this model is in memory, by whatever spelling of its name."""
        loaded = self.loaded(busy=busy)
        return loaded is not None and _same(loaded, model)

    def listed(self, *, busy: bool) -> tuple[Loaded, ...]:
        """What `/api/ps` shows."""
        model = self.loaded(busy=busy)
        if model is None:
            return ()
        expires: int | None = None
        if not math.isinf(self._keep_alive):
            left = self._keep_alive
            if not busy:
                left += self._idle_since - self._clock.now()
            expires = self._clock.wall_ns() + round(left * 1e9)
        return (Loaded(model, expires, model.size + OVERHEAD, CONTEXT),)

    def load(self, model: Model, keep_alive: float | None = None) -> int:
        """Have this model in memory, in place of another one. Returns the number of its stay.

        A `keep_alive` in seconds stays in force for later requests (3.2).
        """
        if self._model is not None and not _same(self._model, model):
            self.make_room()
        if self._model is None:
            self._keep_alive = KEEP_ALIVE_S
        if keep_alive is not None:
            self._keep_alive = keep_alive
        self._model = model
        self._idle_since = self._clock.now()
        return self._stay

    def used(self, stay: int, *, last: bool) -> None:
        """A request ended; `last` if no other waits. A model that nobody is to keep goes (6.6)."""
        if stay != self._stay:
            return
        self._idle_since = self._clock.now()
        if self._keep_alive == 0 and last:
            self.unload()

    def remember(self, stay: int, tokens: list[str]) -> None:
        """Keep these tokens as the last conversation."""
        if stay == self._stay:
            self.cache[:] = tokens

    def unload_when_idle(self, *, busy: bool) -> None:
        """Unload now, or after the request in progress."""
        self._keep_alive = 0.0
        if not busy:
            self.unload()

    def unload(self) -> None:
        """Forget the model, and its cache with it."""
        if self._model is not None:
            self._drop("asked", self._clock.now())

    def make_room(self) -> None:
        """Forget the model for the sake of another one."""
        if self._model is not None:
            self._drop("replaced", self._clock.now())

    def clear(self) -> None:
        """Forget everything without a word: the state of a server that was just started."""
        self._model = None
        self._stay += 1
        self._keep_alive = KEEP_ALIVE_S
        self.cache.clear()

    def match(self, prompt: list[str]) -> int:
        """How many tokens of a prompt are cached: the longest common prefix."""
        count = 0
        for ours, theirs in zip(self.cache, prompt, strict=False):
            if ours != theirs:
                break
            count += 1
        return count

    def _drop(self, why: str, when: float) -> None:
        assert self._model is not None
        name = self._model.name
        self._model = None
        self._stay += 1
        self.cache.clear()
        self._unloaded(name, why, when)


def _same(a: Model, b: Model) -> bool:
    return canonical(a.name).lower() == canonical(b.name).lower()
