"""The control API, asked by who knows no HTTP, or means no good: no crash, no hang, no leak."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ollama_simulator.access import Access
from ollama_simulator.control import protocol
from ollama_simulator.control.serve import helping
from ollama_simulator.fleet import Fleet
from ollama_simulator.settings import HELPER_OFFSET, Settings
from tests.control.api import controlled
from tests.net.loops import on_each_loop
from tests.net.peers import Peer

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
BAD = (
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET  /health HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n",
    b"GET /health\r\n\r\n",
    b"G\x00T /health HTTP/1.1\r\n\r\n",
    GET + b"no colon\r\n\r\n",
    GET + b"A : b\r\n\r\n",
    GET + b"A: \x00\r\n\r\n",
    GET + b"Content-Length: -1\r\n\r\n",
    GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    GET + b"Content-Length: 99999999999999999999999\r\n\r\n",
    GET + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    GET + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    GET + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    GET + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://evil.example HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /%00%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /servers/%2e%2e%2f%2e%2e HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /journal?since=%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"POST /behavior HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n\xff\xfe\x00{[",
    b"POST /servers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n" + b"[" * 9,
)


async def over(peer: Peer) -> bytes:
    """What comes until the end, after our own end."""
    peer.half_close()
    try:
        return (await peer.rest())[0]
    finally:
        peer.sock.close()


@on_each_loop
async def test_what_is_no_request(capsys: Any) -> None:
    """Each ends in a refusal or an end, whole or byte by byte; the API goes on for others."""
    async with controlled() as api:
        before = [task.get_name() for task in asyncio.all_tasks()]
        for data in BAD:
            for step in (len(data), 1):
                peer = await Peer.connect(api.port)
                for at in range(0, len(data), step):
                    await peer.send(data[at : at + step])
                told = await over(peer)
                assert not told or 200 <= int(told.split()[1]) < 500, data
        assert (await api("GET", "/health"))[0] == 200
        await api.client.aclose()
        assert len(asyncio.all_tasks()) <= len(before)
        assert not api.fleet.journal.records
    assert "Traceback" not in capsys.readouterr().err


@on_each_loop
async def test_a_request_for_the_whole_server() -> None:
    """`*` is no path that there is, of the API or of a helper."""
    fleet = Fleet([0], settings=Settings(helper=True))
    async with controlled(fleet) as api, helping(fleet, fleet._spawn):
        for port in (api.port, fleet.ports[0] + HELPER_OFFSET):
            for method in (b"OPTIONS", b"GET", b"POST"):
                async with await Peer.connect(port) as peer:
                    await peer.send(method + b" * HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    told = await peer.until(b"}")
                    assert told.startswith(b"HTTP/1.1 404 ")
                    assert told.endswith(b'{"error":"' + method + b' *: Not Found"}')


@on_each_loop
async def test_a_head_that_is_too_large() -> None:
    """In one header, in many, in the path; what is within the limit is let in."""
    most = protocol.LARGEST_HEAD
    async with controlled() as api:
        for head in (
            GET + b"A: " + b"x" * 2 * most,
            GET + b"A: b\r\n" * (most // 3),
            b"GET /" + b"x" * 2 * most,
        ):
            peer = await Peer.connect(api.port)
            await peer.send(head)
            assert (await peer.rest())[0].startswith(b"HTTP/1.1 431 ")
            peer.sock.close()
        async with await Peer.connect(api.port) as peer:
            for _ in range(2):
                await peer.send(GET + b"A: " + b"x" * (most - 100) + b"\r\n\r\n")
                assert (await peer.until(b'"ok"}')).startswith(b"HTTP/1.1 200 ")


@on_each_loop
async def test_a_head_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the start, and from the first byte of a later one; a body may take its time."""
    monkeypatch.setattr(protocol, "HEAD_S", 0.2)
    async with controlled() as api:
        for data in (b"", GET, GET + b"\r\n" + GET):
            peer = await Peer.connect(api.port)
            await peer.send(data)
            told, _ = await peer.rest()
            assert told.count(b"HTTP/1.1 200 ") == data.count(b"\r\n\r\n")
            peer.sock.close()
        async with await Peer.connect(api.port) as peer:
            await peer.send(
                b"POST /reset HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{"
            )
            await asyncio.sleep(0.4)
            await peer.send(b"}")
            assert (await peer.until(b'"ok"}')).startswith(b"HTTP/1.1 200 ")


CHUNKED = b"POST /reset HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"


async def sent(peer: Peer, more: bytes, size: int) -> None:
    """Send the same again and again, until there are as many bytes."""
    for _ in range(size // len(more)):
        await peer.send(more)


@on_each_loop
async def test_what_a_body_has_beside_its_data() -> None:
    """Trailers, one or many, and extensions of chunks: without a token, too, they don't go on
    for ever."""
    access = Access(token="a-token-of-some-length")
    async with controlled(access=access) as api:
        for start, more in (
            (b"0\r\nA: ", b"x" * 8192),
            (b"0\r\n", b"A: b\r\n" * 1024),
            (b"2;a=", b"x" * 8192),
        ):
            peer = await Peer.connect(api.port)
            await peer.send(CHUNKED + start)
            with pytest.raises(ConnectionError):
                await sent(peer, more, 100 * protocol.LARGEST_GAP)
            peer.sock.close()
        assert (await api.client.get("/health")).status_code == 200


@on_each_loop
async def test_trailers_are_read_over() -> None:
    """Within the limit; one that is called as a header says nothing. Data, or the next request,
    begin the count anew."""
    most = protocol.LARGEST_GAP
    extension = b"1;" + b"x" * (most - 8192) + b"\r\n%s\r\n"
    body = extension % b"{" + extension % b"}" + b"0\r\nHost: evil.example\r\nA: "
    async with controlled() as api, await Peer.connect(api.port) as peer:
        for _ in range(2):
            await peer.send(CHUNKED + body + b"x" * (most - 8192) + b"\r\n\r\n")
            assert (await peer.until(b'"ok"}')).startswith(b"HTTP/1.1 200 ")
