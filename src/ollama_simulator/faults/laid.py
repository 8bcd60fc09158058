"""An answer laid open, for faults that change its bytes or its framing.

Rules of this file:

1. An answer that goes out in one piece, or declares its length, becomes a `Whole`; one that is
   flushed piece by piece stays acts, and its head says that it is chunked.
2. No fault lets a cut answer look complete: where there is no other sign of it, it is reset.

It must not import the journal or anything above.
"""

from collections.abc import AsyncGenerator
from enum import Enum

import msgspec

from ollama_simulator.acts import Act, Body, End, Framing, Hangup, Head, Hold, How
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.net.perform import AT_ONCE, BODILESS, LARGEST_WHOLE


class Ending(Enum):
    """What becomes of the connection of an answer that does not complete."""

    FIN = "fin"
    """It is closed: its client reads an end of file."""
    RST = "rst"
    """It is reset."""
    HOLD = "hold"
    """It stays open, and nothing comes."""


class Whole(msgspec.Struct, frozen=True):
    """An answer in one piece, up to its end."""

    head: Head
    """With the framing that its body has: a length, or chunks above 2,048 bytes."""
    body: bytes
    bodiless: bool
    """Whether nothing of the body is sent: to HEAD, or with a status that allows none."""

    @property
    def acts(self) -> list[Act]:
        """What sends it."""
        return [self.head, Body(self.body, flush=False), End()]


async def laid(exchange: Exchange, handler: Handler) -> AsyncGenerator[Act | Whole, None]:
    """The answer of a handler. Behind a `Whole` comes nothing, and before an `End` all bytes."""
    head: Head | None = None
    held: list[bytes] = []
    async for act in handler(exchange):
        if isinstance(act, Head):
            head = act
            if head.framing in AT_ONCE and not _bodiless(exchange, head):
                yield _chunked(head)
                head = None
        elif isinstance(act, Body):
            held.append(act.data)
            if act.flush and (head is None or head.length is None):
                if head is not None:
                    yield _chunked(head)
                    head = None
                if data := b"".join(held):
                    yield Body(data)
                held.clear()
        elif isinstance(act, End) and head is not None:
            yield _whole(exchange, head, b"".join(held))
            return
        else:
            if isinstance(act, End | Hangup | Hold):
                if head is not None:
                    yield head
                    head = None
                if data := b"".join(held):
                    yield Body(data)
                held.clear()
            yield act


def _chunked(head: Head) -> Head:
    return msgspec.structs.replace(head, framing=Framing.CHUNKED, length=None)


def _bodiless(exchange: Exchange, head: Head) -> bool:
    return exchange.request.method == "HEAD" or head.status in BODILESS


def _whole(exchange: Exchange, head: Head, body: bytes) -> Whole:
    if _bodiless(exchange, head):
        return Whole(head, body, bodiless=True)
    if not body:
        return Whole(head, body, bodiless=False)
    if len(body) > LARGEST_WHOLE and head.length is None:
        return Whole(_chunked(head), body, bodiless=False)
    return Whole(msgspec.structs.replace(head, length=len(body)), body, bodiless=False)


def ended(exchange: Exchange, ending: Ending, *, counted: bool = False) -> Act:
    """The act that ends an answer too early; `counted`: its head has told its length.

    Without a length or chunks (HTTP/1.0) an end of file is the proper end of an answer
    (RFC 9112, 6.3), so the connection is reset there.
    """
    if ending is Ending.HOLD:
        return Hold()
    framed = counted or exchange.request.version != "1.0"
    return Hangup(How.FIN if ending is Ending.FIN and framed else How.RST)


def cut(whole: Whole, left: int, exchange: Exchange, ending: Ending) -> list[Act]:
    """The acts of a whole answer that is cut after `left` bytes of its body or before the last."""
    head = whole.head
    if not whole.body or whole.bodiless:
        # There is no byte of a body to leave out, so the head stays without its end.
        return [torn(head), ended(exchange, ending, counted=True)]
    counted = head.framing is not Framing.CHUNKED
    sent = whole.body[: min(left, len(whole.body) - counted)]
    body = [Body(sent)] if sent else []
    return [head, *body, ended(exchange, ending, counted=counted)]


def torn(head: Head) -> Head:
    """A head that never completes, for answers that have no body to spoil."""
    return msgspec.structs.replace(head, blank_line=False)
