"""What a scenario may do: arrange, drive, look.

Rules of this file:

1. Who served is read from the servers' journal, never concluded from the client's answer.
2. Every wait has a limit.
3. After the end of an answer there is a short pause: a balancer may need a moment to know that
   its server is free again, and the contract names no deadline for that.

It must not import the scenarios or the player.
"""

import asyncio
import hashlib
import json
from typing import Any, Self

from ollama_simulator.acts import Door
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.session import Session
from ollama_simulator.engine.text import pieces, prompt_tokens
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.pace import Normal
from ollama_simulator.fleet import Fleet
from ollama_simulator.model import Message
from ollama_simulator.net.client import Broken, Client, End
from ollama_simulator.records import Asked
from ollama_simulator.server import SimServer

MODEL = "test-model:latest"
PROMPT = "Tell me a story: \u00fcber den Wolken, \u6d77\u306e\u8a71, \U0001f40b."
"""Characters of one to four bytes in UTF-8, so that nobody can take them for ASCII."""
QUICK = Normal(tokens_per_sec=400)
"""How servers behave unless a scenario says otherwise: soundly, and without wasting time."""
KNOCK_S = 0.3
"""Within this a connection on this machine is made, or the door is deaf."""
SOON_S = 3.0
"""Within this something must be seen that takes a sound balancer no time at all."""
SETTLE_S = 0.06
"""The pause after the end of an answer."""


class NotArranged(Exception):
    """The arrangement of a scenario could not be proved: the simulator's or the machine's fault."""


class Stage:
    """A fleet behind a balancer, and a client before it."""

    def __init__(self, fleet: Fleet, port: int, timeout: float, seed: str) -> None:
        """`port` is the balancer's; `seed` makes the prompts of this run."""
        self.fleet = fleet
        self.port = port
        self.timeout = timeout
        self.s1, self.s2, self.s3 = fleet.servers.values()
        self._seed = seed
        self._count = 0
        self._group: asyncio.TaskGroup
        self._sessions: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        for server in self.fleet.servers.values():
            await server.behave(QUICK)
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

    async def chat(self, prompt: str = PROMPT, **options: Any) -> Answer:
        """Ask for a chat and wait for its end. Options as for `begin`."""
        return (await self.together(self.begin(prompt, **options)))[0]

    def begin(
        self,
        prompt: str = PROMPT,
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
        return self._session(
            "POST", "/api/chat", json.dumps(body, ensure_ascii=False).encode(), nonce, text
        )

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
        if port is None:
            await self.sleep(SETTLE_S)
        session.answer.alone = slice(begin, len(self.fleet.journal.records))
        return session.answer

    def begin_any(
        self, method: str, target: str, body: Any = None, *, port: int | None = None
    ) -> Session:
        """Ask for anything and don't wait. The word NONCE in the target becomes a nonce."""
        nonce = self._nonce()
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        return self._session(method, target.replace("NONCE", nonce), data, nonce, "", port)

    async def together(self, *sessions: Session) -> list[Answer]:
        """Wait for the ends of several requests."""
        await asyncio.wait([session.task for session in sessions])
        await self.sleep(SETTLE_S)
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
        limit = clock.now() + SOON_S
        while not condition() and not session.task.done() and clock.now() < limit:
            await clock.sleep_until(clock.now() + 0.005)

    async def sleep(self, seconds: float) -> None:
        """Do nothing for a while."""
        clock = self.fleet.clock
        await clock.sleep_until(clock.now() + seconds)
