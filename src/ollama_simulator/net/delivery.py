"""Whether a peer has got what was sent to it.

It must not import anything but layer 0 and its own package.
"""

import asyncio
from collections.abc import Callable

from ollama_simulator.clock import Clock
from ollama_simulator.net import kernel


async def delivered(
    transport: asyncio.Transport, clock: Clock, lost: Callable[[], bool], limit_s: float
) -> None:
    """Wait until the peer's kernel has acknowledged every byte, or the connection is lost, with a
    limit; where the system doesn't tell, until our own kernel has taken them."""
    limit = clock.now() + limit_s
    sock = transport.get_extra_info("socket")
    while clock.now() < limit and not lost():
        if not (transport.get_write_buffer_size() or kernel.unsent(sock)):
            return
        await clock.sleep_until(clock.now() + 0.001)
