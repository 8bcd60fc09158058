"""What a cache without limits would save: the measure that hit ratios are relative to.

Source: engine model, 1.4, 1.5, 1.8 and 5.3.

Rules of this file:

1. The cache is one, never forgets, and knows whatever began before: the order is that of the
   sessions, each with all of its turns. No real fleet can save more.
2. The last token of an answer was never read. (That the last one of a prompt is always read again
   makes no difference: each turn asks something new.)

It must not import anything but its own package.
"""

from collections.abc import Iterable, Iterator

import msgspec

from ollama_simulator.workload.session import Session


class Prompt(msgspec.Struct, frozen=True):
    """The prompt of one turn."""

    tokens: int
    known: int
    """How many at its head the session's own turns before left in the cache at best."""


class Ideal(msgspec.Struct, frozen=True):
    """What could be saved of some sessions."""

    requests: int = 0
    prompt_tokens: int = 0
    hit_tokens: int = 0

    @property
    def ratio(self) -> float:
        """The share of prompt tokens that need not be evaluated; 0 if there are none."""
        return self.hit_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


def prompts(session: Session) -> Iterator[Prompt]:
    """The prompt of each turn, if every answer is as long as it was asked to be."""
    said = session.system_tokens
    known = 0
    for turn in session.turns:
        prompt = said + turn.asked
        yield Prompt(prompt, known)
        said = prompt + max(turn.answered - session.thinking, 0)
        # Thoughts in front of an answer are missing from the next prompt, which so differs from
        # the first token of the answer on.
        known = prompt if session.thinking else said - 1


def ideal(sessions: Iterable[Session]) -> Ideal:
    """What could be saved of these sessions; they must come to an end."""
    requests = tokens = hits = 0
    # A tree of the system prompts that have begun: the node behind another by a part's group.
    tree: dict[tuple[int, int], int] = {}
    for session in sessions:
        shared = node = 0
        for part in session.system:
            step = (node, part.group)
            if step in tree:
                shared += part.tokens
            node = tree.setdefault(step, len(tree) + 1)
        for prompt in prompts(session):
            requests += 1
            tokens += prompt.tokens
            hits += max(prompt.known, shared)
    return Ideal(requests, tokens, hits)
