"""The helpers of the scenarios of HTTP itself."""

from __future__ import annotations

import gzip

import pytest

from ollama_simulator.conformance.answer import Answer, Piece
from ollama_simulator.conformance.scenarios.http.encoding import decoded
from ollama_simulator.conformance.scenarios.http.odd import chunked
from ollama_simulator.conformance.scenarios.http.sending import may_be_a_probe, said_in
from ollama_simulator.net.chunks import Chunks

TEXT = b"in eight words or so, and then again. " * 40


@pytest.mark.parametrize("size", [1, 7, 1519, 1520, 1521])
def test_chunks(size: int) -> None:
    """What is put into chunks comes out of them, and nothing is left."""
    came: list[bytes] = []
    assert Chunks(came.append).feed(chunked(TEXT, size)) == b""
    assert b"".join(came) == TEXT


def _answer(*pieces: bytes, coding: str | None = None) -> Answer:
    headers = (("Content-Encoding", coding),) if coding else ()
    found = [Piece(float(t), data) for t, data in enumerate(pieces)]
    return Answer("nonce-0", "", 0.0, headers=headers, pieces=found)


def test_an_answer_is_decoded_once() -> None:
    """In place, with the times of its pieces."""
    packed = gzip.compress(TEXT)
    answer = _answer(packed[:50], packed[50:], coding="gzip")
    assert decoded(answer)
    assert answer.body == TEXT
    assert answer.pieces[-1].t == 1.0
    twice = _answer(gzip.compress(packed), coding="gzip")
    assert decoded(twice)
    assert twice.body == packed


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_what_can_not_be_decoded(coding: str) -> None:
    """Plain bytes that are called compressed, and a coding that nobody asked for."""
    assert not decoded(_answer(TEXT, coding=coding))


def test_what_is_not_called_compressed_stays() -> None:
    """Whatever it is."""
    answer = _answer(gzip.compress(TEXT))
    assert decoded(answer)
    assert answer.body == gzip.compress(TEXT)


def test_an_answer_in_bytes() -> None:
    """Status, headers and what follows; a status that is none is told apart from all others."""
    said = said_in(b"HTTP/1.1 204 No Content\r\nA: b:c\r\na:  d\r\n\r\nrest")
    assert (said.status, said.headers, said.rest) == (204, (("A", "b:c"), ("a", "d")), b"rest")
    assert said.header("a") == "b:c"
    assert said.header("b") is None
    assert said_in(b"nonsense\r\n\r\n").status == 999


def test_probes() -> None:
    """Health checks are guessed by their look."""
    assert may_be_a_probe("GET", "/")
    assert may_be_a_probe("HEAD", "/api/version")
    assert not may_be_a_probe("GET", "/?check=1")
    assert not may_be_a_probe("POST", "/api/tags")
