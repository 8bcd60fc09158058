"""Plays workloads against a server without a network, under the virtual clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

from ollama_simulator.clock import Clock, VirtualClock
from ollama_simulator.load.answer import Answer
from ollama_simulator.load.conversation import Conversation
from ollama_simulator.load.dialects import Dialect, NativeChat, Question
from ollama_simulator.load.player import Bounds, Player
from ollama_simulator.load.sample import Sample
from ollama_simulator.load.tally import Tally
from ollama_simulator.workload.session import Session, Turn

FIRST_S = 0.25
GAP_S = 0.125
"""What a token takes. Binary fractions, so that sums of them are exact."""


class Sessions:
    """A workload of these sessions."""

    def __init__(self, *sessions: Session, users: int | None = None) -> None:
        self._sessions = sessions
        self.users = users

    def sessions(self) -> Iterator[Session]:
        return iter(self._sessions)


def session(number: int, at: float | None, *turns: Turn, **fields: Any) -> Session:
    """A session; of one turn with an answer of three tokens, if nothing else is said."""
    return Session(number, turns or (Turn(5, 3),), at, **fields)


def every(seconds: float, count: int) -> Sessions:
    """An open loop of single requests at even distances."""
    return Sessions(*(session(n, n * seconds) for n in range(count)))


class Server:
    """Answers with `w0 w1 ...`: the first token after `FIRST_S`, the others `GAP_S` apart."""

    def __init__(
        self,
        clock: Clock,
        *,
        slots: int = 1_000,
        stalls: tuple[float, float] = (0.0, 0.0),
        failing: Sequence[int] = (),
        silent: Sequence[int] = (),
    ) -> None:
        """`stalls`: between these times nothing begins. Requests with these numbers, from 0,
        get a 503, or never an answer."""
        self._clock = clock
        self._slots = asyncio.Semaphore(slots)
        self._stalls = stalls
        self._failing = failing
        self._silent = silent
        self.dialect: Dialect = NativeChat()
        self.asked: list[tuple[float, Question]] = []
        self.most = 0
        """Most requests at a time."""
        self._now = 0

    async def __call__(self, question: Question, answer: Answer) -> None:
        answer.begin()
        number = len(self.asked)
        self.asked.append((self._clock.now(), question))
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await self._answer(number, question, answer)
        finally:
            self._now -= 1

    async def _answer(self, number: int, question: Question, answer: Answer) -> None:
        if number in self._failing:
            answer.head(503)
            answer.end()
            return
        if number in self._silent:
            await asyncio.get_running_loop().create_future()
        async with self._slots:
            begin, end = self._stalls
            if begin <= self._clock.now() < end:
                await self._clock.sleep_until(end)
            when = self._clock.now() + FIRST_S
            for token in range(question.answered):
                await self._clock.sleep_until(when + token * GAP_S)
                if token == 0:
                    answer.head(200)
                answer.take(_line(f"w{token} "))
            answer.take(_line("", done=True, eval_count=question.answered))
            answer.end()


def _line(text: str, *, done: bool = False, **fields: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps({"message": message, "done": done, **fields}).encode() + b"\n"


class Kept(Tally):
    """A tally that keeps its samples."""

    def __init__(self) -> None:
        super().__init__()
        self.samples: list[Sample] = []

    def add(self, sample: Sample) -> None:
        """Keep it, too."""
        self.samples.append(sample)
        super().add(sample)


class Game:
    """A play that is over."""

    def __init__(
        self,
        workload: Sessions,
        bounds: Bounds | None = None,
        stop_at: float | None = None,
        **server: Any,
    ) -> None:
        """`server`: the options of `Server`."""
        self.tally = Kept()
        self.clock = VirtualClock()
        self.clock.run(self._play(workload, bounds or Bounds(), stop_at, server))
        self.length = self.clock.now()

    async def _play(
        self, workload: Sessions, bounds: Bounds, stop_at: float | None, options: dict[str, Any]
    ) -> None:
        self.server = Server(self.clock, **options)
        self.player = Player(
            workload,
            bounds,
            self.tally,
            self.clock,
            self.server,
            lambda each: Conversation(each, "a-model", "n"),
        )
        stop = None
        if stop_at is not None:
            stop = asyncio.Event()
            asyncio.get_running_loop().call_at(stop_at, stop.set)
        await self.player.play(stop)

    @property
    def samples(self) -> list[Sample]:
        """In the order in which they were due."""
        return sorted(self.tally.samples, key=lambda each: (each.due, each.session))
