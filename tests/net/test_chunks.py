"""Bodies in chunks, taken apart as Go does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.net.chunks import LONGEST_LINE, BadChunks, Chunks


def read(data: bytes, step: int = 0) -> tuple[bytes, bytes | None]:
    """The body, and what follows it; None if it is not over. Raises `BadChunks`."""
    pieces: list[bytes] = []
    chunks = Chunks(pieces.append)
    rest: bytes | None = None
    for at in range(0, len(data), step or len(data)):
        piece = data[at : at + (step or len(data))]
        rest = piece if rest is not None else chunks.feed(piece)
    return b"".join(pieces), rest


def words(data: bytes) -> str:
    """The complaint; the same however the bytes come."""
    complaints = set()
    for step in (0, 1, 5):
        with pytest.raises(BadChunks) as raised:
            read(data, step)
        complaints.add(str(raised.value))
    (complaint,) = complaints
    return complaint


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"0\r\n\r\n", b""),
        (b"3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n", b"abc0123456789"),
        (b"3;ext=1\r\nabc\r\n0;x\r\n\r\n", b"abc"),
        (b"3 \t\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n", b"abc"),
        (b"0000000000000003\r\nabc\r\n0\r\n\r\n", b"abc"),
    ],
)
def test_good_bodies(data: bytes, body: bytes) -> None:
    """Extensions and trailers are not part of it; what follows is given back."""
    assert read(data) == (body, b"")
    assert read(data, 1)[0] == body
    assert read(data + b"GET / HTTP/1.1") == (body, b"GET / HTTP/1.1")


@pytest.mark.parametrize(
    "data", [b"3", b"3\r\nab", b"3\r\nabc\r", b"3\r\nabc\r\n0\r\n", b"0\r\nA: b\r\n"]
)
def test_bodies_that_go_on(data: bytes) -> None:
    """They are not over yet, and nothing is wrong with them."""
    assert read(data)[1] is None
    assert read(data, 1)[1] is None


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"zz\r\n", "invalid byte in chunk length"),
        (b"-1\r\n", "invalid byte in chunk length"),
        (b"3 ;a\r\n", "invalid byte in chunk length"),
        (b"\r\n", "empty hex number for chunk length"),
        (b";a\r\n", "empty hex number for chunk length"),
        (b"00000000000000003\r\n", "http chunk length too large"),
        (b"3\nabc", "chunked line ends with bare LF"),
        (b"3\r\r\n", "invalid CR in chunked line"),
        (b"3\r\nabcXX", "malformed chunked encoding"),
        (b"3;" + b"e" * LONGEST_LINE, "header line too long"),
        (b"0\r\n" + b"A: b\r\n" * 700, "http: suspiciously long trailer after chunked body"),
        (b"0\r\nA b\r\n\r\n", "malformed MIME header"),
        (
            b"".join(b"1;%b\r\nx\r\n" % (b"e" * 4000) for _ in range(5)),
            "chunked encoding contains too much non-data",
        ),
    ],
)
def test_bad_bodies(data: bytes, complaint: str) -> None:
    """In Go's words, for the client reads them (1.1)."""
    assert words(data) == complaint


def test_a_byte_a_chunk_is_no_excess() -> None:
    """A client may send as it types."""
    assert read(b"1\r\nx\r\n" * 50_000 + b"0\r\n\r\n") == (b"x" * 50_000, b"")


@pytest.mark.parametrize(("size", "bears"), [(2000, True), (1000, False)])
def test_data_makes_up_for_extensions(size: int, bears: bool) -> None:
    """Two bytes that say nothing are borne for each one that does, and some thousand more."""
    chunk = b"%x;%b\r\n%b\r\n" % (size, b"e" * 4000, b"x" * size)
    data = chunk * 30 + b"0\r\n\r\n"
    if bears:
        assert read(data) == (b"x" * size * 30, b"")
    else:
        assert words(data) == "chunked encoding contains too much non-data"


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.integers(1, 20))
def test_any_pieces(parts: list[bytes], step: int) -> None:
    """Wherever the bytes are torn, the body is the same."""
    data = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    assert read(data, step) == (b"".join(parts), b"")
