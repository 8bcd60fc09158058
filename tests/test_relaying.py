"""Another server answers in place of the engine: its clients can't tell, and it is recorded."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ollama_simulator import records
from ollama_simulator.acts import How
from ollama_simulator.address import Address
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.empty_reply import EmptyReply
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.rule import Rule
from ollama_simulator.faults.slow import Slow
from ollama_simulator.faults.timeout_after_headers import TimeoutAfterHeaders
from ollama_simulator.fleet import Fleet
from ollama_simulator.net.client import Broken, Client
from ollama_simulator.net.client import End as Ending
from ollama_simulator.recording.reading import read
from ollama_simulator.relaying import host_for
from ollama_simulator.settings import Settings
from tests.load.test_target import CERTIFICATE
from tests.net.loops import on_each_loop
from tests.net.peers import HOST, Peer

MODEL = {"model": "test-model"}
SAYS = MODEL | {"messages": [{"role": "user", "content": "hi"}]}
ABSENT = "sha256:" + "0" * 64
PATIENCE_S = 3600.0
"""Virtual seconds."""


def post(target: str, body: Any, *headers: str, method: str = "POST") -> bytes:
    """A request with a JSON body, on a connection of its own."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = (f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers)
    head = "\r\n".join([*lines, f"Content-Length: {len(data)}", "", ""])
    return head.encode() + data


def get(target: str, *headers: str, method: str = "GET") -> bytes:
    """A request without a body."""
    lines = (f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close", *headers)
    return "\r\n".join([*lines, "", ""]).encode()


CHUNKED = (
    b"POST /api/show HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b'Transfer-Encoding: chunked\r\n\r\n9\r\n{"model":\r\nd\r\n"test-model"}\r\n0\r\n\r\n'
)

REQUESTS: dict[str, bytes] = {
    "root": get("/"),
    "head": get("/", method="HEAD"),
    "head-tags": get("/api/tags", method="HEAD"),
    "head-blob": get(f"/api/blobs/{ABSENT}", method="HEAD"),
    "tags": get("/api/tags"),
    "query": get("/api/version?a=1&b=%20c"),
    "redirect": get("//api/tags"),
    "lost": get("/nowhere"),
    "wrong-method": get("/api/chat"),
    "options": get("/api/chat", "Origin: http://localhost", method="OPTIONS"),
    "origin": get("/api/tags", "Origin: http://localhost:3000"),
    "foreign-origin": get("/api/tags", "Origin: http://evil.example"),
    "foreign-host": b"GET /api/tags HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
    "http-1.0": b"GET /api/tags HTTP/1.0\r\n\r\n",
    "http-1.0-stream": post("/api/chat", SAYS).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "chat": post("/api/chat", SAYS),
    "chat-whole": post("/api/chat", SAYS | {"stream": False}),
    "long": post("/api/generate", MODEL | {"prompt": "x", "options": {"num_predict": 300}}),
    "long-whole": post(
        "/api/generate",
        MODEL | {"prompt": "x", "stream": False, "options": {"num_predict": 900}},
    ),
    "chunked": CHUNKED,
    "no-model": post("/api/chat", {"model": "none", "messages": []}),
    "no-json": post("/api/chat", b"{"),
    "embed": post("/api/embed", MODEL | {"input": ["a", "b"]}),
    "pull": post("/api/pull", {"model": "all-minilm"}),
    "pull-none": post("/api/pull", {"model": "none"}),
    "delete": post("/api/delete", MODEL, method="DELETE"),
    "upload": post(f"/api/blobs/{ABSENT}", b"\x00\xff" * 200_000),
    "upload-asked": post(f"/api/blobs/{ABSENT}", b"\x00\xff" * 200, "Expect: 100-continue"),
    "openai": post("/v1/chat/completions", SAYS | {"stream": True}),
    "openai-whole": post("/v1/chat/completions", SAYS),
    "responses": post("/v1/responses", MODEL | {"input": "hi", "stream": True}),
    "anthropic": post("/v1/messages", SAYS | {"stream": True, "max_tokens": 5}),
    "utf-8": post(
        "/api/chat", SAYS | {"model": "t\u00e9st"}, "X-Odd: \u00e9".encode().decode("latin-1")
    ),
}


async def answer(port: int, request: bytes) -> tuple[bytes, How]:
    """Every byte of an answer, and how the connection ended."""
    async with await Peer.connect(port) as peer:
        peer._patience = PATIENCE_S
        await peer.send(request)
        return await peer.rest()


def url(fleet: Fleet) -> str:
    """Of its first server."""
    return f"http://{HOST}:{fleet.ports[0]}"


def virtually(main: Callable[[VirtualClock], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine with a clock of its own."""
    clock = VirtualClock()
    return clock.run(main(clock))


def direct(request: bytes) -> tuple[bytes, How]:
    """The answer of a server that is asked directly."""

    async def main(clock: VirtualClock) -> tuple[bytes, How]:
        async with Fleet(clock=clock) as fleet:
            return await answer(fleet.ports[0], request)

    found: tuple[bytes, How] = virtually(main)
    return found


def relayed(request: bytes, **settings: Any) -> tuple[bytes, How]:
    """The answer of such a server through another one."""

    async def main(clock: VirtualClock) -> tuple[bytes, How]:
        async with Fleet(clock=clock) as behind:
            through = Settings(upstream=url(behind), **settings)
            async with Fleet(clock=clock, settings=through) as fleet:
                return await answer(fleet.ports[0], request)

    found: tuple[bytes, How] = virtually(main)
    return found


@pytest.mark.parametrize("name", list(REQUESTS))
def test_it_is_as_if_asked_directly(name: str) -> None:
    """Heads with their order, framing, chunks, bodies, times in them, ends: byte for byte."""
    assert relayed(REQUESTS[name]) == direct(REQUESTS[name])


# --- how answers end ------------------------------------------------------------------------


CUTS: dict[str, tuple[Fault, str]] = {
    "reset before the head": (FailMidStream(tokens_before_fail=0), "reset"),
    "reset in a stream": (FailMidStream(tokens_before_fail=3), "reset"),
    "cut in a stream": (AbruptClose(bytes_before_close=400), "cut"),
    "cut before the head": (EmptyReply(), "cut"),
    "an error": (HttpError(status_code=503, message="no"), "complete"),
    "a silence": (TimeoutAfterHeaders(timeout_ms=5000), "cut"),
}


@pytest.mark.parametrize("name", list(CUTS))
@pytest.mark.parametrize("stream", [True, False])
def test_an_end_is_the_same_end(name: str, stream: bool, tmp_path: Path) -> None:
    """FIN and RST arrive where the other server sent them, in the replay, too."""
    fault, ended = CUTS[name]
    request = post("/api/chat", SAYS | {"stream": stream})
    file = tmp_path / "recording.jsonl"

    async def ask(clock: VirtualClock, *, through: bool) -> tuple[bytes, How]:
        async with Fleet(clock=clock) as behind:
            await behind.behave(None, fault)
            if not through:
                return await answer(behind.ports[0], request)
            settings = Settings(upstream=url(behind), record=str(file))
            async with Fleet(clock=clock, settings=settings) as fleet:
                found = await answer(fleet.ports[0], request)
                (seen,) = fleet.journal.where(records.Relayed)
                assert (seen.upstream, seen.ended) == (url(behind), ended)
                return found

    async def replay(clock: VirtualClock) -> tuple[bytes, How]:
        async with Fleet(clock=clock, settings=Settings(replay=str(file))) as fleet:
            return await answer(fleet.ports[0], request)

    expected = virtually(lambda clock: ask(clock, through=False))
    assert virtually(lambda clock: ask(clock, through=True)) == expected
    (recorded,) = read(file).exchanges
    assert recorded.exchange.ended == ended
    assert virtually(replay) == expected


# --- as it comes ------------------------------------------------------------------------------


Line = tuple[float, bytes]


async def timed(peer: Peer, clock: VirtualClock) -> list[Line]:
    """What comes until the end, and when."""
    peer._patience = PATIENCE_S
    came: list[Line] = []
    while data := await peer.receive():
        came.append((round(clock.now(), 6), data))
    return came


def test_each_piece_is_passed_on_when_it_comes(tmp_path: Path) -> None:
    """The client gets each token at the moment at which it is made, and so it is recorded."""
    file = tmp_path / "recording.jsonl"

    async def ask(clock: VirtualClock, *, through: bool) -> list[Line]:
        async with Fleet(clock=clock) as behind:
            await behind.behave(None, Slow(tokens_per_sec=0.5, num_tokens=4))
            settings = Settings(upstream=url(behind), record=str(file))
            async with Fleet(clock=clock, settings=settings) as fleet:
                port = (fleet if through else behind).ports[0]
                async with await Peer.connect(port) as peer:
                    await peer.send(post("/api/chat", SAYS))
                    return await timed(peer, clock)

    direct = virtually(lambda clock: ask(clock, through=False))
    assert len({when for when, _ in direct}) == 4
    relayed = virtually(lambda clock: ask(clock, through=True))
    body = [(when, data) for when, data in relayed if not data.startswith(b"HTTP/")]
    assert len(body) >= len(direct) - 1
    assert {when for when, _ in relayed} == {when for when, _ in direct}
    assert b"".join(data for _, data in relayed) == b"".join(data for _, data in direct)
    (recorded,) = read(file).exchanges
    times = {round(piece.seconds, 6) for piece in recorded.exchange.pieces}
    assert times == {when for when, _ in direct}


@pytest.mark.parametrize("how", list(How))
@on_each_loop
async def test_a_client_that_leaves_has_left_the_other_server(how: How, tmp_path: Path) -> None:
    """Its FIN is one there, its reset a reset; the generation stops, and the slot is free."""
    file = tmp_path / "recording.jsonl"
    async with Fleet() as behind:
        await behind.behave(None, Slow(tokens_per_sec=20, num_tokens=10_000))
        settings = Settings(upstream=url(behind), record=str(file))
        async with Fleet(settings=settings) as fleet:
            async with await Peer.connect(fleet.ports[0]) as peer:
                await peer.send(post("/api/chat", SAYS))
                await peer.until(b'"done":false')
                if how is How.FIN:
                    peer.half_close()
                else:
                    peer.reset()
                left = await behind.journal.wait_for(records.Left, 5)
                assert left is not None
                assert left.how is how
                assert await behind.journal.wait_for(records.Released, 5) is not None
            assert await fleet.journal.wait_for(records.Finished, 5, outcome="left") is not None
            (seen,) = fleet.journal.where(records.Relayed)
            assert (seen.ended, seen.detail) == ("left", "the client left")
    (recorded,) = read(file).exchanges
    assert recorded.exchange.ended == "left"
    assert recorded.exchange.pieces


@on_each_loop
async def test_a_client_that_leaves_before_the_head() -> None:
    """While the other server says nothing."""
    async with Fleet() as behind:
        await behind.behave(None, Hang())
        async with Fleet(settings=Settings(upstream=url(behind))) as fleet:
            async with await Peer.connect(fleet.ports[0]) as peer:
                await peer.send(post("/api/chat", SAYS))
                assert await behind.journal.wait_for(records.Received, 5) is not None
                peer.half_close()
                assert await peer.rest() == (b"", How.FIN)
            assert behind.journal.where(records.Left)
            assert await fleet.journal.wait_for(records.Relayed, 5, ended="left") is not None


@on_each_loop
async def test_a_fleet_that_ends_records_what_was_in_flight(tmp_path: Path) -> None:
    """As far as it came."""
    file = tmp_path / "recording.jsonl"
    async with Fleet() as behind:
        await behind.behave(None, Slow(tokens_per_sec=20, num_tokens=10_000))
        settings = Settings(upstream=url(behind), record=str(file))
        async with Fleet(settings=settings) as fleet, await Peer.connect(fleet.ports[0]) as peer:
            await peer.send(post("/api/chat", SAYS))
            await peer.until(b'"done":false')
            await fleet.server(fleet.ports[0]).close()
            await fleet.journal.wait_for(records.Finished, 5)
    (recorded,) = read(file).exchanges
    assert recorded.exchange.ended == "left"


# --- what the other server may do ---------------------------------------------------------------


REFUSED = "no answer from the upstream: connection refused by 127.0.0.1:{port}"


@pytest.mark.parametrize(
    ("target", "document"),
    [("/api/chat", {"error": REFUSED}), ("/v1/chat/completions", {"error": {"message": REFUSED}})],
)
@on_each_loop
async def test_nobody_there(target: str, document: Any, tmp_path: Path) -> None:
    """A 502 in the words of the dialect; what was asked is recorded, and replayed as it was."""
    file = tmp_path / "recording.jsonl"
    async with Fleet() as behind:
        port = behind.ports[0]
        await behind.behave(None, ConnectionRefused())
        async with Fleet(settings=Settings(upstream=url(behind), record=str(file))) as fleet:
            data, _ = await answer(fleet.ports[0], post(target, SAYS))
            assert data.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
            said = json.loads(data.partition(b"\r\n\r\n")[2])["error"]
            words = REFUSED.format(port=port)
            assert (said if isinstance(said, str) else said["message"]) == words
            (seen,) = fleet.journal.where(records.Relayed)
            assert seen.ended == "refused"
    (recorded,) = read(file).exchanges
    body = recorded.exchange.request.body
    assert (recorded.exchange.ended, recorded.exchange.head) == ("refused", None)
    assert body is not None
    assert json.loads(body.text or "") == SAYS
    async with Fleet(settings=Settings(replay=str(file))) as fleet:
        again, _ = await answer(fleet.ports[0], post(target, SAYS))
    assert again.partition(b"\r\n\r\n")[2] == data.partition(b"\r\n\r\n")[2]


RAW: dict[str, tuple[bytes, bytes, str]] = {
    "close": (
        b"HTTP/1.0 200 Fine\r\nServer: x\r\nA: 1\r\na: 2\r\nDate: today\r\n\r\nuntil the end",
        b"HTTP/1.1 200 Fine\r\nServer: x\r\nA: 1\r\na: 2\r\nDate: today\r\n"
        b"Connection: close\r\n\r\nuntil the end",
        "complete",
    ),
    "no reason": (
        b"HTTP/1.1 299 \r\nDate: today\r\nContent-Length: 2\r\nServer: x\r\n\r\nok",
        b"HTTP/1.1 299 \r\nDate: today\r\nContent-Length: 2\r\nServer: x\r\n"
        b"Connection: close\r\n\r\nok",
        "complete",
    ),
    "of its connection": (
        b"HTTP/1.1 200 OK\r\nDate: today\r\nKeep-Alive: timeout=5\r\nX: y\r\n"
        b"Connection: X, keep-alive\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "complete",
    ),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nDate: today\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nab\r\n3;x=y\r\ncde\r\n0\r\nTrailer: z\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: today\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n",
        "complete",
    ),
    "cut in a chunk": (
        b"HTTP/1.1 200 OK\r\nDate: today\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n9\r\ncde",
        b"HTTP/1.1 200 OK\r\nDate: today\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2\r\nab\r\n3\r\ncde\r\n",
        "cut",
    ),
    "cut in a length": (
        b"HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 9\r\n\r\ncde",
        b"HTTP/1.1 200 OK\r\nDate: today\r\nContent-Length: 9\r\nConnection: close\r\n\r\ncde",
        "cut",
    ),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 502 Bad Gateway\r\n", "malformed"),
}


@pytest.mark.parametrize("name", list(RAW))
@on_each_loop
async def test_another_kind_of_server(name: str, tmp_path: Path) -> None:
    """Reasons, orders, framings and cuts that Ollama has not are passed on, and replayed, too."""
    said, expected, ended = RAW[name]
    file = tmp_path / "recording.jsonl"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        settings = Settings(upstream=f"http://{HOST}:{port}", record=str(file))
        async with Fleet(settings=settings) as fleet:
            data, how = await answer(fleet.ports[0], get("/"))
    assert data.startswith(expected)
    assert data == expected or ended == "malformed"
    assert how is How.FIN
    (recorded,) = read(file).exchanges
    assert recorded.exchange.ended == ended
    async with Fleet(settings=Settings(replay=str(file))) as fleet:
        assert (await answer(fleet.ports[0], get("/")))[0].startswith(expected)


async def heard(request: bytes, upstream: str = "http://{}:{}", **settings: Any) -> list[bytes]:
    """What the other server hears of a request, line by line."""
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        through = Settings(upstream=upstream.format(HOST, port), **settings)
        async with Fleet(settings=through) as fleet:
            await answer(fleet.ports[0], request)
    return came[0].splitlines()


@on_each_loop
async def test_what_is_passed_on_of_a_request() -> None:
    """All but what belongs to its connection, in its order; a prefix stands before the path."""
    request = (
        b"PATCH /a%20b?c=d HTTP/1.1\r\nX-One: 1\r\nHost: any.example:7\r\nTE: trailers\r\n"
        b"Connection: close, X-Mine\r\nX-Mine: 2\r\nx-one: 3\r\nAuthorization: Bearer s\r\n\r\n"
    )
    assert await heard(request, "http://{}:{}/ollama/") == [
        b"PATCH /ollama/a%20b?c=d HTTP/1.1",
        b"X-One: 1",
        b"Host: any.example:7",
        b"x-one: 3",
        b"Authorization: Bearer s",
        b"",
    ]


@pytest.mark.parametrize("host", ["localhost:11501", "127.0.0.1", "[::1]:80"])
def test_a_server_on_another_machine_is_told_its_own_name(host: str) -> None:
    """If the client means us; a client's other names, and servers on this machine, are spared."""
    far, near = Address.parse("https://gpu.example"), Address.parse("http://127.0.0.1:11434")
    assert host_for(far, host) == "gpu.example"
    assert host_for(near, host) == host
    assert host_for(far, "other.example") == "other.example"


# --- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [False, True])
@on_each_loop
async def test_secrets_are_not_recorded(kept: bool, tmp_path: Path) -> None:
    """Unless somebody wants them. The other server gets them all the same."""
    file = tmp_path / "recording.jsonl"
    names = ("Authorization", "Cookie", "X-Api-Key", "Proxy-Authorization")
    secrets = [f"{name}: s3cret" for name in names]
    lines = await heard(get("/", *secrets), record=str(file), record_secrets=kept)
    assert [line for line in lines if b"s3cret" in line] == [each.encode() for each in secrets]
    assert ("s3cret" in file.read_text(encoding="utf-8")) is kept
    shown = dict(read(file).exchanges[0].exchange.request.headers)
    assert {shown[name] for name in names} == {"s3cret" if kept else "[redacted]"}


async def whole(client: Client) -> bytes:
    """An answer that completes."""
    await client.head(5)
    return b"".join([data async for data in client.body(5)])


# --- faults ---------------------------------------------------------------------------------------


FRONT: dict[str, tuple[Fault, int, How]] = {
    "three chunks, then a reset": (FailMidStream(tokens_before_fail=3), 3, How.RST),
    "no chunk": (FailMidStream(tokens_before_fail=0), 0, How.RST),
    "never a whole answer": (FailMidStream(tokens_before_fail=1000), 21, How.RST),
    "an error instead": (HttpError(status_code=503, message="no"), 0, How.FIN),
}


@pytest.mark.parametrize("target", ["/api/chat", "/v1/messages"])
@pytest.mark.parametrize("name", list(FRONT))
@on_each_loop
async def test_faults_strike_in_front_of_another_server(name: str, target: str) -> None:
    """A chunk is a tick, whatever the dialect; what the fault leaves out the server is spared."""
    fault, chunks, how = FRONT[name]
    async with Fleet() as behind, Fleet(settings=Settings(upstream=url(behind))) as fleet:
        await fleet.behave(None, fault)
        asked = SAYS | {"max_tokens": 20, "stream": True}
        data, ended = await answer(fleet.ports[0], post(target, asked))
        assert ended is how
        (struck,) = fleet.journal.where(records.Struck)
        assert struck.fault == type(fault).__name__
        if how is How.FIN:
            assert not behind.journal.where(records.Asked)
            return
        assert await behind.journal.wait_for(records.Finished, 5) is not None
        (finished,) = fleet.journal.where(records.Finished)
        passed = data.count(b'"done":') if target == "/api/chat" else data.count(b"event: ")
        assert passed == finished.tokens
        assert passed == chunks or (passed > chunks > 20)


@pytest.mark.parametrize(
    "fault", [FailMidStream(tokens_before_fail=9), AbruptClose(bytes_before_close=9**9)]
)
@pytest.mark.parametrize("body", [SAYS | {"stream": False}, SAYS])
@on_each_loop
async def test_no_cut_answer_ever_completes(fault: Fault, body: Any) -> None:
    """However much the fault waits for, the end is missing."""
    async with Fleet() as behind, Fleet(settings=Settings(upstream=url(behind))) as fleet:
        await fleet.behave(None, fault)
        async with await Client.connect(HOST, fleet.ports[0], 5) as client:
            await client.ask("POST", "/api/chat", (), json.dumps(body).encode())
            with pytest.raises(Broken) as broken:
                await whole(client)
        assert broken.value.end in (Ending.CUT, Ending.RESET)


def test_a_pace_holds_for_another_server() -> None:
    """`Slow` lets its chunks come no faster."""

    async def main(clock: VirtualClock) -> list[Line]:
        behind = Fleet(clock=clock)
        async with behind, Fleet(clock=clock, settings=Settings(upstream=url(behind))) as fleet:
            await fleet.behave(None, Slow(tokens_per_sec=2, num_tokens=5))
            async with await Peer.connect(fleet.ports[0]) as peer:
                asked = SAYS | {"options": {"num_predict": 4}}
                await peer.send(post("/api/chat", asked))
                came = await timed(peer, clock)
            assert len(fleet.journal.where(records.Struck)) == 1
            return came

    came = virtually(main)
    first = next(when for when, data in came if b"done" in data)
    assert [round(when - first, 6) for when, data in came if b'"done"' in data] == [
        0.0,
        0.5,
        1.0,
        1.5,
        2.0,
    ]


# --- TLS, and what else may go wrong -----------------------------------------------------------


@asynccontextmanager
async def over_tls(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
) -> AsyncIterator[str]:
    """The URL of a server that is spoken to over TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    async with await asyncio.start_server(serve, HOST, 0, ssl=context) as server:
        yield f"https://{HOST}:{server.sockets[0].getsockname()[1]}"


@on_each_loop
async def test_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that leaves is gone there, too, though TLS knows no half of a connection."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        assert await reader.read() == b""
        gone.set()
        writer.close()

    async with over_tls(serve) as there, Fleet(settings=Settings(upstream=there)) as fleet:
        async with await Peer.connect(fleet.ports[0]) as peer:
            await peer.send(get("/"))
            await peer.until(b"abc")
            peer.half_close()
            async with asyncio.timeout(5):
                await gone.wait()
        assert await fleet.journal.wait_for(records.Relayed, 5, ended="left") is not None


@on_each_loop
async def test_a_certificate_that_nobody_vouches_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 502 that says so."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with over_tls(serve) as there, Fleet(settings=Settings(upstream=there)) as fleet:
        data, _ = await answer(fleet.ports[0], get("/"))
    assert data.startswith(b"HTTP/1.1 502 ")
    assert b"certificate" in data


@on_each_loop
async def test_what_can_not_be_written_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Of ours, which the journal tells; the client gets its answer all the same."""

    def full(_: object, __: object) -> None:
        raise OSError(28, "No space left on device")

    async with Fleet() as behind:
        settings = Settings(upstream=url(behind), record=str(tmp_path / "recording.jsonl"))
        async with Fleet(settings=settings) as fleet:
            monkeypatch.setattr(os, "write", full)
            data, _ = await answer(fleet.ports[0], get("/api/version"))
            monkeypatch.undo()
            (failed,) = fleet.journal.where(records.Failed)
    assert data.endswith(b'{"version":"0.33.0-rc2"}')
    assert failed.error == "an exchange is not in the recording: No space left on device"


@on_each_loop
async def test_a_server_can_be_given_an_upstream_while_it_runs(tmp_path: Path) -> None:
    """And be on its own again; a recording goes on in the same file."""
    file = tmp_path / "recording.jsonl"
    async with Fleet() as behind, Fleet() as fleet:
        through = Settings(upstream=url(behind), record=str(file))
        for settings in (through, Settings(), through):
            await fleet.change("s1", settings)
            await answer(fleet.ports[0], get("/api/version"))
        assert len(behind.journal.where(records.Asked)) == 2
        await fleet.reset()
        await answer(fleet.ports[0], get("/api/version"))
        assert len(behind.journal.where(records.Asked)) == 2
    assert len(read(file).exchanges) == len(read(file).began) == 2


@on_each_loop
async def test_a_rule_that_looks_at_the_model_leaves_the_body_whole() -> None:
    """What it has read of the request is passed on, too, with what comes behind."""
    body = json.dumps(SAYS).encode() + b" " * 100_000 + b"{}"
    async with Fleet() as behind, Fleet(settings=Settings(upstream=url(behind))) as fleet:
        no = HttpError(status_code=503, message="no")
        await fleet.inject("all", Rule(fault=no, model="other*"))
        data, _ = await answer(fleet.ports[0], post("/api/chat", body))
        assert data.startswith(b"HTTP/1.1 200 ")
        (came,) = behind.journal.where(records.Finished)
        assert came.outcome == "complete"
        data, _ = await answer(fleet.ports[0], post("/api/chat", SAYS | {"model": "other"}))
        assert data.startswith(b"HTTP/1.1 503 ")
        assert len(behind.journal.where(records.Asked)) == 1
