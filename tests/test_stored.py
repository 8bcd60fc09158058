"""Pulls, creations and uploads, from the request to the acts: types, framing, unread bodies."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ollama_simulator.acts import Act, Body, End, Framing, Head, Tick
from ollama_simulator.answering import answer
from ollama_simulator.clock import VirtualClock
from ollama_simulator.net.request import Request
from tests.engine.driving import Machine, virtual
from tests.faults.acting import collected, exchange, request

BARE = (("Content-Type", "application/json"),)
NDJSON = (("Content-Type", "application/x-ndjson"),)
JSON = (("Content-Type", "application/json; charset=utf-8"),)
DIGEST = f"sha256:{hashlib.sha256(b'data').hexdigest()}"


def answered(*asked: Request) -> list[list[Act]]:
    """The honest answers of one machine to several requests."""

    async def main(clock: VirtualClock) -> list[list[Act]]:
        machine = Machine(clock)
        return [await collected(answer(exchange(machine, each))) for each in asked]

    return virtual(main)


def create(**fields: Any) -> Request:
    """A creation."""
    return request(target="/api/create", body={"model": "new", **fields})


def test_a_failure_before_the_first_line() -> None:
    """In a stream it has its place, flushed; in a whole answer the same type, with a length."""
    message = b"""{"error":"neither 'from' or 'files' was specified"}"""
    streamed, whole = answered(create(), create(stream=False))
    assert streamed == [Tick(), Head(400, BARE), Body(message, flush=True), End()]
    assert whole == [Tick(), Head(400, BARE), Body(message, flush=False), End()]


def test_a_failure_after_the_first_line() -> None:
    """In a stream the status is gone; in a whole answer it is told."""
    fields = {"files": {"a.gguf": "abc"}}
    streamed, whole = answered(create(**fields), create(**fields, stream=False))
    assert streamed[1:] == [
        Head(200, NDJSON),
        Body(b'{"status":"parsing GGUF"}\n'),
        Body(b'{"error":"invalid digest format"}\n'),
        End(),
    ]
    assert whole[-3:] == [
        Head(500, BARE),
        Body(b'{"error":"invalid digest format"}', flush=False),
        End(),
    ]


def test_what_is_wrong_with_the_request() -> None:
    """It is told with a character set, whatever was asked for."""
    (acts,) = answered(request(target="/api/create", body={"model": "a b"}))
    assert acts[1] == Head(400, JSON)


def test_a_success() -> None:
    """Each line is one chunk; the whole answer is the last of them."""
    streamed, whole = answered(
        create(**{"from": "test-model"}), create(**{"from": "other:7b", "stream": False})
    )
    assert [type(act) for act in streamed].count(Body) == [type(act) for act in streamed].count(
        Tick
    )
    assert streamed[1] == Head(200, NDJSON)
    assert whole[-3:] == [Head(200, BARE), Body(b'{"status":"success"}', flush=False), End()]


def test_uploads() -> None:
    """New, there already (the body stays unread), and looked for (no length is told)."""
    unread = request(target=f"/api/blobs/{DIGEST}", body=b"da", end=False)
    new, known, found = answered(
        request(target=f"/api/blobs/{DIGEST}", body=b"data"),
        unread,
        request("HEAD", f"/api/blobs/{DIGEST}", b""),
    )
    assert new == [Tick(), Head(201), Body(b"", flush=False), End()]
    assert known == [Tick(), Head(200), Body(b"", flush=False), End()]
    assert found == [Tick(), Head(200, framing=Framing.NONE), Body(b"", flush=False), End()]
    assert unread.body.taken == 0


@pytest.mark.parametrize("target", ["/api/me", "/api/signout"])
def test_who_asks_for_an_account_sends_no_body(target: str) -> None:
    """What comes nonetheless stays unread."""
    asked = request(target=target, body=b"{", end=False)
    (acts,) = answered(asked)
    assert isinstance(acts[1], Head)
    assert acts[1].status >= 500
    assert asked.body.taken == 0


def test_copies_and_deletions() -> None:
    """Success has no body and no type; what is missing is told in two ways."""
    done, gone, missing = answered(
        request(target="/api/copy", body={"source": "test-model", "destination": "b"}),
        request("DELETE", "/api/delete", {"model": "b"}),
        request("DELETE", "/api/delete", {"model": "b"}),
    )
    assert done == gone == [Tick(), Head(200), Body(b"", flush=False), End()]
    assert missing[1:3] == [
        Head(404, JSON),
        Body(b'{"error":"model \'b\' not found"}', flush=False),
    ]
