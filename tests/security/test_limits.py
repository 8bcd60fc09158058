"""The limits of a server: what is borne up to them, and what is said beyond."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import msgspec
import pytest

from ollama_simulator import records
from ollama_simulator.acts import Body, End, Head, How, Wait
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.limits import MIB, USUAL, Limits
from ollama_simulator.settings import Settings
from tests.control.api import controlled
from tests.net.loops import on_each_loop
from tests.net.peers import TEXT, Peer, echo, say, serving

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


def test_the_usual_ones_are_those_of_go() -> None:
    """What Go doesn't limit isn't limited, but for memory that would run out."""
    assert Limits() == USUAL
    assert msgspec.to_builtins(USUAL) == {
        "head_bytes": MIB + 4096,
        "headers": 0,
        "head_seconds": 0.0,
        "idle_seconds": 0.0,
        "body_bytes": 256 * MIB,
        "connections": 0,
    }
    assert not USUAL.timed


@pytest.mark.parametrize(
    "bad",
    [
        {"head_bytes": 0},
        {"head_bytes": 65 * MIB},
        {"headers": -1},
        {"idle_seconds": -1},
        {"idle_seconds": 1e10},
        {"conections": 1},
    ],
)
def test_what_cant_be_one(bad: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(bad, Limits)


# --- heads ----------------------------------------------------------------------------------


@on_each_loop
async def test_the_size_of_a_head() -> None:
    """Whether it comes at once or in pieces."""
    for size, status in ((400, b"200"), (401, b"431")):
        for step in (size, 7):
            head = GET + b"A: %s\r\n\r\n" % (b"x" * (size - len(GET) - 7))
            assert len(head) == size
            async with (
                serving(limits=Limits(head_bytes=400)) as service,
                await Peer.connect(service.port) as peer,
            ):
                for at in range(0, size, step):
                    await peer.send(head[at : at + step])
                    await asyncio.sleep(0)
                assert (await peer.until(b"\r\n")).startswith(b"HTTP/1.1 " + status)


@on_each_loop
async def test_the_number_of_headers() -> None:
    """`Host` is one, too. A bare line feed has a head read line by line."""
    for count, status in ((5, b"200"), (6, b"431")):
        for ending in (b"\r\n", b"\n"):
            lines = [b"GET / HTTP/1.1", b"Host: x", *([b"A: b"] * (count - 1)), b"", b""]
            async with (
                serving(limits=Limits(headers=5)) as service,
                await Peer.connect(service.port) as peer,
            ):
                await peer.send(ending.join(lines))
                assert (await peer.until(b"\r\n")).startswith(b"HTTP/1.1 " + status)


# --- time -----------------------------------------------------------------------------------

SHORT = 0.15


@on_each_loop
async def test_a_head_that_takes_too_long() -> None:
    """From the start of the connection, and from the first bytes of a later request; one that
    goes on coming is not spared. The connection ends without a word."""
    async with serving(limits=Limits(head_seconds=SHORT)) as service:
        async with await Peer.connect(service.port) as peer:
            assert await peer.rest() == (b"", How.FIN)
        async with await Peer.connect(service.port) as peer:
            for byte in GET[:8]:
                await peer.send(bytes([byte]))
                await asyncio.sleep(SHORT / 5)
            assert await peer.rest() == (b"", How.FIN)
        async with await Peer.connect(service.port) as peer:
            await peer.send(GET + b"\r\n")
            await peer.until(b"GET / ")
            await asyncio.sleep(2 * SHORT)
            await peer.send(GET + b"\r\n")
            await peer.until(b"GET / ")
            await peer.send(GET)
            assert await peer.rest() == (b"", How.FIN)
    assert [by for by, _ in service.said("closed")] == ["us"] * 3
    assert len(service.said("asked")) == 2


@on_each_loop
async def test_an_idle_connection() -> None:
    """It ends, but not while it is answered, however long that takes."""

    def slowly(_: Any) -> Any:
        return say(Wait(3 * SHORT), Head(200, TEXT), Body(b"late", flush=False), End())

    async with (
        serving(slowly, limits=Limits(idle_seconds=SHORT)) as service,
        await Peer.connect(service.port) as peer,
    ):
        await asyncio.sleep(2 * SHORT)
        await peer.send(GET + b"\r\n")
        await peer.until(b"late")
        await peer.send(GET + b"\r\n")
        await peer.until(b"late")
        assert await peer.rest() == (b"", How.FIN)
        await service.until("closed")
    assert [by for by, _ in service.said("closed")] == ["us"]


@on_each_loop
async def test_a_body_may_take_its_time() -> None:
    """As in Ollama, whose `ReadTimeout` is none."""
    limits = Limits(head_seconds=SHORT, idle_seconds=SHORT)
    async with (
        serving(echo, limits=limits) as service,
        await Peer.connect(service.port) as peer,
    ):
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n")
        for byte in (b"a", b"b", b"c"):
            await asyncio.sleep(2 * SHORT)
            await peer.send(byte)
        await peer.until(b"abc")


# --- bodies ---------------------------------------------------------------------------------


@on_each_loop
async def test_the_size_of_a_body() -> None:
    """Declared or in chunks; what isn't kept has no limit."""
    settings = Settings(limits=Limits(body_bytes=10_000))
    async with Fleet([0], settings=settings) as fleet:
        url = f"http://{HOST}:{fleet.ports[0]}"
        async with httpx.AsyncClient(base_url=url, timeout=15) as client:
            for size, status in ((9_000, 200), (11_000, 413), (300_000, 413)):
                body = json.dumps({"model": "test-model", "prompt": "x" * size, "stream": False})
                told = await client.post("/api/generate", content=body)
                assert told.status_code == status

                async def pieces(data: str = body) -> Any:
                    for at in range(0, len(data), 4096):
                        yield data[at : at + 4096].encode()

                told = await client.post("/api/generate", content=pieces())
                assert told.status_code == status
                if status == 413:
                    assert told.json() == {"error": "http: request body too large"}
            told = await client.post(f"/api/blobs/sha256:{'0' * 64}", content=b"x" * 300_000)
            assert told.status_code == 400
            assert "digest" in told.text
        assert not fleet.journal.where(records.Failed)


# --- connections ----------------------------------------------------------------------------


@on_each_loop
async def test_the_number_of_connections() -> None:
    """Beyond it a new one is reset; when one has ended, there is room again."""
    async with serving(limits=Limits(connections=2)) as service:
        first, second = await Peer.connect(service.port), await Peer.connect(service.port)
        async with first, second:
            for peer in (first, second):
                await peer.send(GET + b"\r\n")
                await peer.until(b"GET / ")
            async with await Peer.connect(service.port) as third:
                assert await third.rest() == (b"", How.RST)
            first.sock.close()
            await service.until("closed", 2)
            async with await Peer.connect(service.port) as fourth:
                await fourth.send(GET + b"\r\n")
                await fourth.until(b"GET / ")


# --- where they are set ---------------------------------------------------------------------


@on_each_loop
async def test_they_are_settings_of_a_server() -> None:
    """And hold for connections that come after a change."""
    async with controlled(Fleet([0], settings=Settings(limits=Limits(headers=50)))) as api:
        many = {f"X-{n}": "y" for n in range(60)}
        assert (await api.ask(headers=many)).status_code == 431
        status, told = await api("PATCH", "/servers/s1", {"limits": {"headers": 100}})
        assert (status, told["settings"]["limits"]["headers"]) == (200, 100)
        assert (await api.ask(headers=many)).status_code == 200
        told = await api.problem(
            400, "BadBody", "PATCH", "/servers/s1", {"limits": {"header": 100}}
        )
        assert told["errors"][0]["pointer"] == "#/limits/header"
        assert "headers" in told["errors"][0]["detail"]


@on_each_loop
async def test_a_head_that_another_server_was_asked_with() -> None:
    """Heads are kept for whoever is asked with the same again; a server's own limits still hold."""
    asked = GET + b"A: b\r\n" * 5 + b"\r\n"
    for limits in (Limits(headers=5), Limits(head_bytes=256)):
        data = asked if limits.headers else asked[:-2] + b"B: " + b"x" * 256 + 2 * b"\r\n"
        async with serving() as service, await Peer.connect(service.port) as peer:
            for _ in range(2):
                await peer.send(data)
                await peer.until(b"GET / ")
        async with serving(limits=limits) as service, await Peer.connect(service.port) as peer:
            await peer.send(data)
            assert (await peer.until(b"\r\n")).startswith(b"HTTP/1.1 431 ")


@on_each_loop
async def test_requests_that_are_answered_at_once_begin_the_wait_anew() -> None:
    settings = Settings(limits=Limits(idle_seconds=0.3))
    async with Fleet([0], settings=settings) as fleet, await Peer.connect(fleet.ports[0]) as peer:
        for _ in range(5):
            await peer.ask("/api/version")
            assert (await peer.answer())[0] == 200
            await asyncio.sleep(0.15)
        assert await peer.rest() == (b"", How.FIN)
