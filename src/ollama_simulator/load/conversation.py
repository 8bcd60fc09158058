"""A session while it is played: what was said so far, and so the next request.

Rules of this file:

1. The history is what the server really answered, as a chat client would send it back.

It must not import the player.
"""

from collections.abc import Sequence

from ollama_simulator.load.dialects import Question, Said
from ollama_simulator.workload import spelling
from ollama_simulator.workload.session import Session


class Conversation:
    """One session."""

    def __init__(self, session: Session, model: str, nonce: str) -> None:
        """`model` is asked if the session names none; another nonce makes another text of it."""
        self._session = session
        self._model = session.model or model
        self._nonce = nonce
        self._turn = 0
        self._said: list[Said] = []
        if session.system:
            self._said.append(Said("system", spelling.system(session, nonce)))

    def ask(self) -> Question:
        """The request of the next turn."""
        words = spelling.question(self._session, self._turn, self._nonce)
        answered = self._session.turns[self._turn].answered
        self._said.append(Said("user", words))
        self._turn += 1
        return Question(self._model, tuple(self._said), answered, self._session.num_ctx)

    def hear(self, texts: Sequence[str], thoughts: int) -> None:
        """The pieces of the answer, and how many pieces of thinking came beside them.

        A model that does not think is taken for one that does: the head of its answer stands for
        its thoughts, which later prompts leave out.
        """
        left_out = max(self._session.thinking - thoughts, 0)
        self._said.append(Said("assistant", "".join(texts[left_out:])))
