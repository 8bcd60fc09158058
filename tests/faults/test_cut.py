"""Faults that cut an answer short, act by act."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.acts import Act, Body, End, Framing, Hangup, Head, How, Tick
from ollama_simulator.clock import VirtualClock
from ollama_simulator.engine.machine import Pace
from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.empty_reply import EmptyReply
from ollama_simulator.faults.fail_mid_stream import FailMidStream
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


# --- FailMidStream ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "passed"),
    [(0, 0), (1, 3), (2, 5), (3, 8), (4, 8), (1000, 8)],
)
def test_fail_mid_stream(tokens: int, passed: int) -> None:
    """The piece one too many is a reset; a shorter answer is reset in place of its end."""
    assert bent(FailMidStream(tokens), STREAM) == [*STREAM[:passed], RST]


@pytest.mark.parametrize(("tokens", "passed"), [(0, 0), (1, 1), (2, 2), (3, 5), (9, 5)])
def test_fail_mid_stream_of_a_whole_answer(tokens: int, passed: int) -> None:
    """The reset comes when so many tokens would be out: no flushed byte before it."""
    acts = bent(FailMidStream(tokens), WHOLE)
    assert acts == [*WHOLE[:passed], RST]
    assert not any(isinstance(act, Body) and act.flush for act in acts)


@pytest.mark.parametrize(
    ("fault", "pace"),
    [
        (FailMidStream(5), Pace(tokens=20)),
        (FailMidStream(50, 130.0), Pace(decode_tps=130.0, tokens=51)),
    ],
)
def test_fail_mid_stream_sets_the_pace(fault: FailMidStream, pace: Pace) -> None:
    """The rate is the fault's, and the answer is long enough to fail."""

    async def main(clock: VirtualClock) -> Pace:
        made = exchange(Machine(clock))
        await collected(fault.around(made, scripted(STREAM)))
        return made.pace

    assert virtual(main) == pace


# --- AbruptClose --------------------------------------------------------------------------


@pytest.mark.parametrize("count", range(13))
def test_abrupt_close_of_a_stream(count: int) -> None:
    """Exactly so many bytes of the body, chunked, then FIN; never an end."""
    acts = bent(AbruptClose(count), STREAM)
    assert body_of(acts) == b"aabbbcdone"[:count]
    assert acts[-1] == FIN
    assert End() not in acts
    heads = [act for act in acts if isinstance(act, Head)]
    assert heads == [Head(200, HEAD.headers, framing=Framing.CHUNKED)]
    assert all(act.flush for act in acts if isinstance(act, Body))
    assert all(act.data for act in acts if isinstance(act, Body))


@pytest.mark.parametrize("count", range(13))
def test_abrupt_close_of_a_whole_answer(count: int) -> None:
    """The head with the whole length, so many bytes, but never the last one; then FIN."""
    acts = bent(AbruptClose(count), WHOLE)
    assert [type(act) for act in acts[:3]] == [Tick] * 3
    assert acts[3] == Head(200, HEAD.headers, length=10)
    assert body_of(acts) == b"0123456789"[: min(count, 9)]
    assert acts[-1] == FIN


@pytest.mark.parametrize("count", [0, 1, 2048, 3000, 9999])
def test_abrupt_close_of_a_large_answer(count: int) -> None:
    """Above 2,048 bytes it would be chunked, so it is, without the terminator."""
    acts = bent(AbruptClose(count), (Tick(), HEAD, Body(b"x" * 3000, flush=False), End()))
    assert acts[1] == Head(200, HEAD.headers, framing=Framing.CHUNKED)
    assert body_of(acts) == b"x" * min(count, 3000)
    assert acts[-1] == FIN


def test_abrupt_close_where_there_is_no_body() -> None:
    """The head stays without its end: nothing else can be left out."""
    head = request("HEAD", "/api/tags", b"")
    expected: list[Act] = [Tick(), Head(200, HEAD.headers, blank_line=False), FIN]
    assert bent(AbruptClose(5), (Tick(), *WHOLE[3:]), head) == expected
    assert bent(AbruptClose(5), (Tick(), HEAD, Body(b"", flush=False), End())) == expected


PIECES = st.lists(st.tuples(st.binary(max_size=6), st.booleans()), max_size=8)


@settings(deadline=None, max_examples=150)
@given(PIECES, st.integers(0, 40))
def test_no_answer_completes(pieces: list[tuple[bytes, bool]], count: int) -> None:
    """Whatever an answer is made of: no `End`, FIN last, and no byte beyond the count."""
    answer: tuple[Act, ...] = (HEAD, *(Body(data, flush=flush) for data, flush in pieces), End())
    acts = bent(AbruptClose(count), answer)
    whole = b"".join(data for data, _ in pieces)
    sent = body_of(acts)
    assert acts[-1] == FIN
    assert End() not in acts
    assert whole.startswith(sent)
    assert len(sent) <= count
    head = next(act for act in acts if isinstance(act, Head))
    cut = head.framing is Framing.CHUNKED or not head.blank_line
    assert cut or (head.length == len(whole) and len(sent) < len(whole))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(min_size=1, max_size=6), min_size=1, max_size=8), st.integers(0, 40))
def test_streams_are_cut_to_the_byte(pieces: list[bytes], count: int) -> None:
    """Of flushed pieces exactly `count` bytes go out, or all there are."""
    acts = bent(AbruptClose(count), (HEAD, *map(Body, pieces), End()))
    assert body_of(acts) == b"".join(pieces)[:count]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 12), st.integers(0, 12), st.booleans())
def test_tokens_are_counted_to_the_piece(tokens: int, count: int, whole: bool) -> None:
    """`FailMidStream` lets exactly so many ticks pass, or all there are."""
    body = (Body(b"x", flush=False),) if whole else ()
    stream: tuple[Act, ...] = (HEAD, *((Tick(), Body(b"x")) * tokens), *body, End())
    acts = bent(FailMidStream(count), stream)
    assert acts.count(Tick()) == min(tokens, count)
    assert acts[-1] == RST
    assert End() not in acts


def test_empty_reply() -> None:
    """The request is read to its end, then FIN without a byte; the handler is not asked."""
    pulled: list[Act] = []

    async def main(clock: VirtualClock) -> tuple[list[Act], float]:
        asked = request(end=False)
        asyncio.get_running_loop().call_later(3, asked.body.end)
        made = exchange(Machine(clock), asked)
        return await collected(EmptyReply().around(made, scripted(STREAM, pulled))), clock.now()

    assert virtual(main) == ([FIN], 3.0)
    assert pulled == []


def test_a_trailing_held_body_is_cut_with_its_stream() -> None:
    """What was held behind flushed pieces is neither lost from the count nor completed."""
    answer: tuple[Act, ...] = (HEAD, Body(b"ab"), Body(b"cd", flush=False), End())
    acts = bent(AbruptClose(10), answer)
    assert acts[-1] == FIN
    assert body_of(acts).startswith(b"ab")
