"""A whole answer of its pieces."""

from __future__ import annotations

from ollama_simulator.model import Done, Token, ToolCall
from ollama_simulator.wire.answer import whole

EVENTS = (
    Token("a", "t", (ToolCall("f", "{}"),)),
    Token("b"),
    Done("stop", None, calls=(ToolCall("g", "{}", index=1),)),
)


def test_all_of_it() -> None:
    """Text, thoughts and calls."""
    said = whole(EVENTS)
    assert (said.text, said.thinking, said.reason) == ("ab", "t", "stop")
    assert [call.name for call in said.calls] == ["f", "g"]


def test_calls_that_nobody_asked_for() -> None:
    """Of those only the ones of the last event are kept."""
    assert [call.name for call in whole(EVENTS, tools=False).calls] == ["g"]
    assert whole(EVENTS[:2], tools=False).calls == ()
