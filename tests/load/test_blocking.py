"""The client that blocks takes every answer for what the other one takes it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable

import pytest

from ollama_simulator.clock import WallClock
from ollama_simulator.faults.abrupt_close import AbruptClose
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.custom import Custom
from ollama_simulator.faults.empty_reply import EmptyReply
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.timeout_after_headers import TimeoutAfterHeaders
from ollama_simulator.fleet import Fleet
from ollama_simulator.load.answer import Answer
from ollama_simulator.load.ask import Asker
from ollama_simulator.load.blocking import BlockingAsker
from ollama_simulator.load.dialects import DIALECTS, Question, Said
from ollama_simulator.load.sample import Sample
from ollama_simulator.load.target import Target
from tests.load.test_target import ANSWER, CERTIFICATE

QUESTION = Question("test-model:latest", (Said("user", "hi"),), 5)
TIMEOUT_S = 0.8


async def blocking(url: str, api: str = "chat", headers: tuple[str, ...] = ()) -> Sample:
    """What comes of a question, asked in a thread."""
    asker = BlockingAsker(Target.parse(url, headers), DIALECTS[api], TIMEOUT_S)
    answer = Answer(asker.dialect, (clock := WallClock()).now, clock.now())
    await asyncio.to_thread(asker, QUESTION, answer)
    return answer.sample(0, 0)


async def other(url: str) -> Sample:
    """What comes of it in the client of the event loop."""
    asker = Asker(Target.parse(url), DIALECTS["chat"])
    answer = Answer(asker.dialect, (clock := WallClock()).now, clock.now())
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await asker(QUESTION, answer)
    except TimeoutError:
        answer.give_up(TIMEOUT_S)
    return answer.sample(0, 0)


FAST = Normal(tokens_per_sec=400.0, prompt_eval_tokens_per_sec=1e9)
FAULTS: tuple[tuple[Fault, str | None], ...] = (
    (FAST, None),
    (FailMidStream(tokens_before_fail=2, tokens_per_sec=400.0), "truncated: reset"),
    (AbruptClose(bytes_before_close=20), "truncated: end of file"),
    (EmptyReply(), "closed without an answer"),
    (HttpError(status_code=503, message="busy"), "status 503"),
    (Custom("<html>\n", 200, "text/html", 0), "malformed"),
    (Custom("", 200, "text/html", 0), "truncated: no last line"),
    (Hang(), "timeout"),
    (TimeoutAfterHeaders(), "timeout"),
    (ConnectionRefused(), "connection refused"),
)


@pytest.mark.parametrize(("fault", "kind"), FAULTS, ids=lambda each: type(each).__name__)
def test_both_clients_agree(fault: Fault, kind: str | None) -> None:
    async def main() -> None:
        async with Fleet() as fleet:
            (port,) = fleet.ports
            await fleet.behave(port, fault)
            url = f"http://127.0.0.1:{port}"
            found = [await blocking(url), await other(url)]
        assert [each.error for each in found] == [kind, kind]
        assert found[0].pieces == found[1].pieces
        assert found[0].status == found[1].status

    asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize("api", DIALECTS)
def test_each_dialect(api: str) -> None:
    async def main() -> None:
        async with Fleet() as fleet:
            (port,) = fleet.ports
            await fleet.behave(port, Normal(tokens_per_sec=20.0))
            found = await blocking(f"http://127.0.0.1:{port}", api)
        assert (found.error, found.pieces, found.answered) == (None, 5, 5)
        # Every piece is heard when it comes: the first token is due after 50 ms, the fifth after
        # 250, however late we are.
        assert 0.05 <= (found.ttft or 0.0) < 0.25 <= found.end_to_end
        assert len(found.gaps) == 4

    asyncio.run(asyncio.wait_for(main(), 20))


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _from(serve: Serve, context: ssl.SSLContext | None = None) -> Sample:
    """What comes of a question to a server that does this."""
    done = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except ConnectionError:
            pass  # the client has left
        finally:
            writer.close()
            done.set()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        scheme = "http" if context is None else "https"
        found = await blocking(f"{scheme}://127.0.0.1:{port}", headers=("X-Key: a", "X-Key: b"))
        await done.wait()
    return found


def _says(answer: bytes, got: list[bytes]) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()

    return serve


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (ANSWER, None),
        (ANSWER[:-5], "truncated: end of file"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}", "truncated: end of file"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + ANSWER.partition(b"\r\n\r\n")[2], None),
        (b"nonsense\r\n\r\n", "malformed"),
    ],
)
def test_answers_of_others(answer: bytes, kind: str | None) -> None:
    got: list[bytes] = []
    found = asyncio.run(asyncio.wait_for(_from(_says(answer, got)), 20))
    assert found.error == kind
    (head,) = got
    assert head.startswith(b"POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"X-Key: a\r\nX-Key: b\r\n" in head
    assert head.count(b"Content-Length: ") == head.count(b"Host: ") == 1


def test_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    found = asyncio.run(asyncio.wait_for(_from(_says(ANSWER, []), context), 20))
    assert (found.error, found.pieces) == (None, 1)


def test_a_server_that_dribbles_is_given_up_all_the_same() -> None:
    """The limit is that of the whole answer, not of each of its bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    found = asyncio.run(asyncio.wait_for(_from(serve), 20))
    assert found.error == "timeout"
    assert TIMEOUT_S <= found.ended - found.due < TIMEOUT_S + 0.5
