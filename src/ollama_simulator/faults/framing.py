"""Faults of framing: what says where the answer ends is wrong (RFC 9112, 6 and 7)."""

from collections.abc import AsyncGenerator
from enum import Enum
from typing import Annotated

import msgspec
from msgspec import Meta

from ollama_simulator.acts import Act, Body, End, Framing, Head, Raw, Tick
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Ending, Whole, ended, laid, torn
from ollama_simulator.faults.pace import Count, lengthen

EXCESS = 64
"""Bytes that a chunk promises and that never come."""


class Size(Enum):
    """What is wrong with the size of a chunk."""

    NO_NUMBER = "no_number"
    """It is no hexadecimal number."""
    TOO_LONG = "too_long"
    """It is more than what comes before the connection ends."""


@register
class BadChunk(Fault, frozen=True):
    """Send a chunk whose size is wrong, and close the connection.

    A streamed answer has so many good tokens before it. A whole answer is sent in chunks, of which
    the first is the bad one. (One to HEAD has no body, and is cut in its head instead.) With
    `no_number` a client sees something that is not HTTP; with `too_long` an end of file within a
    chunk. That is what comes of a proxy or framework that writes the framing itself, and of an
    answer into which another thread has written.
    """

    after_tokens: Count = 1
    """Tokens of a streamed answer before the bad chunk."""
    size: Size = Size.NO_NUMBER
    """What is wrong: `no_number` or `too_long`."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Let ticks pass until the one too many; its body is spoilt."""
        lengthen(exchange, self.after_tokens + 1)
        left = self.after_tokens
        async for act in laid(exchange, handler):
            if isinstance(act, Whole):
                head = msgspec.structs.replace(act.head, framing=Framing.CHUNKED, length=None)
                yield torn(act.head) if act.bodiless else head
                if not act.bodiless:
                    yield self._bad(act.body)
                yield ended(exchange, Ending.FIN, counted=act.bodiless)
            elif isinstance(act, End) or (isinstance(act, Body) and left < 0):
                yield self._bad(act.data if isinstance(act, Body) else b"")
                yield ended(exchange, Ending.FIN)
                return
            else:
                left -= isinstance(act, Tick)
                yield act

    def _bad(self, data: bytes) -> Raw:
        if self.size is Size.NO_NUMBER:
            return Raw(b"size?\r\n" + data + b"\r\n")
        return Raw(b"%x\r\n" % (len(data) + EXCESS) + data)


@register
class WrongLength(Fault, frozen=True):
    """Say a `Content-Length` that is not that of the body.

    The answer is sent in one piece, also one that would be streamed, as its length stands in its
    head. A length that is too large (`off_by` above 0) has the client wait for bytes that never
    come; one that is too small has it take a part for the whole, and the rest for the beginning of
    the next answer. An answer to HEAD says the wrong length, too, and completes. It is what a
    server does that counts characters instead of bytes, or a proxy that changes a body (compresses
    it, adds to it) and keeps its head.
    """

    off_by: Annotated[int, Meta(ge=-(10**9), le=10**9)] = 10
    """Bytes that are added to the true length; below 0 it is too small, but never less than 0."""
    ending: Ending = Ending.FIN
    """What follows: `fin` closes the connection, `rst` resets it, `hold` leaves it open in
    silence until the client goes."""

    def __post_init__(self) -> None:
        if self.off_by == 0:
            raise ValueError("off_by is 0: that is the right length")

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Hold everything back, to know the true length."""
        head: Head | None = None
        held: list[bytes] = []
        async for act in laid(exchange, handler):
            if isinstance(act, Whole):
                yield self._counted(act.head, len(act.body))
                if act.bodiless:
                    yield End()
                    return
                held.append(act.body)
            elif isinstance(act, Head):
                head = act
                continue
            elif isinstance(act, Body):
                held.append(act.data)
                continue
            elif isinstance(act, End) and head is not None:
                yield self._counted(head, sum(map(len, held)))
            else:
                yield act
                continue
            yield Body(b"".join(held))
            yield ended(exchange, self.ending, counted=True)
            return

    def _counted(self, head: Head, size: int) -> Head:
        length = max(0, size + self.off_by)
        return msgspec.structs.replace(head, framing=Framing.AUTO, length=length)


class Conflict(Enum):
    """Which headers of framing contradict each other."""

    TWICE = "twice"
    """`Transfer-Encoding: chunked` stands there twice."""
    BOTH = "both"
    """There is a `Content-Length` as well."""


@register
class ConflictingFraming(Fault, frozen=True):
    """Say twice, or in two ways, where the answer ends. The body itself is a good one in chunks.

    With `twice` there are two headers `Transfer-Encoding: chunked`: RFC 9112, 6.1 forbids that,
    nginx answers it with a 502 since 1.23 (nginx/nginx#304, kubernetes/ingress-nginx#11162), and
    others bear it. With `both` there is a `Content-Length`, too, that of the whole body or of the
    first token: chunks prevail, but such an answer should be taken for an error (RFC 9112, 6.3),
    as it may be an attempt to smuggle another one past a proxy. Both come of programs that pass on
    the headers of others and then frame the body themselves (timoklimmer/powerproxy-aoai#53). An
    answer to HEAD has the headers, and completes.
    """

    conflict: Conflict = Conflict.TWICE
    """`twice` or `both`."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Write the headers, and with `both` the chunks, too."""
        head: Head | None = None
        async for act in laid(exchange, handler):
            if isinstance(act, Whole):
                yield self._framed(act.head, len(act.body))
                if not act.bodiless:
                    yield self._chunk(act.body)
                    yield self._last()
                yield End()
            elif isinstance(act, Head):
                head = act
            elif isinstance(act, Body):
                if head is not None:
                    yield self._framed(head, len(act.data))
                    head = None
                yield self._chunk(act.data)
            elif isinstance(act, End):
                if head is not None:
                    yield self._framed(head, 0)
                yield self._last()
                yield act
            else:
                yield act

    def _framed(self, head: Head, length: int) -> Head:
        kept = tuple(pair for pair in head.headers if pair[0].lower() != "content-length")
        chunked = ("Transfer-Encoding", "chunked")
        if self.conflict is Conflict.TWICE:
            # The performer adds the other one.
            return msgspec.structs.replace(
                head, headers=(*kept, chunked), framing=Framing.CHUNKED, length=None
            )
        # With a length of the handler's own the performer leaves the body as it is.
        headers = (*kept, ("Content-Length", str(length)), chunked)
        return msgspec.structs.replace(head, headers=headers, framing=Framing.AUTO, length=None)

    def _chunk(self, data: bytes) -> Body:
        if self.conflict is Conflict.TWICE or not data:
            return Body(data)
        return Body(b"%x\r\n%b\r\n" % (len(data), data))

    def _last(self) -> Body:
        return Body(b"" if self.conflict is Conflict.TWICE else b"0\r\n\r\n")
