"""Bytes to requests: every case is fed whole, byte by byte, and with a tail."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.limits import USUAL
from ollama_simulator.net.head import BadRequest
from ollama_simulator.net.parser import Parser
from ollama_simulator.net.request import BadBody, Request

TAIL = b"GET /tail HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass
class Read:
    """What a parser made of some bytes."""

    requests: list[Request] = field(default_factory=list)
    refused: BadRequest | None = None
    parser: Parser = field(init=False)

    def __post_init__(self) -> None:
        """Make the parser."""
        self.parser = Parser(
            7,
            arrived=self.requests.append,
            say_continue=lambda: None,
            drained=lambda: None,
            abort=lambda: None,
        )

    def feed(self, pieces: Iterator[bytes]) -> Read:
        """Feed until the parser refuses."""
        try:
            for piece in pieces:
                self.parser.feed(piece)
        except BadRequest as bad:
            self.refused = bad
        return self

    def bodies(self) -> list[bytes | str]:
        """The bodies; what can't be read is the reason why."""

        async def one(request: Request) -> bytes | str:
            try:
                return await request.body.read()
            except BadBody as bad:
                return str(bad)

        async def main() -> list[bytes | str]:
            async with asyncio.timeout(5):
                return [await one(request) for request in self.requests]

        return asyncio.run(main())

    @property
    def targets(self) -> list[str]:
        """Methods and targets."""
        return [f"{request.method} {request.target}" for request in self.requests]


def thrice(data: bytes) -> Iterator[Read]:
    """The same bytes, whole, byte by byte, and followed by another request."""
    yield Read().feed(iter([data]))
    yield Read().feed(data[at : at + 1] for at in range(len(data)))
    tailed = Read().feed(iter([data + TAIL]))
    assert tailed.targets.pop() == "GET /tail"
    tailed.requests.pop()
    yield tailed


GOOD: dict[str, tuple[bytes, str, bytes]] = {
    "without a body": (b"GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a?b=c", b""),
    "with a length": (
        b"POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        "POST /api/chat",
        b"hello",
    ),
    "of no length": (b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "POST /x", b""),
    "in chunks": (
        b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\nA;ext=1\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\n",
        "POST /x",
        b"abc0123456789",
    ),
    "in no chunks": (
        b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /x",
        b"",
    ),
    "to delete": (
        b"DELETE /api/delete HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
        "DELETE /api/delete",
        b"{}",
    ),
    "with a whole URL": (
        b"GET http://host:1/a HTTP/1.1\r\nHost: host:1\r\n\r\n",
        "GET http://host:1/a",
        b"",
    ),
    "of old": (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /", b""),
    "to upgrade": (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        "GET /",
        b"",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_requests(name: str) -> None:
    """However the bytes arrive, one request with its body, whole."""
    data, target, body = GOOD[name]
    for read in thrice(data):
        assert read.refused is None
        assert read.targets == [target]
        assert read.bodies() == [body]
        assert read.parser.receiving is None


def test_headers_are_as_sent() -> None:
    """Names, values, order and repetitions stay; the values are Latin-1."""
    data = b"GET / HTTP/1.1\r\nhOST: x\r\nA: 1\r\nB:\r\nA:  \xe92 \t\r\n\r\n"
    for read in thrice(data):
        (request,) = read.requests
        assert list(request.headers) == [
            ("hOST", "x"),
            ("A", "1"),
            ("B", ""),
            ("A", "\xe92"),
        ]
        assert (request.version, request.connection) == ("1.1", 7)


@pytest.mark.parametrize(
    ("version", "line", "keep_alive"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.1", "Connection: keep-alive\r\n", True),
        ("1.0", "", False),
        ("1.0", "Connection: keep-alive\r\n", True),
    ],
)
def test_keep_alive(version: str, line: str, keep_alive: bool) -> None:
    """What the client wants of its connection, by its version's default."""
    read = Read().feed(iter([f"GET / HTTP/{version}\r\nHost: x\r\n{line}\r\n".encode()]))
    assert read.requests[0].keep_alive is keep_alive
    assert read.requests[0].version == version


@pytest.mark.parametrize(
    ("line", "expects"),
    [("", False), ("expect: 100-Continue\r\n", True), ("Expect: other\r\n", False)],
)
def test_expectation(line: str, expects: bool) -> None:
    """Only `100-continue` waits for an interim answer."""
    data = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n{line}\r\n".encode()
    read = Read().feed(iter([data]))
    assert read.requests[0].body.expects is expects


POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx"


def test_empty_lines_behind_a_body() -> None:
    """Old clients send one, and Go bears two; behind other requests none."""
    for step in (1, 1000):
        data = POST + b"\r\n\r\n" + TAIL
        read = Read().feed(data[at : at + step] for at in range(0, len(data), step))
        assert read.refused is None
        assert read.targets == ["POST /", "GET /tail"]
    assert Read().feed(iter([POST + b"\r\n\r\n\r\n" + TAIL])).refused is not None
    assert Read().feed(iter([TAIL + b"\r\n" + TAIL])).refused is not None


@pytest.mark.parametrize(
    ("before", "start", "refused"),
    [
        (b"", b"", False),
        (b"", b"G", True),
        (TAIL, b"GET", False),
        (TAIL, b"GET ", True),
        (POST, b"\r\n", False),
        (b"", TAIL[:-2], True),
    ],
)
def test_a_connection_that_ends_in_a_head(before: bytes, start: bytes, refused: bool) -> None:
    """It is refused, but not for three bytes behind a good request."""
    read = Read().feed(iter([before + start]) if before + start else iter([]))
    if not refused:
        read.parser.end()
        return
    with pytest.raises(BadRequest):
        read.parser.end()


def test_a_request_to_upgrade_keeps_its_body() -> None:
    """It is read as if it had not asked, body and all (1.1)."""
    data = (
        b"POST /api/chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"Upgrade: h2c\r\nHTTP2-Settings: AAEA\r\nContent-Length: 5\r\n\r\nhello"
    )
    for read in thrice(data):
        assert read.refused is None
        assert read.bodies() == [b"hello"]


def test_pipelined_requests() -> None:
    """Several in one piece come out in order, each with its own body."""
    data = b"".join(
        b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n%d" % (number, number)
        for number in range(5)
    )
    for read in thrice(data):
        assert read.targets == [f"POST /{number}" for number in range(5)]
        assert read.bodies() == [b"0", b"1", b"2", b"3", b"4"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 60), max_size=12), st.sampled_from(sorted(GOOD)))
def test_any_pieces(sizes: list[int], name: str) -> None:
    """Wherever the bytes are torn, two requests in a row are the same two."""
    data, target, body = GOOD[name]
    data = data + data if name != "of old" else data + TAIL
    ends = [sum(sizes[:n]) for n in range(len(sizes) + 1)]
    pieces = [data[a:b] for a, b in zip(ends, [*ends[1:], None], strict=True)]
    read = Read().feed(piece for piece in pieces if piece)
    assert read.refused is None
    assert read.targets[0] == target
    assert len(read.requests) == 2
    assert read.bodies()[0] == body


BAD: dict[str, bytes] = {
    "not HTTP": b"hello there\r\n\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a line of two parts": b"GET /\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
    "a length that is no number": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "a NUL": b"GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests(name: str) -> None:
    """Whole or byte by byte: 400, no request, and everything after it is ignored."""
    for pieces in (iter([BAD[name]]), (bytes([byte]) for byte in BAD[name])):
        read = Read().feed(pieces)
        assert read.refused is not None
        assert str(read.refused) == "400 Bad Request"
        assert read.requests == []
        read.parser.feed(TAIL)
        assert read.requests == []


@pytest.mark.parametrize("step", [1000, 65_536, 2 * USUAL.head_bytes])
def test_a_head_that_is_too_large(step: int) -> None:
    """Above 1 MiB it is 431, however it comes."""
    data = b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * USUAL.head_bytes + b"\r\n\r\n"
    read = Read().feed(data[at : at + step] for at in range(0, len(data), step))
    assert read.refused is not None
    assert str(read.refused) == "431 Request Header Fields Too Large"
    assert read.requests == []


def test_a_head_of_a_megabyte_passes() -> None:
    """0.9 MB are read, and again on the same connection: each head has its own limit."""
    data = b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"x" * 900_000 + b"\r\n\r\n"
    read = Read().feed((data + data)[at : at + 60_000] for at in range(0, 2 * len(data), 60_000))
    assert read.refused is None
    assert len(read.requests) == 2
    assert len(read.requests[1].headers[1][1]) == 900_000


def test_a_body_is_not_a_head() -> None:
    """However large a body is, it doesn't count for the limit."""
    data = (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + b"y" * 3_000_000 + TAIL
    )
    read = Read().feed(data[at : at + 65_536] for at in range(0, len(data), 65_536))
    assert read.refused is None
    assert read.targets == ["POST /", "GET /tail"]


def test_a_broken_chunk() -> None:
    """A request that has begun is not refused: its body can't be read (1.1)."""
    data = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"
    for pieces in (iter([data]), (bytes([byte]) for byte in data)):
        read = Read().feed(pieces)
        assert read.refused is None
        assert read.bodies() == ["invalid byte in chunk length"]
        read.parser.feed(TAIL)
        assert len(read.requests) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabc",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ],
)
def test_an_end_too_early(data: bytes) -> None:
    """A body that is cut can't be read to its end."""
    read = Read().feed(iter([data]))
    assert read.parser.receiving is not None
    read.parser.end()
    assert read.bodies() == ["unexpected EOF"]


def test_an_end_in_time() -> None:
    """The end of the connection after a request changes nothing about it."""
    read = Read().feed(iter([GOOD["with a length"][0]]))
    read.parser.end()
    assert read.bodies() == [b"hello"]


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=80), st.sampled_from([b"", *(data for data, _, _ in GOOD.values())]))
def test_nonsense_raises_nothing_else(nonsense: bytes, before: bytes) -> None:
    """Whatever arrives, it is requests or a `BadRequest`."""
    read = Read().feed(iter([before, nonsense]))
    with contextlib.suppress(BadRequest):
        read.parser.end()
    assert read.refused is None or str(read.refused)[:3] in ("400", "501", "505")
