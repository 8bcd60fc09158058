"""How much of a body is enough."""

from __future__ import annotations

import pytest

from ollama_simulator.golang.steps import Pieces, enough, taken


@pytest.mark.parametrize(
    ("data", "is_enough"),
    [
        (b"", False),
        (b" \n", False),
        (b"{", False),
        (b'{"a":1', False),
        (b'{"a":1}', True),
        (b' [1, "]"', False),
        (b"[]", True),
        (b'{"a":1} trash', True),
        (b'"text"', False),
        (b'"text" ', True),
        (b"12", False),
        (b"12,", True),
        (b"nul", False),
        (b"null", False),
        (b"null ", True),
        (b"x", True),
        (b'{"a":}', True),
        (b'{"a":"\xff"', False),
        (b'{"a":"\xff"}', True),
    ],
)
def test_enough(data: bytes, is_enough: bool) -> None:
    """A value that is whole, or that can't become one; a number may go on until it doesn't."""
    assert enough(data) is is_enough


@pytest.mark.parametrize(
    ("most", "expected"),
    [(0, 2000), (511, 2000), (512, 512), (1535, 512), (1536, 1536), (1999, 1536)],
)
def test_steps(most: int, expected: int) -> None:
    """The decoder's buffer grows from 512 bytes; what it doesn't need is counted by steps."""
    assert taken(b"x" * 2000, most) == expected


def test_a_value_that_needs_all() -> None:
    """However small the limit, all of it is taken."""
    assert taken(b'"' + b"x" * 1998 + b'"', 1999) == 2000


def test_a_large_body_is_looked_at_when_it_has_doubled() -> None:
    """Small ones each time."""
    pieces = Pieces()
    pieces.add(b'{"a":"')
    assert not pieces.enough()
    pieces.add(b"x" * 100_000)
    assert not pieces.enough()
    pieces.add(b'"}')
    assert not pieces.enough()
    pieces.add(b" " * 100_006)
    assert pieces.enough()
    assert len(pieces.joined()) == 200_014


def test_small_pieces_are_looked_at_each() -> None:
    """A client that waits is not kept waiting."""
    pieces = Pieces()
    for byte in (b"[", b"1"):
        pieces.add(byte)
        assert not pieces.enough()
    pieces.add(b"]")
    assert pieces.enough()
