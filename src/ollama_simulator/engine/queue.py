"""The queue of the requests that need a load.

Source: native specification 6.2 and 6.7.

Rules of this file:

1. One request is worked on, the others wait in the order in which they came.
2. Who left keeps its place until it is reached; then it is passed over, and never answered.

It must not import anything but layer 0 and its own package.
"""

import asyncio
from collections import deque

from ollama_simulator.clock import Interrupt
from ollama_simulator.engine.runner import Runner
from ollama_simulator.engine.shape import Shape
from ollama_simulator.model import Model, Refusal

BUSY = "server busy, please try again.  maximum pending requests exceeded"


class Entry:
    """One request that needs a load."""

    def __init__(
        self, model: Model, shape: Shape, keep_alive: float | None, gone: Interrupt
    ) -> None:
        self.model = model
        self.shape = shape
        self.keep_alive = keep_alive
        self.turn: asyncio.Future[Runner | None] = asyncio.get_running_loop().create_future()
        """A runner that serves it, in its use already; or None: it has to load one itself."""
        self.victims: set[Runner] = set()
        """The runners that have to leave for its load."""
        self._gone = gone

    @property
    def left(self) -> bool:
        """Whether its client is gone."""
        return self._gone.fired or self.turn.cancelled()


class LoadQueue:
    """The requests that need a load."""

    def __init__(self, capacity: int) -> None:
        """So many may wait, besides the one that is worked on."""
        self.current: Entry | None = None
        """The one that is worked on."""
        self._capacity = capacity
        self._waiting: deque[Entry] = deque()

    @property
    def ahead(self) -> int:
        """How many a newcomer finds before it."""
        return (self.current is not None) + len(self._waiting)

    def join(self, entry: Entry) -> None:
        """Take a place. Raises `Refusal` if there is none."""
        if self.current is not None and len(self._waiting) >= self._capacity:
            raise Refusal(503, BUSY)
        self._waiting.append(entry)

    def advance(self) -> Entry | None:
        """Work on the next whose client is still there; None if there is none."""
        assert self.current is None, "one at a time"
        while self._waiting and self.current is None:
            entry = self._waiting.popleft()
            self.current = None if entry.left else entry
        return self.current
