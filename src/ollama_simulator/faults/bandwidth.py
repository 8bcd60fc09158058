"""Bytes that come slowly."""

from collections.abc import AsyncGenerator
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ollama_simulator.acts import Act, Throttle
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register

ByteRate = Annotated[float, Meta(ge=1e-3, le=1e12, description="Bytes in a second.")]
GRAIN_S = 0.01
"""Seconds that one write of a narrow line takes at most, so that it looks like no stall."""
LARGEST = 16 * 1024
"""Bytes of one write at most."""


@register
class Bandwidth(Fault, frozen=True):
    """Let no more than so many bytes through in a second.

    All bytes of the answer, head and framing included, take their time as on a line of that
    bandwidth: a long whole answer or a list of many models arrives late, a stream that makes more
    bytes than the line bears (some 130 for each token of `/api/chat`) falls behind its pace. With
    `request_bytes_per_sec` the request is read no faster than that, too; the client of a large one
    (pictures, blobs) is held up when the buffers in between are full. It is a mobile network, or a
    line that others use.
    """

    bytes_per_sec: ByteRate = 10_000
    request_bytes_per_sec: ByteRate | UnsetType = UNSET
    """Left out, requests are read as fast as they come."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Have the performer do it, and the exchange."""
        if self.request_bytes_per_sec is not UNSET:
            exchange.reading_rate = self.request_bytes_per_sec
        size = max(1, min(LARGEST, int(self.bytes_per_sec * GRAIN_S)))
        yield Throttle(size, per_byte=1 / self.bytes_per_sec)
        async for act in handler(exchange):
            yield act
