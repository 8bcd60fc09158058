"""Another server answers in place of the engine: its clients can't tell, and it is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from ollama_simulator import records
from ollama_simulator.acts import How
from ollama_simulator.clock import VirtualClock
from ollama_simulator.faults.cut import AbruptClose, EmptyReply, FailMidStream
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.hang import TimeoutAfterHeaders
from ollama_simulator.faults.http import HttpError
from ollama_simulator.fleet import Fleet
from ollama_simulator.recording.reading import read
from ollama_simulator.settings import Settings
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
