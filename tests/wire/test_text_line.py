"""Lines of mere text, which are put together from parts: the same bytes as any other line's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.flow import UNFRAMED, Frame
from ollama_simulator.golang import gojson
from ollama_simulator.wire.ollama_lines import KEPT, ChatLine, GenerateLine, Said, TextLine, _ends

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


def sized(chunk: bytes) -> bytes:
    """A chunk as HTTP frames it."""
    return b"%x\r\n%b\r\n" % (len(chunk), chunk)


class Sizes(dict[int, bytes]):
    """What stands before a chunk."""

    def __missing__(self, length: int) -> bytes:
        return b"%x\r\n" % length


@pytest.mark.parametrize("around", [CHAT, GENERATE], ids=["chat", "generate"])
@given(texts=st.lists(TEXT, max_size=9), ns=TIMES, step=st.sampled_from([0, 7, 10**9]))
def test_lines_in_their_frames(
    around: tuple[str, str], texts: list[str], ns: int, step: int
) -> None:
    """Several at once, of one moment or each of its own, are those that are made one by one."""
    text_line = TextLine("m", *around)
    times = [ns + step * number for number in range(len(texts))]
    lines = [text_line.line(text, at) for text, at in zip(texts, times, strict=True)]
    assert text_line.lines(texts, times, UNFRAMED) == lines
    assert text_line.lines(texts, times, Frame(Sizes(), b"\r\n")) == list(map(sized, lines))


def test_texts_are_forgotten_when_there_are_many() -> None:
    """Those that come then are as right as the others."""
    text_line = TextLine("m", *CHAT)
    for number in [*range(KEPT + 5), 3]:
        assert f'"content":"{number}"' in text_line.line(str(number), 10**18).decode()
        (line,) = text_line.lines([str(number)], [10**18], UNFRAMED)
        assert f'"content":"{number}"' in line.decode()
    assert len(_ends(CHAT[1], b"")) <= KEPT
