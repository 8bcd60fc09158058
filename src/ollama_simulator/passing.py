"""An answer that another server gave, or once gave, as acts.

Rules of this file:

1. A client gets what a client of that server would have got: status line, headers and their order,
   framing, chunks, body. What belongs to a single connection (RFC 9110, 7.6.1) is our own, but a
   `Connection: close` is passed on.
2. It ticks once for each chunk of a chunked body, before it; any other answer ticks once, before
   its head. So "after five tokens" is after five lines of a native stream, and five events of the
   other dialects.
3. The end of a body of declared length, and a head that no body follows, wait for the end of the
   answer, so that a fault can cut them.

It must not import faults, the journal or anything above.
"""

import msgspec

from ollama_simulator import acts
from ollama_simulator.acts import Act, Body, End, Hangup, How, Tick
from ollama_simulator.exchange import Exchange
from ollama_simulator.net.perform import BODILESS
from ollama_simulator.recording.entries import REDACTED, Ended, Framing, Head, Headers

HOP_BY_HOP = frozenset(
    "keep-alive proxy-connection te trailer transfer-encoding upgrade proxy-authenticate".split()
)
"""Headers of one connection, beside those that `Connection` names."""


def framing(method: str, status: int, headers: Headers) -> Framing:
    """How the end of a body is told (RFC 9112, 6.3)."""
    named = {name.lower(): value.lower() for name, value in headers}
    if method == "HEAD" or status in BODILESS:
        return "none"
    if "chunked" in named.get("transfer-encoding", ""):
        return "chunked"
    return "content-length" if "content-length" in named else "close"


def kept(headers: Headers) -> Headers:
    """The headers that are passed on: those of the message, not of its connection."""
    wishes = ",".join(value for name, value in headers if name.lower() == "connection")
    dropped = HOP_BY_HOP | {wish.strip().lower() for wish in wishes.split(",")}
    closes = "close" in dropped
    return tuple(
        (name, "close" if name.lower() == "connection" else value)
        for name, value in headers
        if (closes if name.lower() == "connection" else name.lower() not in dropped)
        and value != REDACTED
    )


class Passing:
    """One answer on its way to its client."""

    def __init__(self, exchange: Exchange, head: Head) -> None:
        self._exchange = exchange
        self._head = head
        self._ticks = 0
        self._began = False
        self._left = head.length if head.framing == "content-length" else None
        """Bytes of a body of declared length that are still to come."""
        self._first_at = 0.0

    def begin(self) -> list[Act]:
        """The head, unless it went out already. That of an answer without a body, which it ends,
        too, waits for the end."""
        return [] if self._head.framing == "none" or self._left == 0 else self._begin()

    def _begin(self) -> list[Act]:
        if self._began:
            return []
        self._began = True
        ticks = [] if self._head.framing == "chunked" else self._tick()
        return [*ticks, _head(self._head, self._exchange.request.method)]

    def tick(self) -> list[Act]:
        """The progress that a piece is, to be told before it."""
        return self._tick() if self._head.framing == "chunked" else []

    async def paced(self) -> None:
        """Let the next chunk come no sooner than the behaviour lets a server work (`Slow`,
        `Normal`)."""
        exchange = self._exchange
        rate = exchange.pace.decode_tps
        if rate is None or self._head.framing != "chunked":
            return
        if self._ticks == 1:
            self._first_at = exchange.clock.now()
            exchange.when_paced()
        due = self._first_at + (self._ticks - 1) / rate
        await exchange.clock.sleep_until(due, exchange.request.gone)

    def piece(self, data: bytes) -> list[Act]:
        """A piece of the body, behind its tick."""
        begin = self._begin()
        if self._left is not None:
            self._left -= len(data)
        return [*begin, Body(data, flush=self._left != 0)]

    def end(self, ended: Ended) -> list[Act]:
        """What ended it. An answer that was `left` ends as if it had been cut."""
        if ended == "complete":
            ticks = [] if self._ticks else self._tick()
            empty = [] if self._began else [*self._begin(), Body(b"", flush=False)]
            return [*ticks, *empty, End()]
        if ended == "reset":
            return [Hangup(How.RST)]
        framed = self._head.framing != "close" and self._exchange.request.version != "1.0"
        # Where the end of the connection is the end of the body, only a reset is none.
        return [Hangup(How.FIN if framed else How.RST)]

    def _tick(self) -> list[Act]:
        self._ticks += 1
        return [Tick()]


def _head(head: Head, method: str) -> acts.Head:
    """The head as an act."""
    out = acts.Head(head.status, kept(head.headers), reason=head.reason)
    match head.framing:
        case "chunked":
            how, length = acts.Framing.CHUNKED, None
        case "content-length":
            # Without a body its head waits for the end, as the length is among its headers.
            how, length = acts.Framing.AUTO, head.length or None
        case "close":
            how, length = acts.Framing.CLOSE, None
        case "none" if method == "HEAD" and "chunked" in (head.header("transfer-encoding") or ""):
            how, length = acts.Framing.CHUNKED, None
        case "none":
            given = head.length is not None
            how, length = acts.Framing.AUTO if given else acts.Framing.NONE, None
    return msgspec.structs.replace(out, framing=how, length=length)
