"""A `Content-Length` that is not that of the body (RFC 9112, 6.3)."""

from collections.abc import AsyncGenerator
from typing import Annotated

import msgspec
from msgspec import Meta

from ollama_simulator.acts import Act, Body, End, Framing, Head
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.laid import Ending, Whole, ended, laid


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
