"""A session as it goes on: the prompt of each turn, and what an unlimited cache would have of it.

Source: engine model, 1.6, 1.8 and 5.3.

Rules of this file:

1. Each text of a session has a number of its own; a part of a system prompt has that of its group,
   which all sessions share.
2. What a model thought is in no later prompt.
3. A prompt that doesn't fit loses its oldest turns; its system prompt and its last message stay.

It must not import anything but its own package and `workload`.
"""

from collections.abc import Iterator

from ollama_simulator.lab.stretches import Stretches, stretch
from ollama_simulator.workload.session import Session, Turn

TEXTS = 1 << 20
"""Texts that a session has at most."""
KEPT = 4
"""Tokens at the beginning of a prompt that stay when even its last message is too long (1.6)."""


class Asked:
    """One turn that is about to be asked."""

    __slots__ = ("_said", "_system", "answer", "known", "messages", "number", "prompt", "turn")

    def __init__(
        self,
        turn: Turn,
        number: int,
        prompt: Stretches,
        answer: Stretches,
        known: int,
        system: Stretches,
        said: list[Stretches],
    ) -> None:
        """`said` is what came before, with the question last."""
        self.turn = turn
        self.number = number
        """Which turn of its session it is, from 0."""
        self.prompt = prompt
        self.answer = answer
        """What will be answered, thinking included."""
        self.known = known
        """Tokens of the prompt that the session's own turns before left in a cache at best."""
        self.messages = (system.size > 0) + 2 * len(said) - 1
        """How many the prompt has."""
        self._system = system
        self._said = said

    def fitting(self, context: int) -> Stretches:
        """The prompt for a context of so many tokens."""
        if self.prompt.size < context:
            return self.prompt
        size = self.prompt.size
        first = 0
        while first < len(self._said) - 1 and size >= context:
            size -= len(self._said[first])
            first += 1
        prompt = self._system
        for part in self._said[first:]:
            prompt = prompt.plus(part)
        if prompt.size < context:
            return prompt
        kept = min(KEPT, context - 2)
        return prompt.first(kept).plus(prompt.last(context - 1 - kept))


def turns(session: Session) -> Iterator[Asked]:
    """The turns of a session, one behind the other."""
    system = Stretches((-1 - part.group, 0, part.tokens) for part in session.system)
    so_far = system
    said: list[Stretches] = []
    text = session.number * TEXTS
    known = 0
    for number, turn in enumerate(session.turns):
        question = stretch(text, turn.asked)
        answer = stretch(text + 1, turn.answered)
        prompt = so_far.plus(question)
        yield Asked(turn, number, prompt, answer, known, system, [*said, question])
        thought = min(session.thinking, turn.answered)
        spoken = answer.last(turn.answered - thought)
        said.append(question.plus(spoken))
        so_far = prompt.plus(spoken)
        # The last token of an answer was never read.
        known = prompt.size if thought else so_far.size - 1
        text += 2
