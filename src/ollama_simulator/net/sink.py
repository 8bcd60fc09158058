"""Where the bytes of an answer go, and how they are held back on their way.

Rules of this file:

1. Times are absolute: a timer that is late makes no later write late, so nothing drifts.

It must not import anything but layer 0 and its own package.
"""

import math
from typing import Protocol

from ollama_simulator.acts import Throttle
from ollama_simulator.clock import Clock

LATE_S = 0.01
"""Seconds by which a timer may be late. Who comes that late has not been idle."""


PIECE = 16 * 1024
"""Bytes that are handed to the kernel at a time, at most: so a server that is frozen stops within a
large write."""


class Transport(Protocol):
    """What a pen needs of it."""

    def write(self, data: bytes) -> object:
        """Hand bytes to the kernel. May shut the pen: then they are on their way."""

    def is_closing(self) -> bool:
        """Whether a write has failed. That is seen here before the connection is told."""


class Pen:
    """Hands bytes to the kernel at once. It is all that a token touches of its connection."""

    __slots__ = ("open", "transport")

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.open = True
        """Whether the kernel has taken all, and takes more."""


class Sink(Protocol):
    """Where bytes go."""

    @property
    def pen(self) -> Pen | None:
        """What hands bytes over at once; None if nothing goes at once."""

    async def write(self, data: bytes) -> None:
        """Hand bytes to the kernel; returns when it has taken them all, and all before them."""

    def put(self, data: bytes) -> bytes | None:
        """Hand bytes to the kernel at once. None if it has taken them all; else what `write` has
        to wait with: the bytes, or an empty rest if they are on their way."""


class Throttled:
    """A sink that takes bytes little by little."""

    pen: Pen | None = None

    def __init__(self, sink: Sink, throttle: Throttle, clock: Clock) -> None:
        self._sink = sink
        self._throttle = throttle
        self._clock = clock
        self._free = -math.inf
        """When the next write can begin."""

    async def write(self, data: bytes) -> None:
        """Hand bytes on, a write after the other. As `Sink.write`.

        A client that shut its sending side down still gets them: only a lost connection ends it.
        """
        throttle, clock = self._throttle, self._clock
        for start in range(0, len(data), throttle.size):
            piece = data[start : start + throttle.size]
            now = clock.now()
            begins = self._free if now - self._free < LATE_S else now
            due = begins + throttle.per_byte * len(piece)
            await clock.sleep_until(due)
            await self._sink.write(piece)
            self._free = due + throttle.pause
        if not data:
            await self._sink.write(data)

    def put(self, data: bytes) -> bytes | None:
        """Nothing goes at once."""
        return data
