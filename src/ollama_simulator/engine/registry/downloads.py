"""Files on their way from a registry: how much of them is there at which time.

Source: native specification 4.11.

Rules of this file:

1. A file that several pulls want is fetched once. It is given up when the last of them leaves;
   what had come then needn't come again, unless it came in pieces.
2. Progress is a function of time: nothing runs between two looks at it.

It must not import anything but layer 0.
"""

import math

from ollama_simulator.clock import Clock
from ollama_simulator.registry import Pieces


class Download:
    """One file that is being fetched."""

    def __init__(self, begun: float, size: int, rate: float, pieces: Pieces | None) -> None:
        """`rate` is in bytes a second; it doesn't count for a file that comes in pieces."""
        self.size = size
        self.waiting = 0
        """Pulls that wait for it."""
        self._begun = begun
        self._rate = rate
        self._pieces = pieces

    @property
    def ends(self) -> float:
        """When all of it is there."""
        if self._pieces is None:
            return self._begun + self.size / self._rate
        count = max(1, math.ceil(self.size / self._pieces.size))
        return self._begun + (count - 1) * self._pieces.every_ms / 1000

    def completed(self, now: float) -> int:
        """How many bytes are there."""
        passed = now - self._begun
        if self._pieces is None:
            return min(self.size, round(passed * self._rate))
        # A piece that is due now is there, whatever the division rounds off.
        count = 1 + math.floor(passed * 1000 / self._pieces.every_ms + 1e-6)
        return min(self.size, count * self._pieces.size)


class Downloads:
    """The files that one server is fetching, or has begun to."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[str, Download] = {}
        self._partial: dict[str, int] = {}

    def join(self, digest: str, size: int, rate: float, pieces: Pieces | None) -> Download:
        """Wait for a file, which is asked for if it isn't under way. `leave` has to follow."""
        found = self._running.get(digest)
        if found is None:
            begun = self._clock.now()
            if pieces is None:
                begun -= self._partial.pop(digest, 0) / rate
            found = self._running[digest] = Download(begun, size, rate, pieces)
        found.waiting += 1
        return found

    def leave(self, digest: str, download: Download) -> None:
        """Wait no longer, because it is there or because nobody wants it."""
        download.waiting -= 1
        if download.waiting == 0 and self._running.get(digest) is download:
            del self._running[digest]
            got = download.completed(self._clock.now())
            if got < download.size:
                self._partial[digest] = got
