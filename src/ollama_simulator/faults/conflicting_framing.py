"""Headers that contradict each other about where the answer ends (RFC 9112, 6.1 and 6.3)."""

from collections.abc import AsyncGenerator
from enum import Enum

import msgspec

from ollama_simulator.acts import Act, Body, End, Framing, Head
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Whole, laid


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
