"""Does acts to a socket.

Rules of this file:

1. It is the only code that turns acts into bytes, and it knows no endpoint and no fault.
2. Nothing goes out before it must: with automatic framing the head waits for the first
   flushed byte or for the end (native specification, section 1.7).
3. Headers stand in the order that Go's library gives them: the handler's by name, then
   `Date`, `Content-Length`, `Connection`, `Transfer-Encoding` (section 1.1).

It must not import anything but layer 0 and its own package.
"""

import functools
from email.utils import formatdate
from http import HTTPStatus
from typing import Protocol, assert_never

import msgspec

from ollama_simulator.acts import Body, End, Framing, Hangup, Head, Hold, How, Reply, Tick, Wait
from ollama_simulator.clock import Clock, Interrupt
from ollama_simulator.net.request import Request

LARGEST_WHOLE = 2048
"""Go's buffer in bytes: a longer body is chunked unless its length was declared."""

LARGEST_REMNANT = 256 * 1024
"""Bytes of unread body that are read so that the connection can go on (1.1)."""

BODILESS = frozenset({204, 304})


class Sink(Protocol):
    """Where bytes go."""

    async def write(self, data: bytes) -> None:
        """Hand bytes to the kernel; returns when it has taken them all."""


class Ended(msgspec.Struct, frozen=True):
    """How performing a reply ended."""

    how: How | None
    """What the reply asked to do to the connection; None if it completed."""
    keep_alive: bool
    """Whether the connection can serve another request."""


class Performer:
    """Performs one reply to one request.

    `status`, `body_bytes` and `ticks` tell what happened so far, at any time.
    """

    def __init__(self, request: Request, sink: Sink, clock: Clock) -> None:
        self.status: int | None = None
        self.body_bytes = 0
        self.ticks = 0
        self._request = request
        self._sink = sink
        self._clock = clock
        self._head: Head | None = None
        self._held: list[bytes] = []
        self._chunked = False
        self._bodiless = False

    async def run(self, reply: Reply, gone: Interrupt) -> Ended:
        """Perform the acts. Raises whatever the reply raises."""
        async for act in reply:
            match act:
                case Tick():
                    self.ticks += 1
                case Head():
                    await self._begin(act)
                case Body():
                    await self._body(act)
                case End():
                    await self._end()
                    return Ended(how=None, keep_alive=self._request.keep_alive)
                case Wait():
                    if not await self._clock.sleep_until(self._clock.now() + act.seconds, gone):
                        return Ended(how=How.FIN, keep_alive=False)
                case Hold():
                    await gone.wait()
                    return Ended(how=How.FIN, keep_alive=False)
                case Hangup():
                    return Ended(how=act.how, keep_alive=False)
                case _:
                    assert_never(act)
        raise AssertionError("a reply ended without End or Hangup")

    async def _begin(self, head: Head) -> None:
        self._head = head
        self._bodiless = self._request.method == "HEAD" or head.status in BODILESS
        if head.framing is Framing.CHUNKED or head.length is not None or not head.blank_line:
            await self._send(self._render())

    async def _body(self, body: Body) -> None:
        if not body.flush:
            self._held.append(body.data)
            return
        data = b"".join([*self._held, body.data])
        self._held.clear()
        prefix = b"" if self.status is not None else self._render()
        await self._send(prefix + self._framed(data), data)

    async def _end(self) -> None:
        data = b"".join(self._held)
        self._held.clear()
        prefix = b""
        if self.status is None:
            # A whole answer waits for the rest of its request, up to a limit (1.9); above it,
            # and for a body that was never asked for, the connection ends (1.1).
            body = self._request.body
            if self._request.keep_alive and not body.complete:
                asked = not body.awaits_interim
                self._request.keep_alive = asked and await body.discard(LARGEST_REMNANT)
            prefix = self._render(whole=data)
        last = b"0\r\n\r\n" if self._chunked and not self._bodiless else b""
        out = prefix + self._framed(data) + last
        if out:
            await self._send(out, data)

    async def _send(self, out: bytes, data: bytes = b"") -> None:
        await self._sink.write(out)
        if not self._bodiless:
            self.body_bytes += len(data)

    def _framed(self, data: bytes) -> bytes:
        if self._bodiless or not data:
            return b""
        return b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data

    def _render(self, whole: bytes | None = None) -> bytes:
        """The bytes of the head; `whole` is the body, if all of it is known."""
        head = self._head
        assert head is not None, "a body before its head"
        length = head.length
        if length is None and whole is not None and len(whole) <= LARGEST_WHOLE:
            length = len(whole)
        own = {name.lower() for name, _ in head.headers}
        named = list(head.headers)
        if "date" not in own:
            named.append(("Date", _date(self._clock.wall_ns() // 1_000_000_000)))
        if head.framing is Framing.AUTO and length is not None and head.status not in BODILESS:
            named.append(("Content-Length", str(length)))
        elif head.status not in BODILESS and (
            head.framing is Framing.CHUNKED or not self._bodiless
        ):
            # HTTP/1.0 knows no chunks: there the end of the connection ends the body.
            self._chunked = self._request.version != "1.0"
            self._request.keep_alive = self._request.keep_alive and self._chunked
        if self._request.version == "1.0" and self._request.keep_alive:
            named.append(("Connection", "keep-alive"))
        elif not self._request.keep_alive:
            named = [pair for pair in named if pair[0].lower() != "connection"]
            named.append(("Connection", "close"))
        if self._chunked:
            named.append(("Transfer-Encoding", "chunked"))
        self.status = head.status
        line = f"HTTP/{self._request.version} {head.status} {reason(head.status)}"
        lines = [line, *(f"{name}: {value}" for name, value in named)]
        end = "\r\n\r\n" if head.blank_line else "\r\n"
        return ("\r\n".join(lines) + end).encode("latin-1", "replace")


def reason(status: int) -> str:
    """The reason phrase, with Go's words for a status it doesn't know."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status code {status}"


@functools.lru_cache(maxsize=4)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
