"""How a scenario asks: requests of any dialect through the balancer, each with a nonce.

Rules of this file:

1. Every wait has a limit.
2. After the end of an answer there is a short pause: a balancer may need a moment to know that
   its server is free again, and the contract names no deadline for that.

It must not import the scenarios or the player.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

from ollama_simulator.conformance import spelling
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.balancers.adapter import Running
from ollama_simulator.conformance.dialect import CHAT, OPENAI, Dialect
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.session import PATIENCE_S, Session
from ollama_simulator.conformance.spelling import Part, Spelled
from ollama_simulator.engine.text import pieces, prompt_tokens
from ollama_simulator.faults.normal import Normal
from ollama_simulator.fleet import Fleet
from ollama_simulator.model import Message

MODEL = "test-model:latest"
PROMPT = "Tell me a story: \u00fcber den Wolken, \u6d77\u306e\u8a71, \U0001f40b."
"""Characters of one to four bytes in UTF-8, so that nobody can take them for ASCII."""
SOON_S = 3.0
"""Within this something must be seen that takes a sound balancer no time at all."""
SETTLE_S = 0.06
"""The pause after the end of an answer."""


class Asking:
    """A client before a balancer before a fleet."""

    def __init__(
        self, fleet: Fleet, subject: Running, timeout: float, seed: str, scale: float = 1.0
    ) -> None:
        """`timeout` is what the balancer was given; `seed` makes the prompts of this run;
        `scale` makes every wait of ours longer."""
        self.fleet = fleet
        self.subject = subject
        self.port = subject.port
        self.timeout = timeout
        self.scale = scale
        self.soon = SOON_S * scale
        """Within so many seconds something must be seen that takes no time at all."""
        self.answers: list[Answer] = []
        """All that was asked, in order."""
        self.began = fleet.clock.now()
        self._seed = seed
        self._nonces = 0
        self._group: asyncio.TaskGroup
        self._sessions: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in self._sessions:
            session.cancel()
        await self._group.__aexit__(None, None, None)

    # --- drive --------------------------------------------------------------------------------

    @property
    def patience(self) -> float:
        """Longest silence that our client waits for, where a scenario doesn't say: by then the
        balancer has given up, if it ever does."""
        more = 4.0 if self.timeout else PATIENCE_S
        return self.timeout + more * self.scale

    @property
    def dialect(self) -> Dialect:
        """What is spoken in a case that is about no dialect: one that the balancer relays."""
        return CHAT if Feature.NATIVE in self.subject.features else OPENAI

    async def talk(
        self, dialect: Dialect | None = None, prompt: str = PROMPT, **options: Any
    ) -> Answer:
        """Ask for a text and wait for its end. Options as for `start`."""
        return (await self.together(self.start(dialect, prompt, **options)))[0]

    def start(
        self,
        dialect: Dialect | None = None,
        prompt: str = PROMPT,
        *,
        patience: float | None = None,
        **options: Any,
    ) -> Session:
        """Ask for a text and don't wait. Further options as for `spell`."""
        return self.send(self.spell(dialect, prompt, **options), patience=patience)

    def spell(
        self,
        dialect: Dialect | None = None,
        prompt: str = PROMPT,
        *,
        stream: bool | None = True,
        tokens: int | None = None,
        model: str = MODEL,
        headers: Iterable[tuple[str, str]] = (),
        more: dict[str, Any] | None = None,
        change: Callable[[dict[str, Any]], None] = lambda body: None,
        same_as: Answer | None = None,
        limit: bool = True,
    ) -> Spelled:
        """A request for a text in a dialect, or in `self.dialect`, to be sent whole or in parts.

        `stream` is left to the dialect if it is None. `tokens` is its length, at least the fewest
        of the dialect, which the request says if there is a `limit`; `more` are further fields;
        `same_as` repeats an earlier prompt, nonce included; `change` may change it at last.
        """
        dialect = dialect or self.dialect
        tokens = None if tokens is None else max(tokens, dialect.fewest)
        nonce = same_as.nonce if same_as else self._nonce()
        content = f"{nonce} {prompt}"
        count = Normal().num_tokens if tokens is None else tokens
        asked = prompt_tokens((Message("user", content),))
        text = "".join(pieces(self.fleet.seed, model, asked, count))
        subject = self.subject
        body = dialect.body(subject.model(model), content, stream, tokens if limit else None)
        body |= more or {}
        change(body)
        data = json.dumps(body, ensure_ascii=False).encode()
        return self._spelled("POST", dialect.path, data, nonce, headers, expected=text)

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
        """Ask for a chat, as long as the server's behaviour says, and don't wait. `tokens` is the
        length that is expected by behaviour."""
        return self.start(
            CHAT,
            prompt,
            stream=stream,
            tokens=tokens,
            same_as=same_as,
            limit=False,
            patience=PATIENCE_S * self.scale,
        )

    async def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        port: int | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Answer:
        """Ask for anything, through the balancer or straight from the server on `port`.

        The word NONCE in the target becomes a nonce. Since a balancer may lose it, whatever
        reaches a server meanwhile counts as this request: ask for nothing else at the time.
        """
        begin = len(self.fleet.journal.records)
        session = self.begin_any(method, target, body, port=port, headers=headers)
        await asyncio.wait([session.task])
        if port is None:
            await self.sleep(SETTLE_S)
        session.answer.alone = slice(begin, len(self.fleet.journal.records))
        return session.answer

    def begin_any(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        port: int | None = None,
        headers: Iterable[tuple[str, str]] = (),
        patience: float | None = None,
    ) -> Session:
        """Ask for anything and don't wait. The word NONCE in the target becomes a nonce. `body`
        is bytes, or becomes JSON."""
        spelled = self.spell_any(method, target, body, port=port, headers=headers)
        return self.send(
            spelled, port=port, patience=PATIENCE_S * self.scale if patience is None else patience
        )

    def spell_any(
        self,
        method: str,
        target: str,
        body: Any = None,
        *,
        port: int | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Spelled:
        """A request for anything, to be sent whole or in parts. As for `begin_any`."""
        nonce = self._nonce()
        data = body if isinstance(body, bytes) else None
        if body is not None and data is None:
            data = json.dumps(body, ensure_ascii=False).encode()
        return self._spelled(method, target.replace("NONCE", nonce), data, nonce, headers, port)

    def send(
        self,
        spelled: Spelled,
        parts: Sequence[Part] | None = None,
        *,
        port: int | None = None,
        patience: float | None = None,
        unread: int | None = None,
    ) -> Session:
        """Send a request through the balancer, or straight to `port`, and don't wait.

        `parts` are what really goes out, with pauses in seconds between them; None for all at
        once. `unread` limits what the kernel keeps for us while we don't read, in bytes.
        """
        if parts is None:
            parts = [spelled.head + spelled.body]
        answer = Answer(
            nonce=spelled.nonce,
            expected=spelled.expected,
            asked_at=self.fleet.clock.now(),
            label=f"r{len(self.answers) + 1}",
            asked=spelled.asked,
        )
        self.answers.append(answer)
        session = Session(
            answer,
            self.fleet.clock,
            self.patience if patience is None else patience,
            unread=unread,
        )
        session.task = self._group.create_task(
            session.drive(port or self.port, parts, bodiless=spelled.bodiless)
        )
        self._sessions.append(session.task)
        return session

    async def together(self, *sessions: Session) -> list[Answer]:
        """Wait for the ends of several requests."""
        await asyncio.wait([session.task for session in sessions])
        await self.sleep(SETTLE_S)
        return [session.answer for session in sessions]

    def _nonce(self) -> str:
        self._nonces += 1
        word = f"{self._seed}/{self._nonces}"
        return "nonce-" + hashlib.sha256(word.encode()).hexdigest()[:16]

    def _spelled(
        self,
        method: str,
        target: str,
        body: bytes | None,
        nonce: str,
        headers: Iterable[tuple[str, str]],
        port: int | None = None,
        *,
        expected: str = "",
    ) -> Spelled:
        host = f"127.0.0.1:{port or self.port}"
        theirs = () if port else spelling.filled(self.subject.headers, nonce)
        return Spelled(
            spelling.head(host, method, target, body, [*theirs, *headers]),
            body or b"",
            nonce,
            f"{method} {target}" + (f" straight to port {port}" if port else ""),
            expected,
        )

    async def until(
        self, condition: Any, session: Session | None = None, seconds: float | None = None
    ) -> bool:
        """Wait until a condition holds, or an answer is over, but no longer than `seconds` (if
        not given: `soon`). Returns whether it holds."""
        clock = self.fleet.clock
        limit = clock.now() + (self.soon if seconds is None else seconds)
        while not condition():
            if (session is not None and session.task.done()) or clock.now() >= limit:
                return bool(condition())
            await clock.sleep_until(clock.now() + 0.005)
        return True

    async def sleep(self, seconds: float) -> None:
        """Do nothing for a while."""
        clock = self.fleet.clock
        await clock.sleep_until(clock.now() + seconds)
