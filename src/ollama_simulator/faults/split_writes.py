"""An answer that is cut where it should hold together."""

from collections.abc import AsyncGenerator, Iterator
from enum import Enum

from ollama_simulator.acts import Act, Body, Wait
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Whole, laid
from ollama_simulator.faults.pace import Milliseconds


class Where(Enum):
    """Where a piece of an answer is cut."""

    LINE = "line"
    """In its middle."""
    UTF8 = "utf8"
    """Within each character that has several bytes; in its middle if there is none."""
    BYTES = "bytes"
    """Behind each byte."""


@register
class SplitWrites(Fault, frozen=True):
    """Cut each piece of the answer where it should hold together.

    The honest answer, byte for byte; but each line or event of a stream comes in several chunks,
    each in a TCP segment of its own and a little later than the last. A whole answer comes in
    several segments. With `line` the cut is in the midst of a line, with `utf8` within characters
    such as ü or 界 (what has none of them is cut as with `line`), with `bytes` behind every byte.
    HTTP promises nothing about where bytes are cut (RFC 9112, 7.1: chunks are not for the
    recipient to rely on), so a correct client notices nothing. Who decodes or parses chunk by
    chunk fails. For cuts within the framing itself there is `Trickle`.
    """

    where: Where = Where.LINE
    """Where it is cut: `line`, `utf8` or `bytes`."""
    pause_ms: Milliseconds = 5
    """Milliseconds between two parts: without a pause they may be read as one."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Cut bodies up."""
        async for act in laid(exchange, handler):
            if isinstance(act, Whole):
                whole = act.acts
                if not act.body or act.bodiless:
                    for each in whole:
                        yield each
                    return
                yield whole[0]
                for cut in self._cut(act.body):
                    yield cut
                yield whole[-1]
            elif isinstance(act, Body):
                for cut in self._cut(act.data):
                    yield cut
            else:
                yield act

    def _cut(self, data: bytes) -> Iterator[Act]:
        begin = 0
        for end in [*self._places(data), len(data)]:
            if begin and self.pause_ms:
                yield Wait(self.pause_ms / 1000)
            yield Body(data[begin:end])
            begin = end

    def _places(self, data: bytes) -> list[int]:
        if self.where is Where.BYTES:
            return list(range(1, len(data)))
        # A byte from 0xC0 on begins a character of several bytes (RFC 3629, 3).
        found = [at + 1 for at, byte in enumerate(data[:-1]) if byte >= 0xC0]
        if self.where is Where.UTF8 and found:
            return found
        return [len(data) // 2] if len(data) > 1 else []
