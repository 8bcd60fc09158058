"""What a scenario may do, and how it checks.

Rules of this file:

1. A check never stops a scenario. Each is recorded with what was expected and what was seen.
2. Who served is read from the servers' journal, never concluded from the client's answer.
3. Every wait has a limit. A wait that runs out is a failed check, not an exception.

It must not import the scenarios or the player.
"""

import asyncio
import hashlib
import json
from typing import Any

import msgspec

from ollama_simulator.acts import Door
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.session import PATIENCE_S, Session
from ollama_simulator.engine.text import pieces, prompt_tokens
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.pace import Normal
from ollama_simulator.fleet import Fleet
from ollama_simulator.model import Message
from ollama_simulator.net.client import Broken, Client, End
from ollama_simulator.records import Asked, Finished, Left
from ollama_simulator.server import SimServer

MODEL = "test-model:latest"
KNOCK_S = 0.3
"""Within this a connection on this machine is made, or the door is deaf."""
SOON_S = 3.0
"""Within this something must be seen that takes a sound balancer no time at all."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was checked."""

    what: str
    expected: str
    actual: str
    held: bool


class NotArranged(Exception):
    """The arrangement of a scenario could not be proved: the simulator's or the machine's fault."""


class Run:
    """One scenario being played against one balancer."""

    def __init__(self, fleet: Fleet, port: int, timeout: float, seed: str) -> None:
        """`port` is the balancer's; `seed` makes the prompts of this run."""
        self.fleet = fleet
        self.port = port
        self.timeout = timeout
        self.checks: list[Check] = []
        self.s1, self.s2, self.s3 = fleet.servers.values()
        self._seed = seed
        self._count = 0
        self._group: asyncio.TaskGroup
        self._sessions: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Run":
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._sessions:
            session.cancel()
        await self._group.__aexit__(None, None, None)

    # --- arrange ------------------------------------------------------------------------------

    async def behave(self, behavior: Fault, *servers: SimServer) -> None:
        """Give servers (all, if none is named) a behaviour, and prove that their doors stand
        as it says. Raises `NotArranged`."""
        for server in servers or tuple(self.fleet.servers.values()):
            await server.behave(behavior)
            seen = await self._knock(server, KNOCK_S if behavior.door is Door.DEAF else SOON_S)
            expected = {Door.SHUT: End.REFUSED, Door.DEAF: End.UNREACHABLE}.get(behavior.door)
            if seen is not expected:
                raise NotArranged(f"a connection to {server.name}: expected {expected}, got {seen}")

    async def _knock(self, server: SimServer, timeout: float) -> End | None:
        try:
            (await Client.connect("127.0.0.1", server.listener.port, timeout)).close()
        except Broken as broken:
            return broken.end
        return None

    # --- drive --------------------------------------------------------------------------------

    async def chat(self, prompt: str = "Tell me a story.", **options: Any) -> Answer:
        """Ask for a chat and wait for its end. Options as for `begin`."""
        session = self.begin(prompt, **options)
        await asyncio.wait([session.task])
        return session.answer

    def begin(
        self,
        prompt: str = "Tell me a story.",
        *,
        stream: bool = True,
        tokens: int | None = None,
        same_as: Answer | None = None,
    ) -> Session:
        """Ask for a chat and don't wait. `tokens` is the length that is expected by behaviour;
        `same_as` repeats an earlier prompt, nonce included."""
        nonce = same_as.nonce if same_as else self._nonce()
        content = f"{nonce} {prompt}"
        messages = (Message("user", content),)
        count = Normal().num_tokens if tokens is None else tokens
        text = "".join(pieces(self.fleet.seed, MODEL, prompt_tokens(messages), count))
        body = {
            "model": MODEL,
            "messages": [{"role": "user", "content": content}],
            "stream": stream,
        }
        return self._session("POST", "/api/chat", json.dumps(body).encode(), nonce, text)

    async def ask(
        self, method: str, target: str, body: Any = None, *, port: int | None = None
    ) -> Answer:
        """Ask for anything, through the balancer or straight from the server on `port`.

        The word NONCE in the target becomes a nonce. Since a balancer may lose it, whatever
        reaches a server meanwhile counts as this request: ask for nothing else at the time.
        """
        begin = len(self.fleet.journal.records)
        session = self.begin_any(method, target, body, port=port)
        await asyncio.wait([session.task])
        session.answer.alone = slice(begin, len(self.fleet.journal.records))
        return session.answer

    def begin_any(
        self, method: str, target: str, body: Any = None, *, port: int | None = None
    ) -> Session:
        """Ask for anything and don't wait. The word NONCE in the target becomes a nonce."""
        nonce = self._nonce()
        data = None if body is None else json.dumps(body).encode()
        return self._session(method, target.replace("NONCE", nonce), data, nonce, "", port)

    async def together(self, *sessions: Session) -> list[Answer]:
        """Wait for the ends of several requests."""
        await asyncio.wait([session.task for session in sessions])
        return [session.answer for session in sessions]

    def _nonce(self) -> str:
        self._count += 1
        return "nonce-" + hashlib.sha256(f"{self._seed}/{self._count}".encode()).hexdigest()[:16]

    def _session(
        self,
        method: str,
        target: str,
        body: bytes | None,
        nonce: str,
        expected: str,
        port: int | None = None,
    ) -> Session:
        answer = Answer(nonce=nonce, expected=expected, asked_at=self.fleet.clock.now())
        session = Session(answer, self.fleet.clock)
        session.task = self._group.create_task(
            session.drive(port or self.port, method, target, body)
        )
        self._sessions.append(session.task)
        return session

    # --- look ---------------------------------------------------------------------------------

    def attempts(self, answer: Answer) -> list[Asked]:
        """The requests that reached servers for one request of ours."""
        journal = self.fleet.journal
        if answer.alone is not None:
            return [record for record in journal.records[answer.alone] if isinstance(record, Asked)]
        named = [record for record in journal.where(Asked) if answer.nonce in record.target]
        return named or journal.attempts(answer.nonce)

    async def started(self, session: Session, tokens: int = 1) -> None:
        """Wait until our client has this many tokens of an answer, or the answer is over."""
        await self._until(lambda: len(session.answer.tokens()) >= tokens, session)

    async def reached(self, session: Session) -> None:
        """Wait until a server was asked for this request, or the answer is over."""
        await self._until(lambda: bool(self.attempts(session.answer)), session)

    async def _until(self, condition: Any, session: Session) -> None:
        clock = self.fleet.clock
        limit = clock.now() + PATIENCE_S
        while not condition() and not session.task.done() and clock.now() < limit:
            await clock.sleep_until(clock.now() + 0.005)

    async def sleep(self, seconds: float) -> None:
        """Do nothing for a while."""
        clock = self.fleet.clock
        await clock.sleep_until(clock.now() + seconds)

    # --- check --------------------------------------------------------------------------------

    def check(self, what: str, actual: Any, expected: Any) -> bool:
        """Check that something is as expected."""
        return self.note(what, actual == expected, expected, actual)

    def note(self, what: str, held: bool, expected: Any, actual: Any) -> bool:
        """Record a check."""
        self.checks.append(Check(what, str(expected), str(actual), held))
        return held

    def served_by(self, answer: Answer, *servers: SimServer, what: str = "the request") -> bool:
        """Check which servers were asked, in order; with none: that nobody was."""
        seen = [record.server for record in self.attempts(answer)]
        return self.check(f"who was asked for {what}", seen, [server.name for server in servers])

    def whole(self, answer: Answer, what: str = "the answer") -> bool:
        """Check that an answer is complete and exactly what a server generated."""
        if not self.note(f"the status of {what}", answer.status == 200, 200, answer.state):
            return False
        return (
            self.check(f"the end of {what}", answer.ending, "complete")
            and self.check(f"the text of {what}", answer.content(), answer.expected)
            and self.note(
                f"the last line of {what}", answer.finished(), "done: true", answer.text[-80:]
            )
        )

    def cut(self, answer: Answer, what: str = "the broken answer") -> bool:
        """Check that an answer was begun, is a true beginning, and visibly did not complete."""
        if not self.note(f"the status of {what}", answer.status == 200, 200, answer.state):
            return False
        content = answer.content()
        return (
            self.note(f"the end of {what}", not answer.complete, "cut or reset", answer.ending)
            and self.note(
                f"the text of {what}",
                content != "" and answer.expected.startswith(content),
                f"a beginning of {answer.expected!r}",
                repr(content),
            )
            and self.check(f"whether {what} claims to be done", answer.finished(), False)
        )

    def failed(self, answer: Answer, what: str = "the failed request") -> bool:
        """Check for the balancer's own 502."""
        return self.note(
            f"the status of {what}", answer.status == 502, 502, answer.state
        ) and self.note(
            f"the text of {what}",
            answer.text.startswith("Error connecting to Ollama server: "),
            "Error connecting to Ollama server: …",
            repr(answer.text[:80]),
        )

    def busy(self, answer: Answer, what: str = "the request") -> bool:
        """Check for the balancer's own 503."""
        return self.note(
            f"the status of {what}", answer.status == 503, 503, answer.state
        ) and self.check(f"the text of {what}", answer.text.strip(), "No available servers")

    async def sees_leaving(self, answer: Answer, server: SimServer, what: str) -> bool:
        """Check that a server soon sees that its client has left."""
        asked = [record for record in self.attempts(answer) if record.server == server.name]
        left: Left | None = None
        if asked:
            left = await self.fleet.journal.wait_for(Left, SOON_S, exchange=asked[0].exchange)
        return self.note(
            f"whether {server.name} sees that {what} left",
            left is not None,
            f"within {SOON_S:g} s",
            "seen" if left else "it is still answering",
        )

    def how_it_ended(self, answer: Answer) -> list[str]:
        """How the servers' sides of a request ended, by the journal."""
        exchanges = [record.exchange for record in self.attempts(answer)]
        return [
            record.outcome
            for record in self.fleet.journal.where(Finished)
            if record.exchange in exchanges
        ]

    def one_at_a_time(self) -> bool:
        """Check that no server ever had two requests at once."""
        running: dict[str, int] = {}
        most = 0
        for record in self.fleet.journal.records:
            if isinstance(record, Asked):
                running[record.server] = running.get(record.server, 0) + 1
                most = max(most, running[record.server])
            elif isinstance(record, Finished):
                running[record.server] -= 1
        return self.note("requests at once on one server", most <= 1, "at most 1", most)
