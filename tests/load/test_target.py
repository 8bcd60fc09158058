"""URLs, headers, and TLS."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from ollama_simulator.load.answer import Answer
from ollama_simulator.load.ask import Asker
from ollama_simulator.load.dialects import DIALECTS, Question, Said
from ollama_simulator.load.sample import Sample
from ollama_simulator.load.target import BadTarget, Target

CERTIFICATE = Path(__file__).parent / "localhost.pem"
"""One that this test signed itself, for localhost, and its key. It is good until 2126."""
JSON = ("Content-Type", "application/json")


@pytest.mark.parametrize(
    ("url", "host", "port", "secure", "prefix", "named"),
    [
        ("http://127.0.0.1:11434", "127.0.0.1", 11434, False, "", "127.0.0.1:11434"),
        ("127.0.0.1:11434/", "127.0.0.1", 11434, False, "", "127.0.0.1:11434"),
        ("http://gateway/ollama/", "gateway", 80, False, "/ollama", "gateway"),
        ("https://gateway", "gateway", 443, True, "", "gateway"),
        ("HTTPS://Gateway:8443", "gateway", 8443, True, "", "Gateway:8443"),
        ("http://[::1]:11434", "::1", 11434, False, "", "[::1]:11434"),
    ],
)
def test_urls(url: str, host: str, port: int, secure: bool, prefix: str, named: str) -> None:
    found = Target.parse(url)
    assert (found.host, found.port, found.secure, found.prefix) == (host, port, secure, prefix)
    assert found.headers == (("Host", named), JSON)
    assert (found.tls() is not None) is secure


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://host", "ftp:// is not spoken"),
        ("http://", "names no host"),
        ("http://host:0", "names no port"),
        ("http://host:99999", "is no URL"),
        ("http://[::1", "is no URL"),
        ("http://user:word@host", "a base URL has"),
        ("http://host/?a=b", "a base URL has"),
        ("", "names no host"),
    ],
)
def test_what_is_no_base_url(url: str, words: str) -> None:
    with pytest.raises(BadTarget) as raised:
        Target.parse(url)
    assert words in str(raised.value)
    assert repr(url) in str(raised.value)


def test_headers_are_added_or_replace_ours() -> None:
    found = Target.parse("http://host", ("Authorization: Bearer a:b", "host: other"))
    assert found.headers == (JSON, ("Authorization", "Bearer a:b"), ("host", "other"))


@pytest.mark.parametrize("header", ["no colon", ": no name", "a b: c", "a: b\r\nc: d", "a: \u20ac"])
def test_what_is_no_header(header: str) -> None:
    with pytest.raises(BadTarget, match="is no header"):
        Target.parse("http://host", (header,))


def test_headers_that_are_ours() -> None:
    with pytest.raises(BadTarget, match="ours to set"):
        Target.parse("http://host", ("Content-Length: 5",))


# --- TLS ----------------------------------------------------------------------------------

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 58\r\n\r\n"
    b'{"message":{"content":"hi"},"done":false}\n{"done": true }\n\n'
)


async def _ask_over_tls() -> tuple[bytes, Sample]:
    """What the server got, and what came of it."""
    got = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        got = await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        asker = Asker(Target.parse(f"https://127.0.0.1:{port}/v2"), DIALECTS["chat"])
        loop = asyncio.get_running_loop()
        answer = Answer(asker.dialect, loop.time, loop.time())
        await asker(Question("m", (Said("user", "hi"),), 1), answer)
    return got, answer.sample(0, 0)


def test_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    got, found = asyncio.run(asyncio.wait_for(_ask_over_tls(), 20))
    assert got.startswith(b"POST /v2/api/chat HTTP/1.1\r\n")
    assert (found.error, found.pieces, found.status) == (None, 1, 200)


def test_a_certificate_that_nobody_vouches_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    got, found = asyncio.run(asyncio.wait_for(_ask_over_tls(), 20))
    assert (got, found.error) == (b"", "unreachable")
    assert "certificate" in found.detail
