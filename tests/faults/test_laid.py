"""What an answer is laid open into, whoever gives it: the engine, another server, a recording."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from ollama_simulator.acts import (
    Act,
    Body,
    End,
    Framing,
    Hangup,
    Head,
    Hold,
    How,
    Tick,
    Wait,
)
from ollama_simulator.clock import VirtualClock
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.laid import Ending, Whole, ended, laid
from ollama_simulator.faults.no_terminator import NoTerminator
from ollama_simulator.faults.stream_error import StreamError
from ollama_simulator.net.request import Request
from tests.engine.driving import Machine, virtual
from tests.faults.acting import HEAD, bent, body_of, collected, exchange, request, scripted

CHUNKED = Head(200, HEAD.headers, framing=Framing.CHUNKED)
CLOSE = Head(200, HEAD.headers, framing=Framing.CLOSE)
LENGTH = Head(200, HEAD.headers, length=4)
FIN, RST = Hangup(How.FIN), Hangup(How.RST)
ASKED_HEAD = ("HEAD", "/api/tags", b"")


def opened(acts: tuple[Act, ...], asked: Request | None = None) -> list[Any]:
    """What comes of acts."""

    async def main(clock: VirtualClock) -> list[Any]:
        made = exchange(Machine(clock), asked)
        return [each async for each in laid(made, scripted(acts))]

    return virtual(main)


@pytest.mark.parametrize("head", [HEAD, CHUNKED, CLOSE])
def test_a_stream_is_chunked(head: Head) -> None:
    """However its end was told; with its pauses where they were."""
    acts = (Tick(), head, Body(b"a"), Wait(1), Tick(), Body(b"b"), End())
    assert opened(acts) == [Tick(), CHUNKED, Body(b"a"), Wait(1), Tick(), Body(b"b"), End()]


def test_a_head_that_waits_for_nothing_does_not() -> None:
    """It is there before the first piece, which may be long in coming."""
    assert opened((CHUNKED, Wait(9), Body(b"a"), End())) == [CHUNKED, Wait(9), Body(b"a"), End()]
    assert opened((HEAD, Wait(9), Body(b"a"), End())) == [Wait(9), CHUNKED, Body(b"a"), End()]


@pytest.mark.parametrize("pieces", [(b"abcd",), (b"a", b"bc", b"d")])
def test_a_declared_length_makes_it_whole(pieces: tuple[bytes, ...]) -> None:
    """Also in several pieces, the last of which waits for the end."""
    bodies = [Body(data, flush=number < len(pieces)) for number, data in enumerate(pieces, 1)]
    assert opened((Tick(), LENGTH, *bodies, End())) == [Tick(), Whole(LENGTH, b"abcd", False)]


@pytest.mark.parametrize("size", [2048, 2049])
def test_the_framing_of_a_whole_answer(size: int) -> None:
    """A length up to 2,048 bytes, chunks above (1.7); unless a length was declared."""
    data = b"x" * size
    (_, found) = opened((Tick(), HEAD, Body(data, flush=False), End()))
    expected = Head(200, HEAD.headers, length=size) if size == 2048 else CHUNKED
    assert found == Whole(expected, data, False)
    declared = Head(200, HEAD.headers, length=size)
    assert opened((declared, Body(data, flush=False), End())) == [Whole(declared, data, False)]


@pytest.mark.parametrize("head", [HEAD, CHUNKED, LENGTH])
def test_an_answer_to_head_is_whole(head: Head) -> None:
    """Whatever it says of a body that is not sent."""
    acts = (Tick(), head, Body(b"abcd", flush=False), End())
    assert opened(acts, request(*ASKED_HEAD)) == [Tick(), Whole(head, b"abcd", bodiless=True)]


@pytest.mark.parametrize("last", [FIN, RST, Hold()])
@pytest.mark.parametrize("head", [HEAD, LENGTH])
def test_what_was_held_goes_before_another_end(head: Head, last: Act) -> None:
    """An answer that is cut by who gives it is cut where it was."""
    assert opened((Tick(), head, Body(b"ab", flush=False), last)) == [
        *(Tick(), head, Body(b"ab")),
        last,
    ]


@pytest.mark.parametrize(
    ("ending", "version", "counted", "act"),
    [
        (Ending.FIN, "1.1", False, FIN),
        (Ending.FIN, "1.0", True, FIN),
        (Ending.FIN, "1.0", False, RST),
        (Ending.RST, "1.1", True, RST),
        (Ending.HOLD, "1.0", False, Hold()),
    ],
)
def test_how_an_answer_ends(ending: Ending, version: str, counted: bool, act: Act) -> None:
    """Never with what would be its proper end."""

    async def main(clock: VirtualClock) -> Act:
        made = exchange(Machine(clock), request(version=version))
        return ended(made, ending, counted=counted)

    assert virtual(main) == act


@pytest.mark.parametrize("pieces", [(b"abcd",), (b"a", b"bcd")])
def test_a_relayed_answer_lacks_its_last_byte(pieces: tuple[bytes, ...]) -> None:
    """One that declared its length, in one piece or several."""
    bodies = [Body(data, flush=number < len(pieces)) for number, data in enumerate(pieces, 1)]
    acts = bent(NoTerminator(), (Tick(), LENGTH, *bodies, End()))
    assert acts == [Tick(), LENGTH, Body(b"abc"), FIN]


# --- an error in an answer that the engine did not make -----------------------------------------


def stand_in(*acts: Act) -> Handler:
    """Who answers in place of the engine."""

    async def handler(_: Exchange) -> AsyncGenerator[Act, None]:
        for act in acts:
            yield act

    return handler


def failing(tokens: int, *acts: Act) -> list[Act]:
    """What `StreamError` makes of another server's answer."""

    async def main(clock: VirtualClock) -> list[Act]:
        made = exchange(Machine(clock))
        made.stand_in = stand_in(*acts)
        return await collected(StreamError(tokens, "gone").around(made, made.stand_in))

    return virtual(main)


LINES = (*(CHUNKED, Tick(), Body(b"1\n")), *(Tick(), Body(b"2\n")), Tick(), Body(b"3\n"))


@pytest.mark.parametrize(
    ("tokens", "said"),
    [(1, b"1\n"), (2, b"1\n2\n"), (3, b"1\n2\n3\n"), (9, b"1\n2\n3\n")],
)
def test_an_error_in_a_relayed_stream(tokens: int, said: bytes) -> None:
    """Behind so many chunks, or before its end."""
    acts = failing(tokens, *LINES, End())
    assert body_of(acts) == said + b'{"error":"gone"}\n'
    assert acts[-1] == End()


def test_an_error_in_place_of_a_relayed_answer() -> None:
    """Its head has told a length; nothing of it goes out."""
    acts = failing(5, Tick(), LENGTH, Body(b"abcd", flush=False), End())
    (head,) = (act for act in acts if isinstance(act, Head))
    assert head.status == 500
    assert body_of(acts) == b'{"error":"gone"}'
