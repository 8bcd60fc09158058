"""The bytes that acts come to, where none of them waits.

Rules of this file:

1. The performer makes them, as it makes all others.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import AsyncGenerator, Sequence

import msgspec

from ollama_simulator.acts import Act
from ollama_simulator.clock import Clock
from ollama_simulator.net.perform import Performer
from ollama_simulator.net.request import Request
from ollama_simulator.net.sink import Pen


class Performed(msgspec.Struct, frozen=True):
    """An answer as bytes."""

    data: bytes
    status: int | None
    ticks: int
    body_bytes: int
    goes_on: bool
    """Whether the connection can serve another request."""


class _Kept:
    """A sink that keeps what it gets."""

    pen: Pen | None = None

    def __init__(self) -> None:
        self.data = b""

    async def write(self, data: bytes) -> None:
        self.data += data

    def put(self, data: bytes) -> bytes | None:
        self.data += data
        return None


def performed(acts: Sequence[Act], request: Request, clock: Clock) -> Performed:
    """Perform acts to nobody. Raises `RuntimeError` if one of them waits."""
    sink = _Kept()
    performer = Performer(request, sink, clock)
    running = performer.run(_each(acts), request.gone)
    try:
        running.send(None)
    except StopIteration as over:
        ended = over.value
    else:
        running.close()
        raise RuntimeError("an answer waits that was to be there at once")
    goes_on = ended.how is None and ended.idle is None and ended.keep_alive
    return Performed(sink.data, performer.status, performer.ticks, performer.body_bytes, goes_on)


async def _each(acts: Sequence[Act]) -> AsyncGenerator[Act, None]:
    for act in acts:
        yield act
