"""Faults of content, act by act."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ollama_simulator.acts import Act, Body, End, Framing, Hangup, Head, How, Raw, Tick
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.garbage import Garbage
from ollama_simulator.faults.malformed_json import MalformedJson, half
from ollama_simulator.records import Admitted, Received
from tests.engine.driving import Machine, virtual
from tests.faults.acting import (
    HEAD,
    STREAM,
    WHOLE,
    bent,
    body_of,
    collected,
    exchange,
    request,
    scripted,
)

RST, FIN = Hangup(How.RST), Hangup(How.FIN)
CHUNKED = Head(200, HEAD.headers, framing=Framing.CHUNKED)
ALERT = Raw(b"\x15\x03\x03\x00\x02\x02\x0a")


def test_garbage_in_place_of_an_answer() -> None:
    """The request is read; the handler is not asked."""

    async def main(clock: VirtualClock) -> tuple[list[Act], list[Act], int, int]:
        machine = Machine(clock)
        pulled: list[Act] = []
        acts = await collected(Garbage().around(exchange(machine), scripted(STREAM, pulled)))
        return acts, pulled, len(machine.saw(Received)), len(machine.saw(Admitted))

    assert virtual(main) == ([ALERT, FIN], [], 1, 0)


@pytest.mark.parametrize(("tokens", "good"), [(1, b"aa"), (2, b"aabbb"), (3, b"aabbbcdone")])
def test_garbage_within_a_stream(tokens: int, good: bytes) -> None:
    """Behind exactly so many tokens, or in place of the end."""
    made = bent(Garbage(tokens, "no ü\r\n"), STREAM)
    assert body_of(made) == good
    assert made[-2:] == [Raw(b"no \xfc\r\n"), FIN]


@pytest.mark.parametrize(("tokens", "passed"), [(1, 1), (3, 3), (9, 3)])
def test_garbage_in_place_of_a_whole_answer(tokens: int, passed: int) -> None:
    """When its tokens would be made: no byte of it is out."""
    assert bent(Garbage(tokens), WHOLE) == [*WHOLE[:passed], ALERT, FIN]


def test_garbage_where_fin_is_an_end() -> None:
    """In a stream of HTTP/1.0 it would pass for a part of the body."""
    assert bent(Garbage(1), STREAM, request(version="1.0"))[-1] == RST


@pytest.mark.parametrize("text", ["", "Ā"])
def test_garbage_is_bytes(text: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"`\$\.text`"):
        msgspec.convert({"type": "Garbage", "text": text}, Garbage)


@pytest.mark.parametrize(
    ("data", "left"),
    [
        (b'{"a":12345}\n', b'{"a":\n'),
        (b'data: {"a":1}\n\n', b"data: \n\n"),
        ('"üüüü"'.encode(), '"üü'.encode()),
        ('"aüüü"'.encode(), '"aü'.encode()),
        ('"üüü"'.encode(), '"ü'.encode()),
        (b"x", b""),
        (b"", b""),
        (b"\n", b"\n"),
    ],
)
def test_half_of_a_line(data: bytes, left: bytes) -> None:
    """No character in halves, and what ends it is there."""
    assert half(data) == left


def lines(*texts: str) -> tuple[Act, ...]:
    """A stream of these lines, a token each."""
    pieces: list[Any] = [Tick(), HEAD]
    for number, text in enumerate(texts):
        pieces += [Tick()] * bool(number) + [Body(text.encode() + b"\n")]
    return (*pieces, End())


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        (0, b"[1\n[2,2]\n[3,3]\n"),
        (1, b"[1,1]\n[2\n[3,3]\n"),
        (2, b"[1,1]\n[2,2]\n[3\n"),
        (3, b"[1,1]\n[2,2]\n[3,3]\n"),
    ],
)
def test_one_line_is_broken(tokens: int, said: bytes) -> None:
    """The others are good, and the answer completes; if it is too short, all are."""
    made = bent(MalformedJson(tokens), lines("[1,1]", "[2,2]", "[3,3]"))
    assert body_of(made) == said
    assert made[-1] == End()


def test_a_whole_answer_is_broken_and_its_length_right() -> None:
    """Whatever the count."""
    made = bent(MalformedJson(7), WHOLE)
    assert made == [
        *WHOLE[:3],
        Head(200, HEAD.headers, length=5),
        Body(b"01234", flush=False),
        End(),
    ]
    large = (Tick(), HEAD, Body(b"x" * 5000, flush=False), End())
    assert bent(MalformedJson(), large) == [Tick(), CHUNKED, Body(b"x" * 2500, flush=False), End()]


def test_a_head_is_as_it_was() -> None:
    acts = (Tick(), HEAD, Body(b"0123456789", flush=False), End())
    assert bent(MalformedJson(), acts, request("HEAD", "/api/tags", b"")) == list(acts)
