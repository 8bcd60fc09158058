"""Heads of requests, read as Go reads them: whole, byte by byte, and line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollama_simulator.limits import USUAL
from ollama_simulator.net.head import BadRequest, Head, HeadReader

HOST = b"Host: x\r\n"


def read(data: bytes, step: int = 0) -> tuple[Head, bytes] | None:
    """Feed bytes, whole or in pieces. Raises `BadRequest`."""
    reader = HeadReader()
    found = None
    for at in range(0, len(data), step or len(data)):
        assert found is None
        found = reader.feed(data[at : at + (step or len(data))])
    return found


def words(data: bytes) -> str:
    """The complaint about a head; the same however it comes."""
    complaints = set()
    for step in (0, 1, 7):
        with pytest.raises(BadRequest) as raised:
            read(data, step)
        complaints.add(raised.value.line)
    (complaint,) = complaints
    return complaint


def head_of(*lines: bytes, first: bytes = b"GET / HTTP/1.1\r\n" + HOST) -> Head:
    """A head with these lines; the same however it comes."""
    data = first + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    found = read(data)
    assert found is not None
    assert found[1] == b""
    slowly = read(data, 1)
    assert slowly is not None
    assert vars(slowly[0]) == vars(found[0])
    return found[0]


def test_a_head() -> None:
    """In its parts, values without the space around them."""
    head = head_of(b"A:", b"b: 1\t", b"A: \xe9 2 ", first=b"POST /a?b HTTP/1.1\r\nhOST:x\r\n")
    assert (head.method, head.target, head.version) == ("POST", "/a?b", "1.1")
    assert list(head.headers) == [("hOST", "x"), ("A", ""), ("b", "1"), ("A", "\xe9 2")]
    assert head.index == {"host": ["x"], "a": ["", "\xe9 2"], "b": ["1"]}
    assert (head.length, head.chunked, head.closing, head.expects) == (0, False, False, False)


def test_what_follows_is_given_back() -> None:
    """It belongs to the body, or to the next request."""
    for nl in (b"\r\n", b"\n"):
        found = read(nl.join([b"GET / HTTP/1.1", b"Host: x", b"", b"rest\n\n"]))
        assert found is not None
        assert found[1] == b"rest\n\n"


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"GET / HTTP/1.1\nHost: x\nA: b\n\n", [("Host", "x"), ("A", "b")]),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nA: b \r\n\t c\r\n  \r\nB: d\r\n\r\n",
            [("Host", "x"), ("A", "b c "), ("B", "d")],
        ),
        (b"GET /%41\xff HTTP/1.1\r\nHost: x\r\n\r\n", [("Host", "x")]),
        (b"G!T http://x/ HTTP/1.1\r\nHost: x\r\n\r\n", [("Host", "x")]),
    ],
)
def test_unusual_heads(data: bytes, headers: list[tuple[str, str]]) -> None:
    """Bare line feeds, lines that go on, odd targets and methods are borne (1.1)."""
    for step in (0, 1):
        found = read(data, step)
        assert found is not None
        assert list(found[0].headers) == headers


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b"",
        b"GET /",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET / http/1.1",
        b"GET / HTTP/1.10",
        b"GET / HTTP/x.1",
        b"G@T / HTTP/1.1",
        b" GET / HTTP/1.1",
        b"GET /%zz HTTP/1.1",
        b"GET /\x01 HTTP/1.1",
        b"GET api HTTP/1.1",
        b"\x16\x03\x01",
    ],
)
def test_bad_request_lines(line: bytes) -> None:
    """Said as soon as the line is there (1.1)."""
    assert words(line + b"\r\n") == "400 Bad Request"


@pytest.mark.parametrize(
    "line",
    [
        *(b"nocolon", b": v", b"A@: b", b"\xe9: b", b"A: \0", b"A: \x7f", b"A: b\rc", b"Host: y"),
        *(b"Content-Length: -1", b"Content-Length: +1", b"Content-Length: x", b"Content-Length:"),
    ],
)
def test_bad_lines(line: bytes) -> None:
    """Names, values and lengths that are none, and two hosts (1.1)."""
    assert words(b"GET / HTTP/1.1\r\n" + HOST + line + b"\r\n\r\n") == "400 Bad Request"


def test_a_first_line_that_goes_on_with_nothing() -> None:
    """There is no header yet that it could belong to."""
    assert words(b"GET / HTTP/1.1\r\n A: b\r\n" + HOST + b"\r\n") == "400 Bad Request"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "400 Bad Request: missing required Host header"),
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400 Bad Request: malformed Host header"),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
            "400 Bad Request: invalid header name",
        ),
        (
            b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
            "505 HTTP Version Not Supported: unsupported protocol version",
        ),
        (
            b"GET / HTTP/0.9\r\n\r\n",
            "505 HTTP Version Not Supported: unsupported protocol version",
        ),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", "501 Not Implemented"),
        (
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "501 Not Implemented",
        ),
        (
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: a, Trailer\r\n\r\n",
            "400 Bad Request",
        ),
    ],
)
def test_go_s_own_words(data: bytes, complaint: str) -> None:
    """Some complaints say more, and the first that Go would find is said (1.1)."""
    assert words(data) == complaint


def test_the_body_of_a_complaint() -> None:
    """It repeats the status, but for a coding that nobody understands (1.1)."""
    text = b"\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
    assert BadRequest().reply() == b"HTTP/1.1 400 Bad Request" + text + b"400 Bad Request"
    with pytest.raises(BadRequest) as raised:
        read(b"GET / HTTP/1.1\r\nTransfer-Encoding: x\r\n\r\n")
    expected = b"HTTP/1.1 501 Not Implemented" + text + b"Unsupported transfer encoding"
    assert raised.value.reply() == expected


@pytest.mark.parametrize(
    "first",
    [b"GET / HTTP/1.0\r\n", b"CONNECT a:1 HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n"],
)
def test_who_needs_no_host(first: bytes) -> None:
    """Old clients, tunnels, and what an HTTP/2 client says first."""
    assert "host" not in head_of(first=first).index


def test_two_equal_lengths() -> None:
    """They are one (1.1)."""
    assert head_of(b"Content-Length: 3", b"content-length: 3").length == 3
    assert words(b"GET / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n") == (
        "400 Bad Request"
    )


def test_chunks_win_over_a_length() -> None:
    """But the length must be one all the same; HTTP/1.0 knows no chunks (1.1)."""
    chunked = b"Transfer-Encoding: Chunked"
    assert head_of(chunked, b"Content-Length: 3").chunked
    assert not head_of(chunked, first=b"GET / HTTP/1.0\r\n").chunked
    data = b"GET / HTTP/1.1\r\n" + HOST + chunked + b"\r\nContent-Length: x\r\n\r\n"
    assert words(data) == "400 Bad Request"


@pytest.mark.parametrize(
    ("first", "line", "closing"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"A: b", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"Connection: Upgrade, Close", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"Connection: closed", False),
        (b"GET / HTTP/1.5\r\nHost: x\r\n", b"A: b", False),
        (b"GET / HTTP/1.0\r\n", b"A: b", True),
        (b"GET / HTTP/1.0\r\n", b"Connection: keep-alive", False),
        (b"GET / HTTP/1.0\r\n", b"Connection: keep-alive, close", True),
    ],
)
def test_who_wants_the_connection_to_end(first: bytes, line: bytes, closing: bool) -> None:
    """By the version's default, or as asked."""
    assert head_of(line, first=first).closing is closing


def test_expectations() -> None:
    """Only those of HTTP/1.1 are met."""
    assert head_of(b"Expect: 100-Continue").expects
    assert not head_of(b"Expect: other").expects
    assert not head_of(b"Expect: 100-continue", first=b"GET / HTTP/1.0\r\n").expects


def test_the_largest_head() -> None:
    """As many bytes pass, and one more doesn't, whole or in pieces (1.1)."""
    frame = b"GET / HTTP/1.1\r\n" + HOST + b"A: %b\r\n\r\n"
    data = frame % (b"x" * (USUAL.head_bytes - len(frame) + 2))
    assert len(data) == USUAL.head_bytes
    for step in (0, 50_000):
        assert read(data, step) is not None
        with pytest.raises(BadRequest, match=r"^431 Request Header Fields Too Large$"):
            read(data.replace(b"A: ", b"A: y"), step)


def test_a_later_head_is_looked_at_with_its_fourth_byte() -> None:
    """Until then nothing is wrong with it."""
    reader = HeadReader(4)
    assert reader.feed(b"\r\n\r") is None
    with pytest.raises(BadRequest):
        reader.feed(b"\n")


@given(st.binary(max_size=60), st.integers(1, 9))
def test_nonsense(nonsense: bytes, step: int) -> None:
    """Whatever comes, it is a head, no head yet, or a `BadRequest`."""
    data = b"GET / HTTP/1.1\r\nHost: x\r\n" + nonsense + b"\r\n\r\n"
    reader = HeadReader()
    for at in range(0, len(data), step):
        try:
            if reader.feed(data[at : at + step]) is not None:
                return
        except BadRequest:
            return
