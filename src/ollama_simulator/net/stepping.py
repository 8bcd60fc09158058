"""Performs a flow: a step at each of its moments, called by the event loop.

It must not import anything but layer 0 and its own package.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence

from ollama_simulator.acts import Stream
from ollama_simulator.clock import Clock, Handle
from ollama_simulator.flow import Frame
from ollama_simulator.net.sink import PIECE, Sink
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


class Stepping(Alarm):
    """A flow that is performed."""

    __slots__ = (
        "_bytes",
        "_chunked",
        "_chunks",
        "_clock",
        "_dues",
        "_ended",
        "_flow",
        "_handle",
        "_now",
        "_pen",
        "_sink",
        "_ticks",
        "_times",
        "over",
        "rest",
    )

    def __init__(self, stream: Stream, sink: Sink, clock: Clock, *, chunked: bool) -> None:
        super().__init__()
        self._flow = stream.flow
        self._sink = sink
        self._pen = sink.pen
        self._clock = clock
        self._now = clock.now
        self._chunked = chunked
        self._ticks = 0
        self._bytes = 0
        self._chunks: Sequence[bytes] = ()
        """The batch in progress; none if pieces are taken one by one."""
        self._dues: Sequence[float] = ()
        self._times: list[float] = []
        """When those of them were written that were."""
        self._handle: Handle | None = None
        """The alarm for the next one."""
        self._ended = False
        self.over: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Has a result when the flow is over, or can't go on without waiting."""
        self.rest: bytes | None = None
        """What has to be waited for, if anything has."""

    @property
    def ticks(self) -> int:
        """How many pieces were done."""
        return self._ticks + len(self._times)

    @property
    def body_bytes(self) -> int:
        """How many bytes of the body these were."""
        sizes = map(len, self._chunks[: len(self._times)])
        return self._bytes + sum(map(_LENGTHS.__getitem__, sizes) if self._chunked else sizes)

    def begin(self) -> None:
        """Do the first piece at its moment, and so on."""
        if self._chunked:
            self._flow.frame(_CHUNKED)
        self._go_on()

    def leave(self) -> None:
        """Do nothing more."""
        self._ended = True
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.cancel()
        self._tell(blocked=False)
        self._flow.disarm(self)

    def __call__(self) -> None:
        if self._ended:
            return
        try:
            if self._chunks:
                self._pour()
            elif not self.over.done():
                self._step()
        except Exception as error:
            self._ended = True
            if not self.over.done():
                self.over.set_exception(error)

    def _go_on(self) -> None:
        """Have what comes next done at its moment."""
        if self._flow.over:
            self._end(None)
        elif (batch := self._flow.batch()) is None:
            self._flow.arm(self)
        else:
            self._chunks, self._dues = batch
            self._handle = self._clock.alarm(self._dues[0], self)

    def _pour(self) -> None:
        """Do what is due of the batch. Here most tokens come by, whose stream nobody has looked at
        since the last one: so little is touched."""
        pen, chunks, dues, times = self._pen, self._chunks, self._dues, self._times
        at = len(times)
        if pen is None or not pen.open:
            self._wait(chunks[at])
            return
        transport, now, until = pen.transport, self._now, at + 1
        while True:
            for chunk in chunks[at:until]:
                # A write that fails is not told. asyncio complains of those behind it.
                if len(chunk) > PIECE or transport.is_closing():
                    self._wait(chunk)
                    return
                transport.write(chunk)
                times.append(now())
                if not pen.open:
                    self._end(b"")
                    return
            at = until
            if at == len(chunks):
                self._tell(blocked=False)
                self._go_on()
                return
            if dues[at] > times[-1]:
                self._handle = self._clock.alarm(dues[at], self)
                return
            until = bisect_right(dues, times[-1], at)

    def _wait(self, chunk: bytes) -> None:
        """Have a chunk written that can't be written at once."""
        if not self.over.done():
            self._times.append(self._now())
            self._end(chunk)

    def _step(self) -> None:
        """Do the next piece."""
        flow = self._flow
        self._ticks += 1
        rest: bytes | None = None
        for chunk in flow.take():
            self._bytes += len(chunk)
            out = _CHUNKED.before[len(chunk)] + chunk + b"\r\n" if self._chunked else chunk
            rest = self._sink.put(out) if rest is None else rest + out
        if rest is not None:
            self._end(rest)
            return
        flow.taken()
        self._go_on()

    def _tell(self, *, blocked: bool) -> None:
        """Tell the flow what was done of the batch."""
        times = self._times
        self._ticks, self._bytes = self.ticks, self.body_bytes
        self._chunks, self._times = (), []
        if times:
            self._flow.wrote(times, blocked=blocked)

    def _end(self, rest: bytes | None) -> None:
        """It is over, or can't go on before the `rest` is written."""
        self._ended = True
        self._tell(blocked=True)
        self.rest = rest
        if not self.over.done():
            self.over.set_result(True)
