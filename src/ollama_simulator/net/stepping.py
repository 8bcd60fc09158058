"""Performs a flow: a step at each of its moments, called by the event loop.

It must not import anything but layer 0 and its own package.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from ollama_simulator.acts import Stream
from ollama_simulator.wheel import Alarm


class Counts(Protocol):
    """Where it is counted what happened."""

    ticks: int
    body_bytes: int


class Stepping(Alarm):
    """A flow that is performed."""

    __slots__ = ("_chunked", "_counts", "_flow", "_put", "over", "rest")

    def __init__(
        self, stream: Stream, put: Callable[[bytes], bytes | None], counts: Counts, *, chunked: bool
    ) -> None:
        """`put` hands bytes to the kernel, and returns what has to wait, if only an empty rest."""
        super().__init__()
        self._flow = stream.flow
        self._put = put
        self._counts = counts
        self._chunked = chunked
        self.over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Has a result when the flow is over, or can't go on without waiting."""
        self.rest: bytes | None = None
        """What has to be waited for, if anything has."""

    def __call__(self) -> None:
        over, flow, counts = self.over, self._flow, self._counts
        if over.done():
            return
        try:
            counts.ticks += 1
            rest: bytes | None = None
            for chunk in flow.take():
                counts.body_bytes += len(chunk)
                out = b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._chunked else chunk
                rest = self._put(out) if rest is None else rest + out
            if rest is None:
                flow.taken(self)
            if rest is not None or flow.over:
                self.rest = rest
                over.set_result(True)
        except Exception as error:
            over.set_exception(error)
