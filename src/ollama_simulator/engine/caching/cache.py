"""What every engine's KV cache can be asked.

Source: engine model, 1.3 to 1.5.

It must not import anything but its own package.
"""

from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

import msgspec

from ollama_simulator.engine.caching.tokens import Tokens

T = TypeVar("T", bound=Tokens)


class Move(msgspec.Struct, frozen=True):
    """KV state that went between a slot and the host's memory."""

    how: str
    """`saved` or `restored`."""
    tokens: int
    size: int
    """Bytes."""


class Place(msgspec.Struct, frozen=True):
    """Where a prompt goes, and what is known of it there."""

    slot: int
    cached: int
    """Tokens of the prompt that need not be evaluated."""
    moves: tuple[Move, ...] = ()
    """What had to be copied before, in this order."""


class PromptCache(Protocol[T]):
    """The KV cache of one runner (engine `seed`: of one server)."""

    def take(self, prompt: T, idle: Collection[int], turns: Sequence[int] = ()) -> Place:
        """Find a place for a prompt in one of the idle slots (never none), and make it ready.

        From now on the slot holds the `cached` tokens and nothing else. `turns` is where messages
        of the user begin in the prompt, as far as the runner is told so: only where it renders
        the messages itself (path `native`).
        """

    def keep(self, slot: int, tokens: T) -> None:
        """What a slot holds now: the tokens that were evaluated for the job in it, in order."""

    def holds(self, slot: int) -> T | None:
        """What a slot holds; None for nothing."""

    @property
    def latest(self) -> T | None:
        """What the slot holds that was kept last; None for nothing."""

    def clear(self) -> None:
        """Forget everything."""
