"""One worker, as the process sees it that controls all: starts it, asks it, starts it again.

Rules of this file:

1. A worker that ended, whatever the reason, is started again with its servers as they were told to
   be, on the same ports: at once, and later and later while it keeps ending.
2. Who asks while there is none waits for it, but not for ever.
3. One that doesn't answer is ended: what was refused meanwhile isn't done later.
4. Its records are taken whenever they come; who waits for them is told then.

It must not import the programs.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

import msgspec

from ollama_simulator.clock import WallClock
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.presence import Unsupported
from ollama_simulator.workers.door import Door
from ollama_simulator.workers.fetching import Fetches
from ollama_simulator.workers.line import Hungup, Line
from ollama_simulator.workers.messages import (
    Batch,
    Begin,
    Begun,
    CannotBegin,
    End,
    Fetch,
    Granted,
    State,
    Stirred,
    Wish,
)
from ollama_simulator.workers.starting import rest_s, started

SOUND_S = 10.0
"""Seconds that a worker must have run for its end to be the first one again."""
PATIENCE_S = 10.0
"""Seconds for which one waits for a worker, and then for its answer."""
TRIES = 3
"""Processes that are asked at most for the same thing."""
LAST_S = 1.0
"""Seconds that a worker has to end by itself."""


class WorkerDown(Exception):
    """A worker isn't there, or doesn't answer. The text says which, and for how long."""


class _Ended(WorkerDown):
    """A worker ended before it answered."""


class Hears(Protocol):
    """Who is told of a worker."""

    def begun_by(self, worker: "Process", begun: Begun) -> None:
        """Its servers listen."""

    def stirred(self) -> None:
        """It has recorded something."""

    def took(self, worker: "Process", batch: Batch) -> None:
        """It has handed over records."""

    async def lost(self, worker: "Process", why: str) -> None:
        """It ended, and nobody wanted that. It is started again when this returns."""


class Process:
    """One worker."""

    def __init__(
        self,
        number: int,
        start: tuple[State, ...],
        *,
        clock: WallClock,
        door: Door,
        begins: Callable[["Process"], Begin],
        hears: Hears,
    ) -> None:
        """`number` counts from 1; `begins` makes what it is to begin with."""
        self.number = number
        self.start = start
        """Its servers as they are at the start; their ports are real ones once it has begun."""
        self.states: tuple[State, ...] | None = None
        """Its servers as they were last told to be; None before it began."""
        self.down_since = 0.0
        """When it ended last, by the fleet's clock."""
        self._clock = clock
        self._real = WallClock()
        self._door = door
        self._begins = begins
        self._hears = hears
        self._process: asyncio.subprocess.Process | None = None
        self._line: Line | None = None
        self.there = asyncio.Event()
        """Set while its servers listen."""
        self._ending = asyncio.Event()
        self._numbers = 0
        self._answers: dict[int, asyncio.Future[Granted]] = {}
        self._fetches = Fetches(self._tell)
        self._silent = False
        """Whether it was ended because it didn't answer."""
        self._failed: Exception | None = None

    @property
    def pid(self) -> int | None:
        """Of its process, while there is one."""
        return None if self._process is None else self._process.pid

    @property
    def up(self) -> bool:
        """Whether it is there, and its servers listen."""
        return self.there.is_set()

    @property
    def records(self) -> bool:
        """Whether it is there, or was told to begin: it may record something."""
        return self._line is not None

    async def run(self) -> None:
        """Have it running until it is to end. Raises what keeps it from beginning at first."""
        ends = 0
        while not self._ending.is_set():
            began = self._real.now()
            why = await self._once()
            if self._ending.is_set():
                return
            if self.states is None:
                raise self._failed or OSError(f"worker {self.number} can't begin: {why}")
            self.down_since = self._clock.now()
            await self._hears.lost(self, why)
            ends = 1 if self._real.now() - began > SOUND_S else ends + 1
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s(ends)):
                    await self._ending.wait()

    async def _once(self) -> str:
        """Start it and hear it until it ends. Returns why it did."""
        self._failed, self._silent = None, False
        with self._door.expecting() as (words, coming):
            process = await started(self.number, words)
            self._process = process
            if self._ending.is_set():
                process.kill()
            try:
                async with asyncio.TaskGroup() as group:
                    watching = group.create_task(_watch(process, coming))
                    await self._hear(await coming)
                    watching.cancel()
            finally:
                self.there.clear()
                await self._gone(process)
        if self._failed is not None:
            return str(self._failed)
        status = process.returncode or 0
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        if self._silent:
            how = f"hadn't answered for {PATIENCE_S:g} seconds and was ended"
        return f"process {process.pid}, {how}"

    async def _hear(self, line: Line | None) -> None:
        """Hear it until nothing comes any more; None is one that ended before it came."""
        if line is None:
            return
        self._line = line
        line.tell(self._begins(self))
        with contextlib.suppress(Hungup):
            while True:
                message = await line.receive()
                match message:
                    case Begun():
                        if self.states is None:
                            self.start = message.states
                        self.states = message.states
                        self._hears.begun_by(self, message)
                        self.there.set()
                    case CannotBegin():
                        self._failed = (
                            Unsupported(message.words)
                            if message.errno is None
                            else PortTaken(message.errno, message.words)
                        )
                    # What comes too late was refused meanwhile.
                    case Granted() if not self._silent:
                        self.states = message.states or self.states
                        self._answered(message)
                    case Batch():
                        self._hears.took(self, message)
                        self._fetches.answered(message)
                    case Stirred():
                        self._hears.stirred()

    def _answered(self, message: Granted) -> None:
        future = self._answers.pop(message.number, None)
        if future is not None and not future.done():
            future.set_result(message)

    async def _gone(self, process: asyncio.subprocess.Process) -> None:
        """See to it that the process has ended."""
        for future in self._answers.values():
            if not future.done():
                future.set_exception(_Ended(f"worker {self.number} ended meanwhile"))
        self._answers.clear()
        self._fetches.ended()
        line, self._line = self._line, None
        if line is not None:
            await line.close()
        try:
            async with asyncio.timeout(LAST_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        self._process = None

    async def _begun(self, until: float) -> None:
        """Wait until it is there, or a moment. Raises `WorkerDown` then."""
        try:
            async with asyncio.timeout(max(0.0, until - self._real.now())):
                await self.there.wait()
        except TimeoutError:
            raise WorkerDown(f"worker {self.number} is not there; it is started again") from None

    async def grant(self, wish: Wish, tries: int = TRIES) -> Granted:
        """Have it grant a wish. Raises `WorkerDown`.

        What a process did for a wish ends with it, so one that ended meanwhile is not the last
        that is asked; so many are. All in all one waits for `PATIENCE_S` until the last one is
        there, and as long for its answer.
        """
        until = self._real.now() + PATIENCE_S
        for tries_left in reversed(range(tries)):
            await self._begun(until)
            try:
                return await self._ask(wish)
            except _Ended:
                if not tries_left or self._ending.is_set():
                    raise
        raise AssertionError("the last try returns or raises")

    async def fetch(self, *, expire: bool) -> None:
        """Have it hand over what it recorded until now. Raises `WorkerDown` if it ends before."""
        if self._line is None or not await self._fetches.recorded(expire=expire):
            raise _Ended(f"worker {self.number} ended meanwhile")

    def _tell(self, fetch: Fetch) -> None:
        assert self._line is not None, "who isn't there is asked for nothing"
        self._line.tell(fetch)

    async def _ask(self, wish: Wish) -> Granted:
        self._numbers += 1
        number = self._numbers
        if self._line is None:
            raise _Ended(f"worker {self.number} ended meanwhile")
        future: asyncio.Future[Granted] = asyncio.get_running_loop().create_future()
        self._answers[number] = future
        self._line.tell(msgspec.structs.replace(wish, number=number))
        try:
            if (await asyncio.wait([future], timeout=PATIENCE_S))[0]:
                return future.result()
        finally:
            self._answers.pop(number, None)
        self._silent = True
        self._kill()
        words = f"hasn't answered for {PATIENCE_S:g} seconds; it is started again"
        raise WorkerDown(f"worker {self.number} {words}")

    def end(self) -> None:
        """Have it end, for good."""
        self._ending.set()
        if self._line is None:
            self._kill()
            return
        self._line.tell(End())
        # It may stand still, and hear nothing.
        asyncio.get_running_loop().call_later(LAST_S, self._kill)

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()


async def _watch(
    process: asyncio.subprocess.Process, coming: "asyncio.Future[Line | None]"
) -> None:
    """Wait no longer for one that has ended."""
    await process.wait()
    if not coming.done():
        coming.set_result(None)
