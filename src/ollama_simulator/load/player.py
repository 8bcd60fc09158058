"""Plays a workload: asks each request when it is due, and adds up what came of it.

Source: engine model 5.3; the measurement of waits from when a request was due, and not from when a
busy client got round to it, is what the literature calls avoiding coordinated omission.

Rules of this file:

1. A request of an open loop is due at its time, whatever became of the others. Later turns of a
   session, and the sessions of a user of a closed loop, are due a think time after the answer
   before them.
2. Nothing is dropped in silence: who has to wait because too many are in flight is counted as
   held back, and waits at our expense; a session whose turn failed is over, and its other turns
   are counted.
3. Every play ends: no request begins after the duration or beyond the number of requests, and
   none lasts longer than the timeout, counted from when it was due.

It must not import the report or anything of the command line.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec

from ollama_simulator.clock import Clock, Interrupt
from ollama_simulator.load.answer import Answer
from ollama_simulator.load.conversation import Conversation
from ollama_simulator.load.dialects import Dialect, Question
from ollama_simulator.load.tally import Tally
from ollama_simulator.workload.session import Session, Workload


class Bounds(msgspec.Struct, frozen=True):
    """Where a play ends. Times in seconds."""

    requests: int = 1_000
    duration: float = 60.0
    timeout: float = 300.0
    in_flight: int = 1_000
    """Most requests at a time."""


class Ask(Protocol):
    """Asks."""

    @property
    def dialect(self) -> Dialect:
        """The dialect in which it asks."""

    async def __call__(self, question: Question, answer: Answer, /) -> None:
        """Send a request, and tell the answer what comes back, until it has ended."""


class Player:
    """One play of a workload."""

    def __init__(
        self,
        workload: Workload,
        bounds: Bounds,
        tally: Tally,
        clock: Clock,
        ask: Ask,
        converse: Callable[[Session], Conversation],
    ) -> None:
        self.tally = tally
        self.begun = 0
        """Requests that became due."""
        self.in_flight = 0
        self.ended_by = ""
        """`requests`, `duration`, `workload` (it had no more) or `interrupt`."""
        self._workload = workload
        self._bounds = bounds
        self._clock = clock
        self._ask = ask
        self._converse = converse
        self._over = Interrupt()
        self._places = asyncio.Semaphore(bounds.in_flight)
        self._start = 0.0

    def now(self) -> float:
        """Seconds since the play began."""
        return self._clock.now() - self._start

    @property
    def waiting(self) -> int:
        """Requests that are due, but have no place in flight yet."""
        return self.begun - self.tally.requests - self.in_flight

    async def play(self, stop: asyncio.Event | None = None) -> None:
        """Play to the end, or until somebody sets `stop`; then requests in flight are left."""
        self._start = self._clock.now()
        async with asyncio.TaskGroup() as group:
            playing = group.create_task(self._play())
            if stop is not None:
                stopping = group.create_task(self._stop(stop, playing))
                playing.add_done_callback(lambda _: stopping.cancel())
        self.ended_by = self.ended_by or "workload"

    async def _stop(self, stop: asyncio.Event, playing: "asyncio.Task[None]") -> None:
        await stop.wait()
        self.ended_by = "interrupt"
        self.tally.unfinished = self.begun - self.tally.requests
        self.tally.seconds = self.now()
        playing.cancel()

    async def _play(self) -> None:
        sessions = self._workload.sessions()
        users = self._workload.users
        async with asyncio.TaskGroup() as group:
            if users is None:
                await self._open(sessions, group)
            else:
                for _ in range(users):
                    group.create_task(self._user(sessions))

    async def _open(self, sessions: Iterator[Session], group: asyncio.TaskGroup) -> None:
        for session in sessions:
            due = session.at or 0.0
            # What is said is made up before it is due, as that takes a moment.
            conversation, question = self._prepare(session)
            if not await self._wait(due):
                return
            group.create_task(self._session(session, due, conversation, question))
            # Where we are behind, nothing above has let the others have their turn.
            await self._clock.breathe()

    async def _user(self, sessions: Iterator[Session]) -> None:
        free = 0.0
        for session in sessions:
            due = free + session.turns[0].think_s
            conversation, question = self._prepare(session)
            if not await self._wait(due):
                return
            await self._session(session, due, conversation, question)
            free = self.now()
            await self._clock.breathe()

    def _prepare(self, session: Session) -> tuple[Conversation, Question]:
        conversation = self._converse(session)
        return conversation, conversation.ask()

    async def _session(
        self, session: Session, due: float, conversation: Conversation, question: Question
    ) -> None:
        for number, turn in enumerate(session.turns):
            if number:
                due = self.now() + turn.think_s
                question = conversation.ask()
                if not await self._wait(due):
                    return
            if not self._begin():
                return
            answer = Answer(self._ask.dialect, self.now, due)
            await self._one(question, answer)
            sample = answer.sample(session.number, number)
            self.tally.add(sample)
            if sample.error is not None:
                self.tally.not_asked += len(session.turns) - number - 1
                return
            conversation.hear(answer.texts, answer.thoughts)

    async def _one(self, question: Question, answer: Answer) -> None:
        if self._places.locked():
            self.tally.held_back += 1
        try:
            async with asyncio.timeout(answer.due + self._bounds.timeout - self.now()):
                async with self._places:
                    self.in_flight += 1
                    try:
                        await self._ask(question, answer)
                    finally:
                        self.in_flight -= 1
        except TimeoutError:
            answer.give_up(self._bounds.timeout)

    async def _wait(self, due: float) -> bool:
        """Wait until something is due. Returns False if it never is, in this play."""
        if due >= self._bounds.duration:
            self.ended_by = self.ended_by or "duration"
            return False
        return await self._clock.sleep_until(self._start + due, self._over)

    def _begin(self) -> bool:
        if self.begun >= self._bounds.requests:
            return False
        self.begun += 1
        if self.begun == self._bounds.requests:
            if self.ended_by != "interrupt":
                # Even if a user's next request was due after the duration: others went on.
                self.ended_by = "requests"
            self._over.fire()
        return True
