"""The virtual clock without sockets: for many servers in one process that nobody connects to.

Rules of this file:

1. The same program has the same results under it as under `clock.VirtualClock`: what is due
   runs in the same order, and the clock says the same. Only sockets, threads and subprocesses
   don't exist.
2. A callback costs about a microsecond: no poll of the operating system between two of them.

It must not import anything of this package but `clock` and `wheel`.
"""

import asyncio
import contextvars
import heapq
import logging
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from typing import Any, TypeVar, TypeVarTuple

from ollama_simulator.clock import (
    NEVER,
    Deadlock,
    Interrupt,
    VirtualClock,
    finish,
    wait_for,
)
from ollama_simulator.wheel import LONGEST_S

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

RESOLUTION_S = 1e-9
"""Timers this close together run in one turn, as under asyncio's own loops."""
LONGEST_JUMP_S = 86_400.0
"""How far the clock goes at once, as there."""
MANY_CANCELLED = 100
"""From so many cancelled timers on, if they are most of all, those are thrown out."""

_log = logging.getLogger("asyncio")


class FastClock(VirtualClock):
    """A virtual clock whose program opens no sockets."""

    def __init__(self) -> None:
        super().__init__()
        self._loop: _DryLoop

    def new_loop(self) -> asyncio.AbstractEventLoop:
        self._loop = _DryLoop(self)  # type: ignore[abstract]  # what is missing says so
        return self._loop

    async def sleep_until(self, when: float, interrupt: Interrupt | None = None) -> bool:
        if interrupt is NEVER:
            interrupt = None
        if interrupt is not None and interrupt.fired:
            return False
        while (delay := when - self._now) > 0:
            # To the same moment as the other clocks: what is rounded there is rounded here.
            then = self._now + (delay if delay < LONGEST_S else LONGEST_S)
            future: asyncio.Future[bool] = asyncio.Future(loop=self._loop)
            timer = self._loop.call_at(then, finish, future, True)
            try:
                if not await (future if interrupt is None else wait_for(future, interrupt)):
                    timer.cancel()
                    return False
            except BaseException:
                timer.cancel()
                raise
        return True

    def alarm(self, when: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        delay = when - self._now
        if not 0.0 < delay < LONGEST_S:
            delay = min(max(delay, 0.0), LONGEST_S)
        return self._loop.call_at(self._now + delay, callback)


class _Due(asyncio.TimerHandle):
    """A callback and when it is due: a handle of asyncio, as far as somebody looks, in less time.

    What asyncio's own constructor sets is not there; all its methods are replaced.
    """

    __slots__ = ("args", "context", "dropped", "loop", "moment", "work")

    def __init__(
        self,
        work: Callable[..., object],
        args: Any,
        context: contextvars.Context | None,
        moment: float = 0.0,
        loop: "_DryLoop | None" = None,
    ) -> None:
        self.work = work
        self.args = args
        self.context = contextvars.copy_context() if context is None else context
        self.moment = moment
        self.loop = loop
        """In whose heap it is; None when it is in none."""
        self.dropped = False

    def __repr__(self) -> str:
        return f"<{'cancelled' if self.dropped else self.work!r}, due at {self.moment}>"

    def cancel(self) -> None:
        if not self.dropped and self.loop is not None:
            self.loop.cancelled += 1
        self.dropped = True
        self.work, self.args = _nothing, ()

    def cancelled(self) -> bool:
        return self.dropped

    def when(self) -> float:
        return self.moment


def _nothing() -> None:
    """What a cancelled handle does."""


class _DryLoop(asyncio.AbstractEventLoop):
    """An event loop of callbacks and timers alone."""

    def __init__(self, clock: VirtualClock) -> None:
        self.cancelled = 0
        """How many timers in the heap are cancelled."""
        self._clock = clock
        self._ready: deque[_Due] = deque()
        self._timers: list[tuple[float, int, _Due]] = []
        self._number = 0
        self._stopping = False
        self._running = False
        self._closed = False

    # --- what runs when -----------------------------------------------------------------------

    def time(self) -> float:
        return self._clock.now()

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> _Due:
        handle = _Due(callback, args, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> _Due:
        timer = _Due(callback, args, context, when, self)
        self._number += 1  # Of equal moments the first one set is the first one due.
        heapq.heappush(self._timers, (when, self._number, timer))
        return timer

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> _Due:
        return self.call_at(self._clock.now() + delay, callback, *args, context=context)

    def run_forever(self) -> None:
        """Run what is due, and let time jump where nothing is, until `stop`."""
        if self._running:
            raise RuntimeError("This event loop is already running")
        if asyncio._get_running_loop() is not None:
            raise RuntimeError("Cannot run the event loop while another loop is running")
        hooks = sys.get_asyncgen_hooks()
        # Only who is thrown away has to be ended: what is alive at the end belongs to tasks,
        # which the runner cancels.
        sys.set_asyncgen_hooks(firstiter=None, finalizer=self._finalize)
        self._running = True
        asyncio._set_running_loop(self)
        try:
            self._turns()
        finally:
            self._stopping = self._running = False
            asyncio._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)

    def _turns(self) -> None:
        """In each turn what is due, and nothing that becomes due by it. All in one: there are a
        dozen turns for each request."""
        ready, timers, clock = self._ready, self._timers, self._clock
        while True:
            if self.cancelled > MANY_CANCELLED and self.cancelled > len(timers) // 2:
                self._throw_out()
            if not ready and not self._stopping:
                while timers and timers[0][2].dropped:
                    self.cancelled -= 1
                    heapq.heappop(timers)[2].loop = None
                if not timers:
                    raise Deadlock("every task waits and no timer is set")
                if (ahead := timers[0][0] - clock._now) > 0:
                    clock.advance(min(ahead, LONGEST_JUMP_S))
            end = clock._now + RESOLUTION_S
            while timers and timers[0][0] < end:
                timer = heapq.heappop(timers)[2]
                timer.loop = None
                if timer.dropped:
                    self.cancelled -= 1
                else:
                    ready.append(timer)
            for _ in range(len(ready)):
                handle = ready.popleft()
                try:
                    handle.context.run(handle.work, *handle.args)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    self.call_exception_handler(
                        {"message": f"Exception in callback {handle!r}", "exception": error}
                    )
            if self._stopping:
                return

    def _throw_out(self) -> None:
        for entry in self._timers:
            if entry[2].dropped:
                entry[2].loop = None
        self._timers[:] = [entry for entry in self._timers if not entry[2].dropped]
        heapq.heapify(self._timers)
        self.cancelled = 0

    # --- what asyncio asks of a loop ----------------------------------------------------------

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Generator[Any, None, T] | Coroutine[Any, Any, T], **how: Any
    ) -> "asyncio.Task[T]":
        return asyncio.Task(coro, loop=self, **how)

    def run_until_complete(self, future: Any) -> Any:
        waited = asyncio.Task(future, loop=self) if asyncio.iscoroutine(future) else future
        waited.add_done_callback(self._done)
        try:
            self.run_forever()
        finally:
            waited.remove_done_callback(self._done)
        if not waited.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return waited.result()

    def _done(self, _: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._stopping = True

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self._ready.clear()
        self._timers.clear()

    def get_debug(self) -> bool:
        return False

    def get_task_factory(self) -> None:
        return None

    def _finalize(self, generator: AsyncGenerator[Any, Any]) -> None:
        if not self._closed:
            self.create_task(generator.aclose())

    async def shutdown_asyncgens(self) -> None:
        """None is known that its task did not end."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There are no threads."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        _log.error(context["message"], exc_info=context.get("exception"))
