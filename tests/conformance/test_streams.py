"""How the scenarios of streams cut, rewrite and read them."""

import json

import pytest

from ollama_simulator.conformance.answer import Answer, Piece
from ollama_simulator.conformance.dialect import CHAT, OPENAI
from ollama_simulator.conformance.scenarios.stream import boundaries, pace, shapes, structure
from ollama_simulator.conformance.scenarios.stream.errors import is_told
from ollama_simulator.conformance.scenarios.stream.playing import Tape
from ollama_simulator.net.client import End

LINE = '{"message":{"content":"\u6d77 \u00fc"},"done":false}\n'.encode()
EVENT = 'data: {"choices":[{"delta":{"content":"\u6d77"}}]}\n\n'.encode()
CALLS = (
    b'data: {"choices":[{"delta":{"tool_calls":['
    b'{"index":0,"id":"x","function":{"name":"a","arguments":"{\\"city\\":\\"Rome\\"}"}},'
    b'{"index":1,"id":"y","function":{"name":"b","arguments":"{}"}}]}}]}\n\n'
)


def _answer(body: bytes, end: End = End.COMPLETE) -> Answer:
    return Answer("", "", 0.0, status=200, pieces=[Piece(0.0, body)], end=end)


@pytest.mark.parametrize("data", [LINE, EVENT])
@pytest.mark.parametrize(
    "cut",
    [
        boundaries.bytewise,
        boundaries.inside_characters,
        boundaries.inside_names,
        boundaries.between_newlines,
        boundaries.at_random(3),
    ],
)
def test_cuts(data: bytes, cut: boundaries.Cut) -> None:
    """They lose nothing, and cut."""
    parts = list(cut(data))
    assert b"".join(parts) == data
    assert len(parts) > 1
    assert all(parts)


def test_cut_inside_characters() -> None:
    """No piece but the last can be decoded."""
    *parts, _ = boundaries.inside_characters(LINE)
    assert len(parts) == 2
    for part in parts:
        with pytest.raises(UnicodeDecodeError):
            part.decode()


def test_edited() -> None:
    """The JSON of lines and events is changed, and nothing else."""
    mute = shapes.editing(shapes.without_text)
    assert mute(LINE) == b'{"message":{"content":""},"done":false}\n'
    assert mute(b": a comment\n\ndata: [DONE]\n\n") == b": a comment\n\ndata: [DONE]\n\n"
    slim = shapes.editing(pace.slim)
    assert json.loads(slim(EVENT)[5:]) == json.loads(EVENT[5:])


@pytest.mark.parametrize("interleaved", [False, True])
def test_calls_in_fragments(interleaved: bool) -> None:
    """However they are cut, they are put together again."""
    body = structure.in_fragments(CALLS, interleaved=interleaved)
    assert body.count(b"data: ") == 6
    said = structure.put_together(_answer(body))
    assert said.called() == [("a", {"city": "Rome"}), ("b", {})]
    assert said.ids() == ["x", "y"]


def test_lateness() -> None:
    """Counted by text, as a balancer may join and split pieces."""
    tape = Tape(pieces=[Piece(1.0, LINE), Piece(2.0, LINE)])
    came = Answer("", "", 0.0, pieces=[Piece(2.5, LINE + LINE)])
    assert pace.late(came, tape) == [1.5, 0.5]


@pytest.mark.parametrize(
    ("body", "end", "told"),
    [
        (EVENT + b'data: {"choi', End.CUT, True),
        (EVENT + b'data: {"choi', End.COMPLETE, False),
        (EVENT + b'data: {"choidata: {"error":{}}\n\n', End.COMPLETE, False),
        (EVENT + b'data: {"choi\n\n{"error":{}}\n\n', End.COMPLETE, False),
        (EVENT + b'data: {"choi\ndata: {"error":{}}\n\n', End.COMPLETE, False),
        (EVENT + b'data: {"choi\n\ndata: {"error":{}}\n\n', End.COMPLETE, True),
        (EVENT + b'data: {"choi', End.SILENT, False),
    ],
)
def test_what_a_strict_client_is_told(body: bytes, end: End, told: bool) -> None:
    """Of an event, only when its blank line has come."""
    assert is_told(_answer(body, end), OPENAI) is told


def test_what_a_reader_of_lines_is_told() -> None:
    """An error needs a line of its own."""
    assert is_told(_answer(LINE + b'{"mess\n{"error":"x"}\n'), CHAT)
    assert not is_told(_answer(LINE + b'{"mess{"error":"x"}\n'), CHAT)
