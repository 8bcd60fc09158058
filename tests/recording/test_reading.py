"""A recording is read strictly, and what is wrong with one is told with its place."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from ollama_simulator.recording.entries import Content, Exchange, Head, Piece, Request
from ollama_simulator.recording.reading import BadRecording, read
from tests.recording.writing import BEGAN, written

BEGINNING = msgspec.json.encode(BEGAN).decode()
EXCHANGE = Exchange(
    server="s1",
    at="2026-01-01T00:00:00.000Z",
    request=Request(
        method="POST",
        target="/api/chat?x",
        version="1.0",
        headers=(("Host", "localhost"), ("host", "two")),
        body=Content.of(b"\xff\x00"),
        seconds=0.5,
    ),
    head=Head(
        status=200,
        reason="Fine",
        headers=(("Content-Length", "3"),),
        framing="content-length",
        seconds=1.0,
    ),
    pieces=(Piece(text="a\u00e9", seconds=1.25),),
    ended="cut",
    detail="the connection ended",
    seconds=2.0,
)
LINE = msgspec.json.encode(EXCHANGE).decode()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Every field of every line, and where the exchanges stand."""
    tape = read(written(tmp_path, EXCHANGE, EXCHANGE))
    assert tape.began == (BEGAN,)
    assert [(each.line, each.exchange) for each in tape.exchanges] == [(2, EXCHANGE), (3, EXCHANGE)]
    assert tape.exchanges[0].exchange.body == "a\u00e9".encode()
    body = tape.exchanges[0].exchange.request.body
    assert body is not None
    assert (body.data, body.base64) == (b"\xff\x00", "/wA=")


def test_somebody_may_go_on(tmp_path: Path) -> None:
    """Then another beginning stands in the midst; blank lines don't count."""
    file = tmp_path / "recording.jsonl"
    file.write_text(f"{BEGINNING}\n{LINE}\n\n{BEGINNING}\n{LINE}\n", encoding="utf-8")
    tape = read(file)
    assert len(tape.began) == 2
    assert [each.line for each in tape.exchanges] == [2, 5]


def test_a_line_that_was_being_written_counts_for_nothing(tmp_path: Path) -> None:
    """When its program died."""
    file = tmp_path / "recording.jsonl"
    file.write_text(f"{BEGINNING}\n{LINE}\n{LINE[:50]}", encoding="utf-8")
    assert len(read(file).exchanges) == 1
    assert read(file).size == len(BEGINNING) + len(LINE.encode()) + 2


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    """And one that doesn't is not."""
    file = written(tmp_path, EXCHANGE)
    before = read(file)
    assert read(str(file)) is before
    file.write_bytes(file.read_bytes() + LINE.encode() + b"\n")
    assert len(read(file).exchanges) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ": no recording: it has no line `Recording`"),
        (LINE + "\n", ":1: a recording begins with a line `Recording`"),
        ("{\n", ":1: no line of a recording: "),
        ('{"x":' * 100_000 + "\n", ":1: no line of a recording: "),
        ("7\n", ":1: Expected `object`, got `int`"),
        (f"{BEGINNING}\n" + '{"type":"Else"}\n', ":2: `type`: Invalid value 'Else'"),
        ('{"type":"Recording","version":2}\n', ":1: `version`: the format 2 is not known; 1 is"),
        ('{"type":"Recording","version":1}\n', ":1: Object missing required field `program`"),
        (f"{BEGINNING}\n{LINE.replace('/wA=', '?')}\n", ":2: `request.body`: base64: "),
        (
            f"{BEGINNING}\n{LINE.replace('1.25', '-1')}\n",
            ":2: `pieces[0].seconds`: Expected `float` >= 0.0",
        ),
        (f"{BEGINNING}\n{LINE.replace('cut', 'dead')}\n", ":2: `ended`: Invalid enum value 'dead'"),
        (
            f"{BEGINNING}\n{LINE.replace('server', 'sever')}\n",
            ":2: Object contains unknown field `sever`",
        ),
        (
            f"{BEGINNING}\n" + LINE.replace('"3"', '"x"') + "\n",
            ":2: `head`: `framing` is content-length, and no header says how long the body is",
        ),
        (
            f"{BEGINNING}\n" + LINE.replace('"text":', '"sha256":"","text":') + "\n",
            ":2: `pieces[0]`: exactly one of text, base64 and sha256 must be there",
        ),
        (
            f"{BEGINNING}\n" + LINE.replace('"text":', '"sha256":') + "\n",
            ":2: `pieces[0]`: a piece of an answer is text or base64",
        ),
    ],
)
def test_what_is_no_recording_is_told(text: str, words: str, tmp_path: Path) -> None:
    """The file, the line, the place in it, and what would be right."""
    file = tmp_path / "odd.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadRecording) as bad:
        read(file)
    assert str(bad.value).startswith(f"{file}{words}"), str(bad.value)


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "none.jsonl"
    with pytest.raises(BadRecording, match="No such file"):
        read(missing)
    with pytest.raises(BadRecording, match=os.strerror(21) if os.name == "posix" else "."):
        read(tmp_path)
