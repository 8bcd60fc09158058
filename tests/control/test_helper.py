"""The helpers: what they say, what they do, and where they listen."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ollama_simulator import records
from ollama_simulator.conformance.balancers.ports import claimed
from ollama_simulator.control.serve import helping
from ollama_simulator.faults.frozen import Frozen
from ollama_simulator.fleet import Fleet
from ollama_simulator.net import kernel
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.settings import HELPER_OFFSET, KvType, Settings
from tests.net.loops import on_each_loop
from tests.net.peers import HOST, Peer, refused

WITH = Settings(helper=True)


@asynccontextmanager
async def helped(*settings: Settings) -> AsyncIterator[Fleet]:
    """A fleet of a server for each of the settings, with its helpers served."""
    fleet = Fleet([0] * len(settings), settings=settings)
    async with fleet, helping(fleet, fleet._spawn):
        yield fleet


async def ask(
    port: int, path: str = "/health", body: bytes | None = None, headers: str = "Host: localhost"
) -> tuple[int, Any]:
    """Ask the helper of the server on a port. Its status and document."""
    method = "GET" if body is None else "POST"
    async with await Peer.connect(port + HELPER_OFFSET) as peer:
        data = body or b""
        head = f"{method} {path} HTTP/1.1\r\n{headers}\r\nContent-Length: {len(data)}\r\n"
        await peer.send(f"{head}Connection: close\r\n\r\n".encode() + data)
        answer, _ = await peer.rest()
    return int(answer.split()[1]), json.loads(answer.partition(b"\r\n\r\n")[2])


async def switch(port: int, kind: Any) -> tuple[int, Any]:
    """Have the helper switch the type."""
    return await ask(port, "/set-kv-cache", json.dumps({"type": kind}).encode())


# --- what they say and do -----------------------------------------------------------------


@pytest.mark.parametrize(("ours", "theirs"), [("f16", "q16"), ("q8_0", "q8_0"), ("q4_0", "q4_0")])
@on_each_loop
async def test_health(ours: KvType, theirs: str) -> None:
    """The type in the words of the plan."""
    async with helped(Settings(helper=True, kv_cache_type=ours)) as fleet:
        expected = {"status": "healthy", "kv_cache_type": theirs}
        assert await ask(fleet.ports[0]) == (200, expected)


@pytest.mark.parametrize(("kind", "ours"), [("q8_0", "q8_0"), ("q16", "f16")])
@on_each_loop
async def test_a_switch(kind: str, ours: str) -> None:
    """202 when the server is down; the helper goes on answering, the other server too.

    The type that is in force already has it restart all the same.
    """
    async with helped(WITH, WITH) as fleet:
        port, other = fleet.ports
        assert await switch(port, kind) == (202, {"status": "restarting", "kv_cache_type": kind})
        assert await refused(port)
        server = fleet.server(port)
        assert (server.down, server.kv_cache_type) == (True, ours)
        assert await ask(port) == (200, {"status": "restarting", "kv_cache_type": kind})
        assert await ask(other) == (200, {"status": "healthy", "kv_cache_type": "q16"})
        assert [r.server for r in fleet.journal.where(records.Stopped)] == [server.name]
        async with await Peer.connect(other) as peer:
            await peer.ask("/api/version")
            assert (await peer.answer())[0] == 200
        await server.restart(seconds=0)
        await server.up()
        assert await ask(port) == (200, {"status": "healthy", "kv_cache_type": kind})


@on_each_loop
async def test_a_helper_is_a_process_of_its_own() -> None:
    """No behaviour of its server touches it."""
    async with helped(WITH) as fleet:
        await fleet.behave(None, Frozen())
        assert (await ask(fleet.ports[0]))[0] == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "the body is empty; it must be a JSON object"),
        (b"q8_0", "the body is not JSON"),
        (b"{}", "missing required field `type`; $.type must be one of q8_0 and q16"),
        (b'{"type": "f16"}', "$.type must be one of q8_0 and q16"),
        (b'{"type": 8}', "$.type must be one of q8_0 and q16"),
        (b'{"type": "q8_0", "port": 1}', "unknown field `port`"),
        (b'["q8_0"]', "Expected `object`, got `array`"),
    ],
)
@on_each_loop
async def test_a_bad_switch(body: bytes, words: str) -> None:
    """400 in words that say what would be right, and nothing is changed."""
    async with helped(WITH) as fleet:
        status, answer = await ask(fleet.ports[0], "/set-kv-cache", body)
        assert status == 400
        assert words in answer["error"]
        assert not fleet.server(fleet.ports[0]).down


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/", None, 404), ("/status", None, 404), ("/set-kv-cache", None, 405), ("/health", b"", 405)],
)
@on_each_loop
async def test_other_paths_and_methods(path: str, body: bytes | None, status: int) -> None:
    """It is no control API."""
    async with helped(WITH) as fleet:
        found, answer = await ask(fleet.ports[0], path, body)
        assert (found, list(answer)) == (status, ["error"])


# --- who is let in ------------------------------------------------------------------------

SWITCH = b'{"type": "q8_0"}'


@pytest.mark.parametrize(
    "headers",
    [
        "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nContent-Type: text/plain",
        "Host: localhost\r\nOrigin: http://evil.example",
        "Host: localhost\r\nOrigin: null",
    ],
)
@on_each_loop
async def test_a_page_restarts_no_server(headers: str) -> None:
    async with helped(WITH) as fleet:
        port = fleet.ports[0]
        status, answer = await ask(port, "/set-kv-cache", SWITCH, headers)
        assert status == 403
        assert answer["error"].startswith("POST /set-kv-cache: a page of ")
        assert not fleet.server(port).down
        # What is only read tells nothing: no page may read it.
        assert (await ask(port, headers=headers))[0] == 200


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("evil.example:11601", False),
        ("evil.example", False),
        ("127.0.0.1:11601", True),
        ("localhost", True),
        ("host.docker.internal:11601", True),
        ("box.local", True),
    ],
)
@on_each_loop
async def test_a_name_that_leads_to_a_helper(host: str, known: bool) -> None:
    """One that a page can have lead here is refused, though the page is then of the helper's own
    origin; those that the server lets in are not."""
    async with helped(WITH) as fleet:
        port = fleet.ports[0]
        headers = f"Host: {host}\r\nOrigin: http://{host}\r\nSec-Fetch-Site: same-origin"
        status, answer = await ask(port, "/set-kv-cache", SWITCH, headers)
        assert status == (202 if known else 403)
        assert fleet.server(port).down is known
        if not known:
            name = host.partition(":")[0]
            said = f"POST /set-kv-cache: nothing here is called {name!r}; a helper is asked as "
            assert answer == {"error": f"{said}localhost, or by its address"}


@on_each_loop
async def test_where_other_machines_reach_a_helper_it_has_any_name() -> None:
    """As its server; but a page of another origin changes nothing there, either."""
    fleet = Fleet([0], settings=WITH, host="0.0.0.0")
    async with fleet, helping(fleet, fleet._spawn):
        port = fleet.ports[0]
        page = "Host: windows-box:11601\r\nOrigin: http://evil.example"
        assert (await ask(port, "/set-kv-cache", SWITCH, page))[0] == 403
        assert (await ask(port, "/set-kv-cache", SWITCH, "Host: windows-box:11601"))[0] == 202


# --- where they listen --------------------------------------------------------------------


@on_each_loop
async def test_only_where_the_settings_want_them() -> None:
    """And nobody listens until they are served."""
    with claimed(2) as (first, second):
        async with Fleet((first, second), settings=(Settings(), WITH)) as fleet:
            assert list(fleet.helpers) == [second]
            assert await refused(second + HELPER_OFFSET)
            async with helping(fleet, fleet._spawn):
                assert (await ask(second))[0] == 200
                kernel.listen(HOST, first + HELPER_OFFSET).close()
        for port in (second, second + HELPER_OFFSET):
            kernel.listen(HOST, port).close()


@on_each_loop
async def test_a_port_that_is_taken() -> None:
    """The message names the port and whose it would be, and no port stays taken."""
    with claimed() as (port,):
        with socket.create_server((HOST, port + HELPER_OFFSET)), pytest.raises(PortTaken) as caught:
            await Fleet((port,), settings=WITH).__aenter__()
        assert f"port {port + HELPER_OFFSET} is taken" in str(caught.value)
        assert f"the helper of the server on port {port} needs it" in str(caught.value)
        kernel.listen(HOST, port).close()


@on_each_loop
async def test_a_port_that_is_none() -> None:
    """A server's port can be too high for a helper."""
    words = "^there is no port 65600; the helper of the server on port 65500 needs it$"
    with pytest.raises(OSError, match=words):
        await Fleet((65500,), settings=WITH).__aenter__()


@on_each_loop
async def test_of_free_ports_one_is_found_that_has_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one is tried where the helper's is taken, and the rejected ones are given back."""
    listened: list[socket.socket] = []
    listen, reserve = kernel.listen, kernel.reserve

    def listens(host: str, port: int) -> socket.socket:
        listened.append(listen(host, port))
        return listened[-1]

    def reserves(host: str, port: int, *, again: bool = False) -> socket.socket:
        if port and len(listened) < 3:
            raise PortTaken(98, f"port {port} is taken")
        return reserve(host, port, again=again)

    monkeypatch.setattr(kernel, "listen", listens)
    monkeypatch.setattr(kernel, "reserve", reserves)
    async with Fleet(settings=WITH) as fleet:
        assert [sock.fileno() < 0 for sock in listened] == [True, True, False]
        assert fleet.ports == (listened[-1].getsockname()[1],)
        helper = fleet.helpers[fleet.ports[0]]
        assert helper.getsockname()[1] == fleet.ports[0] + HELPER_OFFSET
