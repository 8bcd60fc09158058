"""Conversations that clients have with servers, before anything is spelled out.

Source: engine model, 5.3.

Rules of this file:

1. A workload is an iterator of sessions. Whoever plays it keeps the times: a session of an open
   loop begins when it is due, whatever became of the others; in a closed loop each of the users
   begins the next one when the last is over.
2. Lengths are in tokens, times in seconds. Tokens that mark roles are not counted.

It must not import anything of this package.
"""

from collections.abc import Iterator
from typing import Protocol

import msgspec


class Turn(msgspec.Struct, frozen=True):
    """One request of a session."""

    asked: int
    """Tokens of the new message."""
    answered: int
    """Tokens of the answer, thinking included (the request's limit)."""
    think_s: float = 0.0
    """Seconds between the end of the answer before (for the first turn of a closed loop: the
    end of the user's last session) and this request."""


class Shared(msgspec.Struct, frozen=True):
    """A part of a system prompt: wherever its group is the same, its tokens are."""

    group: int
    tokens: int


class Session(msgspec.Struct, frozen=True):
    """A conversation: each turn's prompt is all that was said before, and the new message."""

    number: int
    turns: tuple[Turn, ...]
    at: float | None = None
    """When it begins, from the start of the workload; None in a closed loop."""
    system: tuple[Shared, ...] = ()
    """What its system prompt consists of, in this order. Most have one part; the blocks of a
    recorded prompt are parts, too."""
    model: str = ""
    """Empty for the one that the player was told."""
    num_ctx: int | None = None
    """None leaves it to the server."""
    thinking: int = 0
    """Tokens at the head of each answer that are left out of the prompts that follow."""

    @property
    def system_tokens(self) -> int:
        """Tokens of its system prompt."""
        return sum(part.tokens for part in self.system)


class BadWorkload(ValueError):
    """A workload that can't be played. The text says what is wrong with it, and where."""


class Workload(Protocol):
    """Traffic."""

    @property
    def users(self) -> int | None:
        """How many users a closed loop has; None for an open loop."""

    def sessions(self) -> Iterator[Session]:
        """The sessions in the order in which they begin: the same ones each time it is called.

        An iterator of an open loop may end (a trace) or not (a generator).
        """
