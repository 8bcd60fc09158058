"""A recording is written line by line, and never overwritten."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from ollama_simulator.recording.entries import REDACTED, Piece
from ollama_simulator.recording.reading import BadRecording, read
from ollama_simulator.recording.writing import Recorder, Take, check_file
from tests.recording.test_reading import EXCHANGE
from tests.recording.writing import written


def recorder(file: Path, **fields: Any) -> Recorder:
    """One that writes there."""
    return Recorder(str(file), upstream="http://u", server="s1", began="now", **fields)


def take(into: Recorder, **fields: Any) -> Take:
    """An exchange that begins."""
    asked = {"method": "GET", "target": "/", "version": "1.1", "headers": (), "at": "now"}
    return Take(into, **asked | fields)


def test_an_exchange_is_there_when_it_is_over(tmp_path: Path) -> None:
    """And not before; the file is whole after each, though nobody has closed it."""
    file = tmp_path / "new.jsonl"
    into = recorder(file)
    first, second = take(into), take(into, target="/2")
    assert read(file).exchanges == ()
    second.asked_all(0.25)
    second.head(200, "OK", (("A", "b"),), "close", 0.5)
    second.piece(b"one", 0.75)
    second.piece(b"\xff", 1.0000004)
    second.end("complete", "", 2.0)
    (found,) = read(file).exchanges
    assert found.exchange.request.target == "/2"
    assert found.exchange.pieces == (
        Piece(text="one", seconds=0.75),
        Piece(base64="/w==", seconds=1.0),
    )
    into.close()
    first.end("left", "the client left", 3.0)  # what is in flight is still taken
    assert [each.exchange.ended for each in read(file).exchanges] == ["complete", "left"]
    with pytest.raises(OSError, match="Bad file descriptor"):
        take(into).end("left", "", 0.0)


def test_a_recording_is_gone_on_with(tmp_path: Path) -> None:
    """Behind its last whole line."""
    file = written(tmp_path, EXCHANGE)
    file.write_bytes(file.read_bytes() + b'{"type":"Exch')
    into = recorder(file)
    take(into).end("left", "", 0.0)
    tape = read(file)
    assert [each.exchange.ended for each in tape.exchanges] == ["cut", "left"]
    assert [each.program for each in tape.began] == ["tests", "ollama_simulator"]


def test_what_is_no_recording_is_not_touched(tmp_path: Path) -> None:
    """Nor written beside."""
    file = tmp_path / "notes.txt"
    file.write_text("my notes\n", encoding="utf-8")
    with pytest.raises(BadRecording, match=r"notes\.txt:1: no line of a recording"):
        recorder(file)
    assert file.read_text(encoding="utf-8") == "my notes\n"


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "new.jsonl"
    with pytest.raises(BadRecording, match="there is no folder"):
        check_file(str(nowhere))
    with pytest.raises(BadRecording, match=r"Is a directory|Permission denied"):
        check_file(str(tmp_path))


def test_what_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which root can't try: everything may be written then."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(BadRecording, match="it may not be written"):
        check_file(str(written(tmp_path, EXCHANGE)))


@pytest.mark.parametrize(("size", "kept"), [(10, True), (11, False)])
def test_of_a_large_body_the_digest_is_kept(size: int, kept: bool, tmp_path: Path) -> None:
    """However it came."""
    file = tmp_path / "new.jsonl"
    one = take(recorder(file, most_kept=10))
    for _ in range(size):
        one.asked(b"x")
    one.asked_all(0.0)
    one.end("left", "", 0.0)
    body = read(file).exchanges[0].exchange.request.body
    assert body is not None
    if kept:
        assert body.text == "x" * size
    else:
        assert (body.size, body.data) == (size, None)
        assert body.digest == hashlib.sha256(b"x" * size).hexdigest()


def test_secrets_of_both_sides(tmp_path: Path) -> None:
    """By their names, in any case."""
    file = tmp_path / "new.jsonl"
    one = take(recorder(file), headers=(("AUTHORIZATION", "a"), ("Accept", "b")))
    one.head(200, "OK", (("set-cookie", "a"), ("X", "b")), "none", 0.0)
    one.end("complete", "", 0.0)
    found = read(file).exchanges[0].exchange
    assert found.request.headers == (("AUTHORIZATION", REDACTED), ("Accept", "b"))
    assert found.head is not None
    assert found.head.headers == (("set-cookie", REDACTED), ("X", "b"))
    assert "authorization" in read(file).began[0].redacted
