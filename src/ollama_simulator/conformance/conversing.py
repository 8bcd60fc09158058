"""A conversation of several turns, in whatever dialect each turn is spoken.

Rules of this file:

1. All turns carry the nonce of the first: a turn's requests are told apart by when they came.
2. What was answered goes into the next turn as it came.

It must not import the scenarios or the player.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.asking import MODEL
from ollama_simulator.conformance.dialect import Dialect
from ollama_simulator.conformance.drive import Stage
from ollama_simulator.conformance.session import Session
from ollama_simulator.engine.text import pieces, prompt_tokens
from ollama_simulator.model import Message
from ollama_simulator.records import Asked, Evaluated

TOKENS = 4
"""Of each answer, unless a scenario says otherwise."""


class Conversation:
    """One client's conversation."""

    def __init__(
        self,
        run: Stage,
        model: str = MODEL,
        *,
        more: dict[str, Any] | None = None,
        opening: Iterable[dict[str, Any]] = (),
    ) -> None:
        """`more` are further fields of each request; `opening` are messages that the first one
        has before what the user says."""
        self.model = model
        self.more = more or {}
        self.messages: list[dict[str, Any]] = [*opening]
        """What was said so far, in the native form."""
        self.path: list[list[str]] = []
        """The servers that each turn was sent to."""
        self._run = run
        self._name = run.spell().nonce

    def begin(
        self, words: str = "Go on.", dialect: Dialect | None = None, tokens: int = TOKENS
    ) -> Session:
        """Say something and don't wait."""
        run = self._run
        dialect = dialect or run.dialect
        count = sum(message["role"] == "user" for message in self.messages) + 1
        said = f"{self._name} turn {count}: {words}"
        self.messages.append({"role": "user", "content": said})
        session = run.start(
            dialect,
            model=self.model,
            stream=False,
            tokens=tokens,
            same_as=Answer(self._name, "", 0.0),
            more=self.more | spoken(dialect, self.messages),
        )
        count = max(tokens, dialect.fewest)
        prompt = prompt_tokens(
            Message(each["role"], str(each.get("content", ""))) for each in self.messages
        )
        session.answer.expected = "".join(pieces(run.fleet.seed, self.model, prompt, count))
        return session

    async def end(self, session: Session) -> Answer:
        """Wait for an answer, and have it in the conversation. A failed turn was never said."""
        answer = (await self._run.together(session))[0]
        self.path.append([each.server for each in self.asked(answer)])
        if answer.status == 200 and answer.complete:
            self.messages.append({"role": "assistant", "content": answer.content()})
        else:
            self.messages.pop()
        return answer

    async def turn(
        self, words: str = "Go on.", dialect: Dialect | None = None, tokens: int = TOKENS
    ) -> Answer:
        """Say something and wait for the answer."""
        return await self.end(self.begin(words, dialect, tokens))

    def evaluated(self) -> list[Evaluated]:
        """What servers made of its prompts, in order."""
        exchanges = {each.exchange for each in self._run.fleet.journal.attempts(self._name)}
        return [
            record
            for record in self._run.fleet.journal.where(Evaluated)
            if record.exchange in exchanges
        ]

    def asked(self, answer: Answer) -> list[Asked]:
        """The requests that reached servers for one turn."""
        return [each for each in self._run.attempts(answer) if each.t >= answer.asked_at]


def spoken(dialect: Dialect, messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The messages of a conversation, as the fields of a request of a dialect."""
    if dialect.name == "responses":
        return {"input": list(messages)}
    if dialect.name == "messages":
        system = "\n".join(each["content"] for each in messages if each["role"] == "system")
        rest = [each for each in messages if each["role"] != "system"]
        return {"messages": rest} | ({"system": system} if system else {})
    return {"messages": list(messages)}
