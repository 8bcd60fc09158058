"""An event loop in a thread, for those who have none.

Rules of this file:

1. What is held open is entered and left by one task of that loop; everybody else's calls are
   forwarded to it.
2. However the block ends, the loop, its thread and its sockets end with it. A process that was
   forked has none of them, and says so.

It must not import anything of this package but `ended`.
"""

import asyncio
import concurrent.futures
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar, cast

from ollama_simulator.simulation.ended import OVER, Ended

T = TypeVar("T")
R = TypeVar("R")

Opening = contextlib.AbstractAsyncContextManager[T]


class Thread(Generic[T]):
    """Something that is held open in an event loop of its own."""

    def __init__(self, opening: Opening[T]) -> None:
        self._opening = opening
        self._opened: concurrent.futures.Future[T] = concurrent.futures.Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event
        self._error: BaseException | None = None
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="ollama_simulator", daemon=True)

    def start(self) -> T:
        """Open it, and return what it is then. Raises what opening it raises."""
        self._thread.start()
        try:
            return self._opened.result()
        except BaseException:
            # It may be that we were interrupted: then it ends as soon as it is open.
            self._opened.add_done_callback(lambda _: self._end())
            if self._opened.done():
                self._thread.join()
            raise

    def call(self, work: Coroutine[Any, Any, R]) -> R:
        """Have the loop do something, and wait for it. Raises what that raises, and `Ended`."""
        try:
            loop = self._there()
            try:
                doing = asyncio.run_coroutine_threadsafe(work, loop)
            except RuntimeError:  # The loop was closed in this instant.
                raise Ended(OVER) from self._error
        except BaseException:
            work.close()
            raise
        try:
            return doing.result()
        except concurrent.futures.CancelledError:
            raise Ended("this fleet ended meanwhile") from self._error
        except BaseException:
            doing.cancel()
            raise

    def look(self, work: Coroutine[Any, Any, R]) -> R:
        """The same for what changes nothing: when all is over it is done here, if it needs no event
        loop for that."""
        if os.getpid() != self._pid or self._loop is None or self._thread.is_alive():
            return self.call(work)
        try:
            work.send(None)
        except StopIteration as returned:
            return cast(R, returned.value)
        work.close()
        raise Ended(OVER) from self._error

    def stop(self) -> None:
        """Close it and end the thread. Raises what closing it raises."""
        if os.getpid() != self._pid:
            return
        self._end()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _there(self) -> asyncio.AbstractEventLoop:
        if os.getpid() != self._pid:
            raise Ended(
                f"this fleet is in process {self._pid}, from which process {os.getpid()} was "
                "forked; use its URLs there"
            )
        if self._loop is None or not self._thread.is_alive():
            raise Ended(OVER) from self._error
        if threading.current_thread() is self._thread:
            raise RuntimeError("a function that a journal calls must not ask the fleet anything")
        return self._loop

    def _end(self) -> None:
        if self._loop is None:
            return
        with contextlib.suppress(RuntimeError):  # The loop is closed already.
            self._loop.call_soon_threadsafe(self._stop.set)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=fastest_loop()) as runner:
                runner.run(self._hold())
        except BaseException as error:
            if self._opened.done():
                self._error = error
            else:
                self._opened.set_exception(error)

    async def _hold(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self._opening as opened:
            self._opened.set_result(opened)
            await self._stop.wait()


def fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes event loops of the fastest kind there is; None for asyncio's own."""
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    return uvloop.new_event_loop


class Task(Generic[T]):
    """Something that is held open by a task of the caller's loop, whichever tasks of it begin and
    end the block."""

    def __init__(self, opening: Opening[T]) -> None:
        self._opening = opening
        self._opened: asyncio.Future[T]
        self._stop: asyncio.Event
        self._task: asyncio.Task[None]

    async def start(self) -> T:
        """Open it, and return what it is then. Raises what opening it raises."""
        loop = asyncio.get_running_loop()
        self._opened, self._stop = loop.create_future(), asyncio.Event()
        # No group could own it: the block may end in another task than it began in.
        self._task = loop.create_task(self._hold())
        try:
            both: set[asyncio.Future[Any]] = {self._task, self._opened}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self.stop()
            raise
        if not self._opened.done():
            self._opened.cancel()
            await self._task
        return self._opened.result()

    async def stop(self) -> None:
        """Close it. Raises what closing it raises."""
        self._stop.set()
        await self._task

    async def _hold(self) -> None:
        async with self._opening as opened:
            if not self._opened.cancelled():
                self._opened.set_result(opened)
            await self._stop.wait()
