"""How long a machine takes to bring the weights of a model into memory.

Source: engine model 2.1 and 2.2.

Rules of this file:

1. What is in the page cache comes from there, the rest from the disk; both pass the bus.
2. A load that ends early has read what it had time for.

It must not import anything but layer 0.
"""

import math

import msgspec

from ollama_simulator.hardware import Load


class Reading(msgspec.Struct, frozen=True):
    """A load, as the machine does it."""

    seconds: float
    """How long it takes until it is noticed that it is over."""
    begins: float
    """Seconds until the first byte is read."""
    size: int
    """Bytes of the file."""
    cached: int
    """Bytes that are in the page cache before."""
    warm_Bps: float
    cold_Bps: float

    def read(self, elapsed: float) -> int:
        """How many bytes have been read after so many seconds."""
        left = elapsed - self.begins
        if left <= 0:
            return 0
        warm = self.cached / self.warm_Bps
        if left <= warm:
            return int(left * self.warm_Bps)
        return int(min(self.size, self.cached + (left - warm) * self.cold_Bps))


def reading(load: Load, size: int, cached: int, evicted: int) -> Reading:
    """The load of a file of `size` bytes, after so many models had to leave the GPU for it."""
    cached = min(cached, size)
    warm = min(load.pagecache_Bps, load.pcie_Bps)
    cold = min(load.disk_Bps, load.pcie_Bps)
    begins = evicted * load.unload_s + load.fixed_s
    seconds = begins + cached / warm + (size - cached) / cold
    if load.poll_s:
        # A load that ends on a poll is noticed by it, whatever the sum's last digits are.
        seconds = math.ceil(round(seconds / load.poll_s, 9)) * load.poll_s
    return Reading(seconds, begins, size, cached, warm, cold)
