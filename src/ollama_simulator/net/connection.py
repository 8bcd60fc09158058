"""One client connection: bytes to requests, replies to bytes, and how it ends.

Rules of this file:

1. One task serves a connection, and only that task writes to it, unless it waits for a request.
2. A client that shuts its side down fires `Request.gone`; its answer is still performed.
   Only a lost connection cancels the task.
3. Closing a socket that has unread bytes sends RST. So FIN is: shut down the sending side,
   read on and forget, close when the peer has closed, with a limit.
4. RST discards what is unsent. So RST is: wait until the kernel has delivered all, with a
   limit, then close with a linger time of 0.
5. What is answered at once, while nothing else is asked, wakes no task.

Longer than 300 lines because all of it is one object of the event loop, whose parts share a state.

It must not import anything but layer 0 and its own package.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, cast

from ollama_simulator.acts import How, Idle
from ollama_simulator.clock import Clock
from ollama_simulator.limits import Limits
from ollama_simulator.net import kernel
from ollama_simulator.net.delivery import delivered
from ollama_simulator.net.gate import Gate
from ollama_simulator.net.head import BadRequest
from ollama_simulator.net.parser import Parser
from ollama_simulator.net.patience import Patience
from ollama_simulator.net.perform import Performer
from ollama_simulator.net.request import BadBody, Request
from ollama_simulator.net.service import Answering, Held, Quick
from ollama_simulator.net.sink import PIECE, Pen
from ollama_simulator.records import Outcome

MOST_PIPELINED = 10_000
"""Requests waiting on one connection above which it is reset."""
MOST_AHEAD = 4 * 1024 * 1024
"""Bytes that came behind the first of them, above which it is reset, too."""
LINGER_S = 2.0
"""Seconds that a closing connection waits for its peer."""


class Owner(Protocol):
    """What a connection needs of its listener."""

    clock: Clock
    limits: Limits
    quick: Quick | None
    """Who answers at once what takes no wait."""

    def answer(self, request: Request) -> Answering:
        """Begin to answer a request."""

    def connected(self, connection: "Connection", peer: str) -> None:
        """A connection began."""

    def disconnected(self, connection: "Connection", by: str, how: How) -> None:
        """A connection is over."""


class Connection(asyncio.Protocol):
    """One client's connection. Made by the listener, which also runs `serve()`."""

    def __init__(self, owner: Owner, number: int, spawn: Callable[["Connection"], None]) -> None:
        self.number = number
        self._owner = owner
        self._spawn = spawn
        self._transport: asyncio.Transport
        self._pen: Pen | None = None
        self._task: asyncio.Task[Any] | None = None
        self._served = False
        """Whether the task is over."""
        self._parser = Parser(
            number,
            arrived=self._begun,
            say_continue=self._say_continue,
            drained=self._mind_reading,
            abort=self.abort,
            limits=owner.limits,
        )
        limits = owner.limits
        self._patience = Patience(limits, self._out_of_patience) if limits.timed else None
        self._requests: deque[Request | Held | None] = deque()
        """What comes next: requests, answers that the kernel has not taken whole, the end."""
        self._came = 0
        """Bytes that came so far, but for requests that were answered at once."""
        self._free = False
        """Whether the task waits for the next request, and for nothing else."""
        self._arrived: asyncio.Future[None] | None = None
        self._current: Request | None = None
        self._held: Held | None = None
        """The answer that the kernel has not taken whole, if it was given at once."""
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lost_how = How.FIN
        self._ended_by = "client"
        self._eof = False
        self._refusal: bytes | None = None
        self._aborted = False
        self._retiring = False
        self._thawed = Gate()
        self._writable = Gate()
        self._reading = True

    # --- called by the event loop -----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are transports by shape, not by class.
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=0)
        peer = transport.get_extra_info("peername")
        self._free = True
        self._owner.connected(self, f"{peer[0]}:{peer[1]}" if peer else "?")
        self._spawn(self)

    def data_received(self, data: bytes) -> None:
        if self._ended_by != "us":
            if self._free and not self._requests and self._at_once(data):
                if self._patience is not None:
                    self._patience.end()
                    self._mind_patience(self._patience)
                return
            if self._current is not None and self._current.body.complete:
                self._current.unwatched = True
            if self._held is not None:
                self._held.unwatched = True
            self._came += len(data)
            self._parse(data)
            self._mind_reading()
            if self._patience is not None:
                self._mind_patience(self._patience)

    def eof_received(self) -> bool:
        self._eof = True
        self._parse(None)
        for request in (self._current, *self._requests):
            if isinstance(request, Request) and request.seen_leaving:
                request.leave(How.FIN)
        if self._held is not None and not self._held.unwatched:
            self._held.leave(How.FIN)
        self._put(None)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._lost_how = How.RST
        if not self._lost.done():
            self._lost.set_result(None)
        self._parse(None)
        self._put(None)
        if self._patience is not None:
            self._patience.end()
        blocked = not self._writable.open
        self._writable.set()
        self._mind_pen()
        if self._held is not None and self._ended_by == "client":
            self._held.leave(self._lost_how)
        if self._current is not None:
            if self._ended_by == "client":
                self._current.leave(self._lost_how, in_write=blocked)
            if self._task is not None:
                self._task.cancel()
        self._let_go()

    def pause_writing(self) -> None:
        self._writable.clear()
        self._mind_pen()

    def resume_writing(self) -> None:
        self._writable.set()
        self._mind_pen()

    # --- called by the listener -------------------------------------------------------------

    async def serve(self) -> None:
        """Answer requests until the connection ends. Run as one task, by the listener."""
        self._task = asyncio.current_task()
        try:
            while (request := await self._wanted()) is not None:
                if not isinstance(request, Request):
                    await self._taken(request)
                    continue
                how = await self._answer(request)
                if how is not None or self._retiring:
                    await self._hang_up(how or How.FIN)
                    return
            if self._refusal is not None:
                await self.write(self._refusal)
            if not self._lost.done():
                await self._hang_up(How.FIN)
        finally:
            by, how = self._ended_by, self._lost_how
            if not self._lost.done():
                self._transport.abort()
            if self._held is not None:
                self._held.finish("cancelled" if self._aborted else "left")
            self._owner.disconnected(self, by, how)
            self._task, self._served = None, True
            self._let_go()

    def freeze(self) -> None:
        """Stop reading and writing, as a stopped process does."""
        self._thawed.clear()
        self._mind_pen()
        self._mind_reading()

    def thaw(self) -> None:
        """Go on where `freeze` stopped."""
        self._thawed.set()
        self._mind_pen()
        self._mind_reading()

    def retire(self) -> None:
        """End when the answer in progress is complete; at once if there is none."""
        self._retiring = True
        self._thawed.set()
        self._mind_pen()
        if self._current is None:
            # What is said already is said to its end.
            held = [each for each in self._requests if not isinstance(each, Request)]
            self._requests.clear()
            self._requests.extend(held)
            self._put(None)

    def abort(self, how: How = How.RST) -> None:
        """End at once, whatever is being performed; with FIN as at the death of a process."""
        if not self._lost.done():
            self._ended_by, self._lost_how, self._aborted = "us", how, True
            self._leave(how)

    # --- the rest is private ----------------------------------------------------------------

    def _let_go(self) -> None:
        """Forget what knows the connection when all is over, so that it is gone with it. What a
        client leaves behind would live long before the collector of garbage found it."""
        if self._served and self._lost.done():
            del self._parser
            self._patience = None

    def _parse(self, data: bytes | None) -> None:
        """Read requests from bytes, or from the end of them. Bad ones are refused in turn."""
        try:
            if data is None:
                self._parser.end()
            else:
                self._parser.feed(data)
        except BadRequest as bad:
            self._refusal = bad.reply()
            self._put(None)

    def _mind_patience(self, patience: Patience) -> None:
        """Have patience with a client exactly while nothing is done for it."""
        if self._current is None and not self._requests and not self._lost.done():
            patience.begin(within_head=self._parser.within_head)
        else:
            patience.end()

    def _out_of_patience(self) -> None:
        self._put(None)

    async def _arrival(self) -> None:
        if self._patience is not None:
            self._mind_patience(self._patience)
        while not self._requests:
            self._arrived = asyncio.get_running_loop().create_future()
            await self._arrived

    def _at_once(self, data: bytes) -> bool:
        """Answer what is asked if that takes no wait. Returns False if it does."""
        quick = self._owner.quick
        if quick is None:
            return False
        head = self._parser.note_alone(data)
        if head is None or not (self._thawed.open and self._writable.open):
            return False
        brief = quick.at_once(head, self.number)
        if brief is None:
            return False
        self._transport.write(brief.gist.data)
        if self._writable.open:
            quick.taken(brief)
        else:
            self._held = quick.holds(brief, self.abort)
            self._put(self._held)
        return True

    async def _taken(self, held: Held) -> None:
        """Wait until the kernel has taken an answer."""
        outcome: Outcome = "left"
        try:
            await self._writable.wait()
            if not self._lost.done():
                outcome = "complete"
        finally:
            self._held = None
            held.finish("cancelled" if self._aborted else outcome)

    async def _wanted(self) -> Request | Held | None:
        """The next request, while there is nothing else to do."""
        self._free = True
        try:
            return await self._next()
        finally:
            self._free = False

    async def _next(self) -> Request | Held | None:
        await self._arrival()
        request = self._requests.popleft()
        self._mind_reading()
        return request

    def _begun(self, request: Request) -> None:
        request.came_at = self._came
        self._put(request)

    @property
    def _ahead(self) -> int:
        """Bytes that came behind the head of the first request that waits."""
        first = self._requests[0] if self._requests else None
        return self._came - first.came_at if isinstance(first, Request) else 0

    def _put(self, request: Request | Held | None) -> None:
        self._requests.append(request)
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    async def _answer(self, request: Request) -> How | None:
        """Answer one request. Returns how to end the connection, or None to go on."""
        self._current = request
        answering = self._owner.answer(request)
        performer = Performer(request, self, self._owner.clock)
        outcome = "error"
        try:
            ended = await performer.run(answering.reply(performer), request.gone)
            if ended.how is None:
                outcome = "complete"
            else:
                outcome = "left" if request.left else ended.how.value
        except BadBody:
            outcome = "left"
            return How.FIN
        except asyncio.CancelledError:
            outcome = "cancelled" if self._aborted else "left"
            raise
        except Exception as error:
            answering.failed(error)
            return How.RST
        finally:
            self._current = None
            await answering.finish(outcome)
        if ended.idle is not None and ended.keep_alive:
            return await self._idle(ended.idle)
        if ended.how is not None or ended.keep_alive:
            return ended.how
        await request.body.linger(request.closing)
        return How.FIN

    async def _idle(self, idle: Idle) -> How | None:
        """Wait for the moment to end a connection behind an answer. None if it is over already, or
        goes on since a request came in time."""
        try:
            async with asyncio.timeout(idle.seconds):
                await self._arrival()
        except TimeoutError:
            return idle.how
        unwanted = idle.seconds is None and self._requests[0] is not None
        return idle.how if unwanted else None

    async def write(self, data: bytes) -> None:
        """Hand bytes to the kernel; returns when it has taken them all, and all before them."""
        for start in range(0, len(data) or 1, PIECE):
            if not self._thawed.open:
                await self._thawed.wait()
            if self._transport.is_closing():
                return
            self._transport.write(data[start : start + PIECE])
            if not self._writable.open:
                await self._writable.wait()

    def put(self, data: bytes) -> bytes | None:
        """Hand bytes to the kernel at once. None if it has taken them all; else what `write` has
        to wait with: the bytes, or an empty rest if they are on their way."""
        if len(data) > PIECE or self._transport.is_closing() or not self._thawed.open:
            return data
        self._transport.write(data)
        return None if self._writable.open else b""

    @property
    def pen(self) -> Pen:
        """What hands bytes to the kernel at once. Each takes the place of the one before."""
        pen = self._pen = Pen(self._transport)
        self._mind_pen()
        return pen

    def _mind_pen(self) -> None:
        """Have it open exactly while the kernel takes what is written."""
        if self._pen is not None:
            passable = self._thawed.open and self._writable.open
            self._pen.open = passable and not self._transport.is_closing()

    async def _hang_up(self, how: How) -> None:
        await self._thawed.wait()
        if self._lost.done():
            return
        self._ended_by, self._lost_how = "us", how
        if how is How.RST:
            await delivered(self._transport, self._owner.clock, self._lost.done, LINGER_S)
            if not self._lost.done():
                self._leave(how)
            return
        # The peer may have reset the connection, and the event loop not know it yet.
        with contextlib.suppress(OSError):
            self._transport.write_eof()
        self._mind_reading()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while not self._eof and not self._lost.done():
                    await self._next()
        self._transport.close()

    def _leave(self, how: How) -> None:
        if how is How.RST:
            kernel.reset_on_close(self._transport.get_extra_info("socket"))
        self._transport.abort()
        self._mind_pen()

    def _say_continue(self) -> None:
        if not self._lost.done() and self._thawed.open:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _mind_reading(self) -> None:
        """Read exactly when somebody can take what comes."""
        if self._lost.done() or self._transport.is_closing():
            return
        body = self._parser.receiving
        full = body is not None and body.full and self._ended_by != "us"
        behind = full and self._current is not None and self._current.body is not body
        if behind or len(self._requests) > MOST_PIPELINED or self._ahead > MOST_AHEAD:
            # Whoever is not read is not seen leaving: nothing may pile up unread behind a request.
            self.abort()
            return
        want = self._thawed.open and not full
        if want and not self._reading:
            self._transport.resume_reading()
        elif not want and self._reading:
            self._transport.pause_reading()
        self._reading = want
