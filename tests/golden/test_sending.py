"""Requests are sent byte by byte as they were."""

from __future__ import annotations

import pytest

from ollama_simulator.golden.sending import UnknownRequest, methods, spelled, writes
from tests.golden.making import compat, made, native, posted

HEAD = b"\r\nHost: localhost:11434\r\n"


def test_an_ordinary_request() -> None:
    """The headers recorded, and no others."""
    (sent,) = writes(made(posted("/api/show", '{"model":"é"}')).request)
    assert sent == (
        b"POST /api/show HTTP/1.1" + HEAD + b'Content-Length: 14\r\n\r\n{"model":"\xc3\xa9"}'
    )


def test_http_10_needs_no_host() -> None:
    """So none is made up."""
    request = native()["request"] | {"headers": [], "http_version": "1.0"}
    (sent,) = writes(made(native(request=request)).request)
    assert sent == b"GET /api/version HTTP/1.0\r\n\r\n"


def test_the_compat_format_leaves_out_what_every_client_sends() -> None:
    """Host, type and length of the body, and that the connection is to be closed."""
    request = compat()["request"] | {"body": "{bad", "headers": {"Origin": "http://a"}}
    (sent,) = writes(made(compat(request=request)).request, "127.0.0.1:5")
    assert sent == (
        b"POST /v1/chat/completions HTTP/1.1\r\nOrigin: http://a\r\nHost: 127.0.0.1:5\r\n"
        b"Content-Type: application/json\r\nContent-Length: 4\r\nConnection: close\r\n\r\n{bad"
    )


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"method": "GET", "body": None}, []),
        ({"body": None}, [b"Content-Length: 0"]),
        ({"body": "", "headers": {"Content-Type": "a/b"}}, [b"Content-Length: 0"]),
    ],
)
def test_no_body_in_the_compat_format(fields: dict[str, object], headers: list[bytes]) -> None:
    """A POST says that it has none; a type that is recorded stands alone."""
    (sent,) = writes(made(compat(request=compat()["request"] | fields)).request)
    lines = sent.split(b"\r\n")[1:-2]
    assert [line for line in lines if line.startswith(b"Content-Length")] == headers
    assert b"Content-Type: application/json" not in lines


@pytest.mark.parametrize(
    ("generator", "body"),
    [
        ({"repeat": "ab", "times": 3}, b"ababab"),
        ({"template": '{"a":"<y x 4>"}'}, b'{"a":"yyyy"}'),
    ],
)
def test_a_generated_body(generator: dict[str, object], body: bytes) -> None:
    """Repeated, or a template with runs in it."""
    request = native()["request"] | {"body_generator": generator}
    (sent,) = writes(made(native(request=request)).request)
    assert sent.partition(b"\r\n\r\n")[2] == body


@pytest.mark.parametrize(
    ("raw", "sent"),
    [
        ("GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"),
        ("\r\né\x00", b"\r\n\xc3\xa9\x00"),
        ("160301ff (hex)", b"\x16\x03\x01\xff"),
        ('X: <"a" x 5>\r\n', b"X: aaaaa\r\n"),
        ('X: <"ab " x 2>\r\n', b"X: ab ab \r\n"),
        (
            'POST /nope ... Content-Length: 3 ... <"x" x 3>',
            b"POST /nope HTTP/1.1" + HEAD + b"Content-Length: 3\r\n\r\nxxx",
        ),
        (
            'POST /nope ... Content-Length: 3 ... <"x" x 3> then GET /api/version',
            b"POST /nope HTTP/1.1" + HEAD + b"Content-Length: 3\r\n\r\nxxx"
            b"GET /api/version HTTP/1.1" + HEAD + b"\r\n",
        ),
    ],
)
def test_raw_requests(raw: str, sent: bytes) -> None:
    """As they are, the abbreviations spelled out."""
    assert spelled(raw) == sent


def test_methods_of_what_is_sent() -> None:
    """Each of a pipeline, as the answer to HEAD has no body."""
    raw = ["HEAD / HTTP/1.1\r\n\r\nGET /a HTTP/1.1\n\n", "POST /b ... Content-Length: 1 ... x"]
    request = native()["request"]
    assert methods(made(native(request=request | {"raw": raw})).request) == ["HEAD", "GET", "POST"]
    assert methods(made(native()).request) == ["GET"]
    assert methods(made(native(request=request | {"raw": "garbage"})).request) == ["GET"]


def test_abbreviations_that_are_not_known() -> None:
    """They are quoted, and nothing is sent instead."""
    with pytest.raises(UnknownRequest, match=r"POST /x \.\.\. something' is abbreviated"):
        spelled("POST /x ... something")
    request = native()["request"] | {"body_generator": {"novelty": 1}}
    with pytest.raises(UnknownRequest, match="novelty"):
        writes(made(native(request=request)).request)
