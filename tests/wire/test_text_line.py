"""Lines of mere text, which are put together from parts: the same bytes as any other line's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.golang import gojson
from ollama_simulator.wire.ollama_lines import ChatLine, GenerateLine, Said, TextLine

CHAT = ('"message":{"role":"assistant","content":', '},"done":false}')
GENERATE = ('"response":', ',"done":false}')
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TIMES = st.integers(10**18, 2 * 10**18) | st.integers(10**9, 2 * 10**9).map(lambda s: s * 10**9)


def line(around: tuple[str, str], model: str, time: str, text: str) -> Any:
    """The same line as a struct."""
    if around is CHAT:
        return ChatLine(model, time, Said("assistant", text), False)
    return GenerateLine(model=model, created_at=time, response=text, done=False)


@pytest.mark.parametrize("around", [CHAT, GENERATE], ids=["chat", "generate"])
@given(model=TEXT, text=TEXT, ns=TIMES)
def test_a_line_of_parts(around: tuple[str, str], model: str, text: str, ns: int) -> None:
    """Whatever the text is, quotes, marks of HTML and all scripts included."""
    whole = gojson.encode(line(around, model, gojson.rfc3339(ns), text))
    assert TextLine(model, *around).line(text, ns) == whole + b"\n"
