"""Does acts to a socket.

Source: native specification 1.1, 1.7 and 1.9, compatibility specification 2.3 and 2.5.

Rules of this file:

1. It is the only code that turns acts into bytes, and it knows no endpoint and no fault.
2. Nothing goes out before it must: with automatic framing the head waits for the first
   flushed byte or for the end (1.7), and always for the rest of the request (1.9).
3. Headers stand in the order that Go's library gives them: the handler's by name, then
   `Date`, `Content-Length`, `Connection`, `Transfer-Encoding` (1.1).
4. What is not flushed is cut into chunks as Go's buffer would (compatibility specification 2.5).

It must not import anything but layer 0 and its own package.
"""

import functools
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from http import HTTPStatus
from typing import assert_never

import msgspec

from ollama_simulator.acts import (
    Body,
    End,
    Framing,
    Hangup,
    Head,
    Hold,
    How,
    Idle,
    Raw,
    Reply,
    Stream,
    Throttle,
    Tick,
    Wait,
)
from ollama_simulator.clock import Clock, Interrupt, wait_for
from ollama_simulator.net.request import Request
from ollama_simulator.net.sink import Sink, Throttled
from ollama_simulator.net.stepping import Stepping

LARGEST_WHOLE = 2048
"""Go's buffer in bytes: a longer body is chunked unless its length was declared."""

BODILESS = frozenset({204, 304})

AT_ONCE = frozenset({Framing.CHUNKED, Framing.CLOSE})
"""Framings whose heads wait for nothing."""


class Ended(msgspec.Struct, frozen=True):
    """How performing a reply ended."""

    how: How | None
    """What the reply asked to do to the connection; None if it completed."""
    keep_alive: bool
    """Whether the connection can serve another request."""
    idle: Idle | None = None
    """How it ends if it can."""


class Performer:
    """Performs one reply to one request.

    `status`, `body_bytes` and `ticks` tell what happened so far, at any time.
    """

    def __init__(self, request: Request, sink: Sink, clock: Clock) -> None:
        self.status: int | None = None
        self._ticks = 0
        self._bytes = 0
        self._step: Stepping | None = None
        """The flow that is performed now."""
        self._request = request
        self._sink = sink
        self._clock = clock
        self._head: Head | None = None
        self._held: list[bytes] = []
        """What waits for a flush, or for the end."""
        self._chunked = False
        self._bodiless = False
        self._headless = False
        """Whether there were raw bytes, and no head of ours yet."""

    @property
    def ticks(self) -> int:
        """How many units of progress were done."""
        return self._ticks if self._step is None else self._ticks + self._step.ticks

    @property
    def body_bytes(self) -> int:
        """How many bytes of the body were handed to the kernel, or are on their way."""
        return self._bytes if self._step is None else self._bytes + self._step.body_bytes

    async def run(self, reply: Reply, gone: Interrupt) -> Ended:
        """Perform the acts. Raises whatever the reply raises."""
        async for act in reply:
            match act:
                case Tick():
                    self._ticks += 1
                case Stream():
                    await self._stream(act, gone)
                case Head():
                    await self._begin(act)
                case Body():
                    await self._body(act)
                case Raw():
                    await self._raw(act.data)
                case End():
                    await self._end()
                    return Ended(None, self._request.keep_alive, act.then)
                case Wait():
                    if not await self._clock.sleep_until(self._clock.now() + act.seconds, gone):
                        return Ended(how=How.FIN, keep_alive=False)
                case Hold():
                    await gone.wait()
                    return Ended(how=How.FIN, keep_alive=False)
                case Throttle():
                    self._sink = Throttled(self._sink, act, self._clock)
                case Hangup():
                    return Ended(how=act.how, keep_alive=False)
                case _:
                    assert_never(act)
        raise AssertionError("a reply ended without End or Hangup")

    async def _begin(self, head: Head) -> None:
        self._head = head
        self._headless = False
        self._bodiless = self._request.method == "HEAD" or head.status in BODILESS
        if head.framing in AT_ONCE or head.length is not None or not head.blank_line:
            await self._send(await self._open(), ())

    async def _body(self, body: Body) -> None:
        data = body.data
        if body.flush and self.status is not None and data and not self._held:
            # A token in the midst of a stream, which is what most acts are.
            if not self._bodiless:
                out = b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
                await self._sink.write(out)
                self._bytes += len(data)
            return
        self._held.append(data)
        if body.flush:
            chunks = _chunks(self._held)
            self._held.clear()
            await self._send(b"" if self.status is not None else await self._open(), chunks)

    async def _raw(self, data: bytes) -> None:
        self._request.keep_alive = False
        if self._held or (self._head is not None and self.status is None):
            # What is held back stands before it.
            await self._body(Body(b""))
        self._headless = self._head is None
        await self._sink.write(data)

    async def _stream(self, stream: Stream, gone: Interrupt) -> None:
        assert self.status is not None, "a stream before its head"
        assert not self._held, "a stream behind what waits for a flush"
        step = self._step = Stepping(stream, self._sink, self._clock, chunked=self._chunked)
        try:
            step.begin()
            await wait_for(step.over, gone)
        finally:
            step.leave()
            self._ticks, self._bytes, self._step = self.ticks, self.body_bytes, None
        if step.rest is not None:
            await self._sink.write(step.rest)

    async def _end(self) -> None:
        if self._headless:
            return
        chunks = _chunks(self._held)
        self._held.clear()
        head = b"" if self.status is not None else await self._open(chunks)
        last = b"0\r\n\r\n" if self._chunked and not self._bodiless else b""
        await self._send(head, chunks, last)

    async def _send(self, head: bytes, chunks: Sequence[bytes], last: bytes = b"") -> None:
        if self._bodiless:
            chunks = ()
        framed = (
            [b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks] if self._chunked else chunks
        )
        if out := b"".join([head, *framed, last]):
            await self._sink.write(out)
        self._bytes += sum(map(len, chunks))

    async def _open(self, whole: Sequence[bytes] | None = None) -> bytes:
        """The bytes of the head; `whole` is the body, if all of it is known."""
        assert self._head is not None, "a body before its head"
        own = {name.lower(): value for name, value in self._head.headers}
        request = self._request
        if own.get("connection") == "close":
            request.keep_alive = False
        if request.keep_alive and not request.body.settled:
            request.answer_waits = True
            request.keep_alive = await request.body.settle()
            if request.body.cut_short:
                request.leave(How.FIN)
            request.answer_waits = False
        return self._render(self._head, own, whole)

    def _render(
        self, head: Head, own: Mapping[str, str], whole: Sequence[bytes] | None = None
    ) -> bytes:
        request = self._request
        named = list(head.headers)
        if request.reply_headers:
            named = sorted([*named, *request.reply_headers], key=lambda pair: pair[0])
        if "date" not in own:
            named.append(("Date", _date(self._clock.wall_ns() // 1_000_000_000)))
        length = head.length
        if length is None and whole is not None and (whole or request.method != "HEAD"):
            size = sum(map(len, whole))
            # Go can't tell a HEAD whose body is empty from one whose body nobody wrote.
            length = size if size <= LARGEST_WHOLE else None
        allowed = head.status not in BODILESS
        given = "content-length" in own
        if given and (head.framing in AT_ONCE or head.length is not None):
            named, given = _reframed(named, head)
        sized = not allowed or given or (length is not None and head.framing is Framing.AUTO)
        if sized and allowed and not given:
            named.append(("Content-Length", str(length)))
        elif not sized and head.framing is Framing.CLOSE:
            request.keep_alive = False
        elif not sized and (head.framing is Framing.CHUNKED or not self._bodiless):
            self._chunked = request.version != "1.0"
        if request.version == "1.0":
            # HTTP/1.0 knows no chunks: there the end of the connection ends the body.
            request.keep_alive = request.keep_alive and (sized or request.method == "HEAD")
            if request.keep_alive and "connection" not in own:
                named.append(("Connection", "keep-alive"))
        if not request.keep_alive and own.get("connection") != "close":
            named = [pair for pair in named if pair[0].lower() != "connection"]
            if request.version != "1.0":
                named.append(("Connection", "close"))
        if self._chunked:
            named.append(("Transfer-Encoding", "chunked"))
        self.status = head.status
        phrase = reason(head.status) if head.reason is None else head.reason
        line = f"HTTP/{request.version} {head.status} {phrase}"
        lines = [line, *(f"{name}: {value}" for name, value in named)]
        end = "\r\n\r\n" if head.blank_line else "\r\n"
        return ("\r\n".join(lines) + end).encode("latin-1", "replace")


def _reframed(named: list[tuple[str, str]], head: Head) -> tuple[list[tuple[str, str]], bool]:
    """Headers with a length among them, framed as the act says; and whether it is still there."""
    if head.framing in AT_ONCE:
        return [pair for pair in named if pair[0].lower() != "content-length"], False
    declared = str(head.length)
    return [
        (name, declared if name.lower() == "content-length" else value) for name, value in named
    ], True


def _chunks(written: list[bytes]) -> list[bytes]:
    """How Go's buffer cuts what was written before a flush. No chunk is empty."""
    if len(written) == 1 or sum(map(len, written)) <= LARGEST_WHOLE:
        whole = b"".join(written)
        return [whole] if whole else []
    chunks: list[bytes] = []
    held = b""
    for data in written:
        while len(data) > LARGEST_WHOLE - len(held):
            # What doesn't fit goes out by itself if nothing waits, else behind what waits.
            room = LARGEST_WHOLE - len(held) if held else len(data)
            chunks.append(held + data[:room])
            held, data = b"", data[room:]
        held += data
    return [*chunks, held] if held else chunks


def reason(status: int) -> str:
    """The reason phrase, with Go's words for a status it doesn't know."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return f"status code {status}"


@functools.lru_cache(maxsize=4)
def _date(seconds: int) -> str:
    return formatdate(seconds, usegmt=True)
