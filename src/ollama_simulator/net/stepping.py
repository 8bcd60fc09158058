"""Performs a flow: a step at each of its moments, called by the event loop.

It must not import anything but layer 0 and its own package.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from ollama_simulator.acts import Stream
from ollama_simulator.flow import Frame
from ollama_simulator.net.sink import Sink
from ollama_simulator.wheel import Alarm

KEPT = 4096
"""Length in bytes from which a chunk's numbers aren't kept."""


class _Sizes(dict[int, bytes]):
    """The line that stands before a chunk, by the chunk's length in bytes."""

    def __missing__(self, length: int) -> bytes:
        line = b"%x\r\n" % length
        if length < KEPT:
            self[length] = line
        return line


class _Lengths(dict[int, int]):
    """How long chunks are, by their length with their frames."""

    def __missing__(self, framed: int) -> int:
        length = framed - len(_CHUNKED.behind) - len(b"0\r\n")
        while length + len(_CHUNKED.before[length]) + len(_CHUNKED.behind) > framed:
            length -= 1
        if length < KEPT:
            self[framed] = length
        return length


_CHUNKED = Frame(_Sizes(), b"\r\n")
_LENGTHS = _Lengths()


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
        if chunked:
            self._flow.frame(_CHUNKED)
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
            out = _CHUNKED.before[len(chunk)] + chunk + b"\r\n" if self._chunked else chunk
            rest = self._sink.put(out) if rest is None else rest + out
        if rest is None:
            flow.taken(self)
        return rest

    def _pour(self, chunks: Sequence[bytes]) -> bytes | None:
        """Do pieces that are due, each of one chunk. Returns what has to wait of the last one that
        was done."""
        times, rest = self._sink.put_each(chunks, self._now)
        counts, done = self._counts, len(times)
        sizes = map(len, chunks if done == len(chunks) else chunks[:done])
        counts.ticks += done
        counts.body_bytes += sum(map(_LENGTHS.__getitem__, sizes) if self._chunked else sizes)
        self._flow.wrote(times, self, blocked=rest is not None)
        return rest
