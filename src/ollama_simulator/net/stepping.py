"""Performs a flow: a step at each of its moments, called by the event loop.

It must not import anything but layer 0 and its own package.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from ollama_simulator.acts import Stream
from ollama_simulator.net.sink import Sink
from ollama_simulator.wheel import Alarm


class Counts(Protocol):
    """Where it is counted what happened."""

    ticks: int
    body_bytes: int


class Stepping(Alarm):
    """A flow that is performed."""

    __slots__ = ("_chunked", "_counts", "_flow", "_now", "_sink", "over", "rest")

    def __init__(
        self,
        stream: Stream,
        sink: Sink,
        counts: Counts,
        now: Callable[[], float],
        *,
        chunked: bool,
    ) -> None:
        """`now` tells the time of the clock."""
        super().__init__()
        self._flow = stream.flow
        self._sink = sink
        self._counts = counts
        self._now = now
        self._chunked = chunked
        self.over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Has a result when the flow is over, or can't go on without waiting."""
        self.rest: bytes | None = None
        """What has to be waited for, if anything has."""

    def __call__(self) -> None:
        over, flow = self.over, self._flow
        if over.done():
            return
        try:
            together = flow.due()
            rest = self._pour(together) if together else self._step()
            if rest is not None or flow.over:
                self.rest = rest
                over.set_result(True)
        except Exception as error:
            over.set_exception(error)

    def _step(self) -> bytes | None:
        """Do the next piece. Returns what has to wait."""
        flow, counts = self._flow, self._counts
        counts.ticks += 1
        rest: bytes | None = None
        for chunk in flow.take():
            counts.body_bytes += len(chunk)
            out = b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._chunked else chunk
            rest = self._sink.put(out) if rest is None else rest + out
        if rest is None:
            flow.taken(self)
        return rest

    def _pour(self, chunks: Sequence[bytes]) -> bytes | None:
        """Do several pieces that are due, each of one chunk. Returns what has to wait of the last
        one that was done."""
        outs = chunks
        if self._chunked:
            outs = [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]
        times, rest = self._sink.put_each(outs, self._now)
        self._counts.ticks += len(times)
        self._counts.body_bytes += sum(map(len, chunks[: len(times)]))
        self._flow.wrote(times, self, blocked=rest is not None)
        return rest
