"""A whole answer, put together of what was said piece by piece.

Source: native specification 5.2, compatibility specification 3.1 and 5.4.

It must not import a dialect.
"""

from collections.abc import Iterable

import msgspec

from ollama_simulator.model import Done, Event, Token, ToolCall, Usage


class Whole(msgspec.Struct, frozen=True):
    """All that was said."""

    text: str = ""
    thinking: str = ""
    calls: tuple[ToolCall, ...] = ()
    reason: str = ""
    """Why it ended; empty if it broke off."""
    usage: Usage | None = None
    """None if nothing was counted."""
    ended: bool = False
    """Whether the end was said."""
    silent: bool = False
    """Whether nothing was said at all, not even an end."""

    @property
    def prompt_tokens(self) -> int:
        """All tokens of the prompt; 0 if nothing was counted."""
        return self.usage.prompt_tokens if self.usage else 0

    @property
    def tokens(self) -> int:
        """Tokens generated; 0 if nothing was counted."""
        return self.usage.tokens if self.usage else 0


def whole(events: Iterable[Event], *, tools: bool = True) -> Whole:
    """The answer of which these are the events.

    `tools`: whether there were any to call; else only the calls of the last event are kept.
    """
    said = [event for event in events if isinstance(event, Token | Done)]
    last = said[-1] if said else None
    ended = last if isinstance(last, Done) else None
    return Whole(
        text="".join(event.text for event in said),
        thinking="".join(event.thinking for event in said),
        calls=tuple(call for event in (said if tools else said[-1:]) for call in event.calls),
        reason=ended.reason if ended else "",
        usage=ended.usage if ended else None,
        ended=ended is not None,
        silent=not said,
    )
