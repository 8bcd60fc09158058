"""The same bytes, cut at odd places."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.acts import Act, Body, End, Head, Tick, Wait
from ollama_simulator.faults.split_writes import SplitWrites, Where
from tests.faults.acting import HEAD, STREAM, WHOLE, bent, body_of, request


def parts(data: bytes, where: Where) -> list[bytes]:
    """How a piece of a stream is cut."""
    made = bent(SplitWrites(where), (Tick(), HEAD, Body(data), End()))
    return [act.data for act in made if isinstance(act, Body)]


@pytest.mark.parametrize(
    ("data", "where", "cut"),
    [
        (b"abcdef", Where.LINE, [b"abc", b"def"]),
        (b"a", Where.LINE, [b"a"]),
        (b"abc", Where.BYTES, [b"a", b"b", b"c"]),
        ("aüb界".encode(), Where.UTF8, [b"a\xc3", b"\xbcb\xe7", b"\x95\x8c"]),
        ("😀".encode(), Where.UTF8, [b"\xf0", b"\x9f\x98\x80"]),
        (b"abcd", Where.UTF8, [b"ab", b"cd"]),
    ],
)
def test_where_it_is_cut(data: bytes, where: Where, cut: list[bytes]) -> None:
    assert parts(data, where) == cut


def test_each_part_is_later_than_the_last() -> None:
    """A pause between parts of one piece; none before the first and behind the last."""
    made = bent(SplitWrites(pause_ms=40), STREAM)
    assert made[2:8] == [Body(b"a"), Wait(0.04), Body(b"a"), Tick(), Body(b"b"), Wait(0.04)]
    assert not any(isinstance(act, Wait) for act in bent(SplitWrites(pause_ms=0), STREAM))


def test_a_whole_answer_keeps_its_length() -> None:
    """It goes out in several parts, of which none is held back."""
    made = bent(SplitWrites(), WHOLE)
    full = Head(200, HEAD.headers, length=10)
    assert made == [*WHOLE[:3], full, Body(b"01234"), Wait(0.005), Body(b"56789"), End()]


def test_where_there_is_no_body_nothing_is_cut() -> None:
    empty = (Tick(), HEAD, Body(b"", flush=False), End())
    assert bent(SplitWrites(), empty) == list(empty)
    headed = (Tick(), HEAD, Body(b"0123456789", flush=False), End())
    assert bent(SplitWrites(), headed, request("HEAD", "/api/tags", b"")) == list(headed)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(min_size=1, max_size=8), max_size=5), st.sampled_from(Where))
def test_no_byte_is_lost(texts: list[str], where: Where) -> None:
    """Whatever it is made of, in their order, and no part is empty."""
    pieces: list[Act] = [Body(text.encode()) for text in texts]
    made = bent(SplitWrites(where), (HEAD, *pieces, Body(b"."), End()))
    assert body_of(made) == "".join([*texts, "."]).encode()
    assert all(act.data for act in made if isinstance(act, Body))
