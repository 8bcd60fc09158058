"""Files of recordings are read in both formats, and what is none is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ollama_simulator.golden.recording import BadRecording, read
from tests.golden.making import DATE, VERSION, compat, made, native, posted


def written(folder: Path, *lines: Any) -> Path:
    """A file of these lines; a text is a line as it is."""
    file = folder / "some.jsonl"
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    file.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return file


def test_a_native_line() -> None:
    """Everything that is recorded is there, in its order."""
    found = made(native(timing_ms={"complete": 5}), 7)
    assert (found.name, found.group, found.place) == (
        "liveness/version",
        "liveness",
        "some.jsonl:7",
    )
    assert (found.setup, found.script, found.compat) == ("server main; any state", None, False)
    assert (found.request.method, found.request.path) == ("GET", "/api/version")
    assert found.request.headers == (("Host", "localhost:11434"),)
    assert (found.request.body, found.request.raw) == (None, ())
    assert found.reply.headers[1:] == (("Date", DATE), ("Content-Length", "24"))
    assert (found.reply.body, found.reply.chunks) == (VERSION, ())
    assert (found.reply.framing, found.reply.ended, found.reply.after) == (
        "content-length",
        "complete",
        "open",
    )
    assert found.timing_ms == {"complete": 5}


def test_answers_that_follow() -> None:
    """Pipelined answers are in their order."""
    second = native()["response"] | {"status_line": "HTTP/1.1 404 Not Found"}
    found = made(native(further_responses=[second]))
    assert [reply.status_line for reply in found.replies] == [
        "HTTP/1.1 200 OK",
        "HTTP/1.1 404 Not Found",
    ]


def test_a_raw_request_of_several_writes() -> None:
    """One text for each write; a single one may stand alone."""
    request = native()["request"]
    assert made(native(request=request | {"raw": ["a", "b"]})).request.raw == ("a", "b")
    assert made(native(request=request | {"raw": "ab"})).request.raw == ("ab",)


def test_a_compat_line() -> None:
    """The status line is what Go says; a body that is an object was sent as JSON."""
    found = made(compat())
    assert (found.reply.status_line, found.reply.framing) == (
        "HTTP/1.1 404 Not Found",
        "content-length",
    )
    assert json.loads(found.request.body or b"") == compat()["request"]["body"]
    assert (found.compat, found.native, found.reply.after) == (True, None, None)


def test_a_compat_stream() -> None:
    """Chunks, and whether the last came."""
    response = {
        "status": 200,
        "headers": [["Transfer-Encoding", "chunked"]],
        "chunks": ["data: a\n\n", "data: b\n\n"],
        "terminated": True,
    }
    lines = {"status": 200, "lines": ['{"done":true}']}
    whole = made(compat(response=response, native=lines))
    assert (whole.reply.framing, whole.reply.ended) == ("chunked", "complete")
    assert (whole.reply.chunks, whole.reply.body) == (
        (b"data: a\n\n", b"data: b\n\n"),
        b"data: a\n\ndata: b\n\n",
    )
    assert whole.native is not None
    assert (whole.native.status, whole.native.lines) == (200, ('{"done":true}',))
    cut = made(compat(response=response | {"terminated": False}))
    assert cut.reply.ended == "fin-without-terminator"


def test_the_fields_of_a_body() -> None:
    """None of what is no object."""
    assert made(posted("/api/show", '{"model":"a"}')).request.json == {"model": "a"}
    assert made(posted("/api/show", "[1]")).request.json == {}
    assert made(posted("/api/show", "{")).request.json == {}


def test_both_formats_in_one_file(tmp_path: Path) -> None:
    """Each line is what it is; empty ones are none, but count."""
    found = list(read(written(tmp_path, native(), "", compat())))
    assert [(each.compat, each.line) for each in found] == [(False, 1), (True, 3)]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "Expecting property name"),
        ("[1]", "a recording is a JSON object"),
        ("{}", "there is no 'response'"),
        ({"response": {}, "name": "x"}, "there is no 'request'"),
        (native(request=5), "its 'request' is a JSON object"),
        (native(response="ok"), "its 'response' is a JSON object"),
        (native(further_responses=3), "a field has a wrong type"),
        (compat(response={"status": 9999, "headers": [], "body": ""}), "9999 is not a valid"),
    ],
)
def test_a_line_that_is_no_recording(tmp_path: Path, line: Any, why: str) -> None:
    """File and line are named, and what is wrong."""
    file = written(tmp_path, native(), line)
    with pytest.raises(BadRecording, match=why) as caught:
        list(read(file))
    assert str(caught.value).startswith(f"{file}:2: not a recording: ")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """It is named, and why."""
    with pytest.raises(BadRecording, match=r"nothing\.jsonl: cannot be read: No such file"):
        list(read(tmp_path / "nothing.jsonl"))
    with pytest.raises(BadRecording, match="cannot be read"):
        list(read(tmp_path))


def test_a_file_of_other_bytes(tmp_path: Path) -> None:
    """It is no recording either."""
    file = tmp_path / "some.jsonl"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadRecording, match=r"some\.jsonl:1: not a recording"):
        list(read(file))


def test_a_file_without_recordings(tmp_path: Path) -> None:
    """Nothing compared must not look like everything identical."""
    with pytest.raises(BadRecording, match="no recordings in it"):
        list(read(written(tmp_path, "")))
