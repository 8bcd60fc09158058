"""One connection over a real socket: requests in, bytes out, and every way to end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from ollama_simulator.acts import (
    Body,
    End,
    Framing,
    Hangup,
    Head,
    Hold,
    How,
    Idle,
    Reply,
    Tick,
    Wait,
)
from ollama_simulator.net.connection import MOST_AHEAD, MOST_PIPELINED
from ollama_simulator.net.request import BadBody, Request
from tests.net.loops import on_each_loop
from tests.net.peers import (
    DATE,
    TEXT,
    Peer,
    echo,
    head,
    say,
    serving,
    whole,
)

PLAIN = "Content-Type: text/plain"
DATED = f"Date: {DATE}"


def always(*acts: Any) -> Callable[[Request], Reply]:
    """A handler that plays these acts, and answers `/next` in the ordinary way."""

    def handler(request: Request) -> Reply:
        return echo(request) if request.target == "/next" else say(*acts)

    return handler


# --- framing ------------------------------------------------------------------------------

CHUNKED = head("200 OK", PLAIN, DATED, "Transfer-Encoding: chunked")


@pytest.mark.parametrize(
    ("method", "acts", "expected"),
    [
        (
            "GET",
            (Head(200, TEXT), Body(b"x" * 2048, flush=False), End()),
            head("200 OK", PLAIN, DATED, "Content-Length: 2048") + b"x" * 2048,
        ),
        (
            "GET",
            (Head(200, TEXT), Body(b"x" * 2049, flush=False), End()),
            CHUNKED + b"801\r\n" + b"x" * 2049 + b"\r\n0\r\n\r\n",
        ),
        (
            "GET",
            (Head(200, TEXT), Body(b"one"), Tick(), Body(b"two!"), End()),
            CHUNKED + b"3\r\none\r\n4\r\ntwo!\r\n0\r\n\r\n",
        ),
        (
            "GET",
            (Head(200, TEXT, framing=Framing.CHUNKED), End()),
            CHUNKED + b"0\r\n\r\n",
        ),
        (
            "GET",
            (Head(200, TEXT, length=3), Body(b"a", flush=False), Body(b"bc"), End()),
            head("200 OK", PLAIN, DATED, "Content-Length: 3") + b"abc",
        ),
        (
            "HEAD",
            (Head(200, TEXT), Body(b"hidden", flush=False), End()),
            head("200 OK", PLAIN, DATED, "Content-Length: 6"),
        ),
        (
            "HEAD",
            (Head(301, framing=Framing.NONE), End()),
            head("301 Moved Permanently", DATED),
        ),
        ("GET", (Head(204), End()), head("204 No Content", DATED)),
        ("GET", (Head(304), Body(b"hidden", flush=False), End()), head("304 Not Modified", DATED)),
        (
            "POST",
            (Head(499, (("A", "1"), ("B", "2"))), Body(b"no", flush=False), End()),
            head("499 status code 499", "A: 1", "B: 2", DATED, "Content-Length: 2") + b"no",
        ),
    ],
)
@on_each_loop
async def test_answers_byte_by_byte(method: str, acts: tuple[Any, ...], expected: bytes) -> None:
    """The whole answer as it should be, and then the next one follows without a byte between."""
    async with serving(always(*acts)) as service, await Peer.connect(service.port) as peer:
        await peer.ask(method=method)
        assert await peer.read(len(expected)) == expected
        await peer.ask("/next")
        assert await peer.answer() == (200, b"GET /next ")
        assert service.said("finished") == [("complete",), ("complete",)]


@pytest.mark.parametrize(
    ("request_head", "stays"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
@on_each_loop
async def test_keep_alive(request_head: bytes, stays: bool) -> None:
    """The connection goes on exactly if the client's request says so."""
    async with serving() as service, await Peer.connect(service.port) as peer:
        await peer.send(request_head)
        assert await peer.answer() == (200, b"GET / ")
        if stays:
            await peer.ask("/next")
            assert await peer.answer() == (200, b"GET /next ")
        else:
            assert await peer.rest() == (b"", How.FIN)
            peer.half_close()
            assert await service.until("closed") == [("us", How.FIN)]


@on_each_loop
async def test_http_1_0_ends_a_stream_with_the_connection() -> None:
    """No chunks for a client that knows none: its end is FIN."""
    acts = (Head(200, TEXT), Body(b"one"), Body(b"two"), End())
    async with serving(always(*acts)) as service, await Peer.connect(service.port) as peer:
        await peer.send(b"GET / HTTP/1.0\r\n\r\n")
        data, how = await peer.rest()
        assert data.endswith(DATED.encode() + b"\r\n\r\nonetwo")
        assert how is How.FIN


# --- requests -----------------------------------------------------------------------------


@on_each_loop
async def test_pipelined_requests_are_answered_in_order() -> None:
    """Two hundred at once on one connection."""
    count = 200

    async def slow(request: Request) -> AsyncGenerator[Any, None]:
        yield Wait(0.0005)
        async for act in echo(request):
            yield act

    async with serving(slow) as service, await Peer.connect(service.port) as peer:
        await peer.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(count)))
        answers = [await peer.answer() for _ in range(count)]
        assert answers == [(200, f"GET /{n} ".encode()) for n in range(count)]
        assert service.said("connected") == [(1,)]


@on_each_loop
async def test_requests_byte_by_byte() -> None:
    """Slow clients are understood as well as fast ones, bodies included."""
    data = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    async with serving() as service, await Peer.connect(service.port) as peer:
        for at in range(len(data)):
            await peer.send(data[at : at + 1])
            await asyncio.sleep(0)
        assert await peer.answer() == (200, b"POST /a abc")
        await peer.send(data + data)
        assert [await peer.answer(), await peer.answer()] == [(200, b"POST /a abc")] * 2


@on_each_loop
async def test_request_bodies_in_chunks() -> None:
    """Chunks, their extensions and trailers are not part of the body."""
    data = (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2;e=1\r\nde\r\n0\r\nT: t\r\n\r\n"
    )
    async with serving() as service, await Peer.connect(service.port) as peer:
        await peer.send(data + data)
        assert [await peer.answer(), await peer.answer()] == [(200, b"POST / abcde")] * 2


@on_each_loop
async def test_a_large_body_arrives_whole() -> None:
    """Five megabytes, far beyond what waits unread at one time."""
    sizes: list[int] = []

    async def count(request: Request) -> AsyncGenerator[Any, None]:
        total = 0
        async for piece in request.body.chunks():
            total += len(piece)
        sizes.append(total)
        async for act in whole(b"%d" % total):
            yield act

    async with serving(count) as service, await Peer.connect(service.port) as peer:
        size = 5_000_000
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        await peer.send(b"z" * size)
        assert await peer.answer() == (200, b"5000000")
        assert sizes == [size]


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECTING = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"


@on_each_loop
async def test_100_continue_when_the_body_is_read() -> None:
    """The interim answer comes when the handler begins to read, and only then (1.1)."""
    go = asyncio.Event()

    async def later(request: Request) -> AsyncGenerator[Any, None]:
        await go.wait()
        async for act in echo(request):
            yield act

    async with serving(later) as service, await Peer.connect(service.port) as peer:
        await peer.send(EXPECTING)
        await service.until("asked")
        assert await peer.silent()
        go.set()
        assert await peer.read(len(CONTINUE)) == CONTINUE
        await peer.send(b"abc")
        assert await peer.answer() == (200, b"POST / abc")


@on_each_loop
async def test_no_100_continue_for_a_body_that_came_unasked() -> None:
    """Who didn't wait needs no permission."""
    async with serving() as service, await Peer.connect(service.port) as peer:
        await peer.send(EXPECTING + b"abc")
        assert await peer.answer() == (200, b"POST / abc")


@on_each_loop
async def test_no_100_continue_for_a_body_that_nobody_reads() -> None:
    """The answer says that the connection ends; it does when the body has come, unasked (1.1)."""
    async with serving(always(*WHOLE)) as service, await Peer.connect(service.port) as peer:
        await peer.send(EXPECTING)
        lines = (PLAIN, DATED, "Content-Length: 2", "Connection: close")
        expected = head("200 OK", *lines) + b"ok"
        assert await peer.read(len(expected)) == expected
        assert await peer.silent()
        await peer.send(b"abc")
        assert await peer.rest() == (b"", How.FIN)


WHOLE = (Head(200, TEXT), Body(b"ok", flush=False), End())


@on_each_loop
async def test_no_100_continue_after_a_stream() -> None:
    """A flushed answer that never read the body is followed by no interim answer either."""
    acts = (Head(200, TEXT), Body(b"ok"), End())
    async with serving(always(*acts)) as service, await Peer.connect(service.port) as peer:
        await peer.send(EXPECTING)
        lines = (PLAIN, DATED, "Connection: close", "Transfer-Encoding: chunked")
        expected = head("200 OK", *lines) + b"2\r\nok\r\n0\r\n\r\n"
        assert await peer.read(len(expected)) == expected
        await peer.send(b"abc")
        assert await peer.rest() == (b"", How.FIN)


@on_each_loop
async def test_a_client_that_leaves_anyway_is_not_waited_for() -> None:
    """Who says `Connection: close` is answered, and left, though its body never came whole."""
    async with serving(always(*WHOLE)) as service, await Peer.connect(service.port) as peer:
        await peer.ask(more="Connection: close\r\nContent-Length: 50\r\n")
        lines = (PLAIN, DATED, "Content-Length: 2", "Connection: close")
        assert await peer.rest() == (head("200 OK", *lines) + b"ok", How.FIN)


@pytest.mark.parametrize("size", [100_000, 256 * 1024 - 1])
@on_each_loop
async def test_a_body_that_nobody_read_is_passed_over(size: int) -> None:
    """Up to 256 KiB the connection goes on with the request behind it (1.1)."""
    async with serving(always(*WHOLE)) as service, await Peer.connect(service.port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        await peer.send(b"z" * size)
        assert await peer.answer() == (200, b"ok")
        await peer.ask("/next")
        assert await peer.answer() == (200, b"GET /next ")


@on_each_loop
async def test_a_larger_body_that_nobody_read_ends_the_connection() -> None:
    """The answer arrives whole all the same, and its end is FIN, not RST."""
    async with serving(always(*WHOLE)) as service, await Peer.connect(service.port) as peer:
        size = 1_000_000
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        sending = asyncio.create_task(peer.send(b"z" * size))
        data, how = await peer.rest()
        assert data.endswith(b"Connection: close\r\n\r\nok")
        assert how is How.FIN
        await sending
        peer.half_close()
        assert await service.until("closed") == [("us", How.FIN)]


@pytest.mark.parametrize("how", How)
@on_each_loop
async def test_a_kept_connection_ends_when_the_next_request_comes(how: How) -> None:
    """The answer is whole, the connection stays, and nobody is asked for the next request."""
    acts = (Head(200, TEXT), Body(b"ok", flush=False), End(Idle(how)))
    async with serving(always(*acts)) as service, await Peer.connect(service.port) as peer:
        await peer.ask("/first")
        assert await peer.answer() == (200, b"ok")
        assert await peer.silent()
        await peer.ask("/second")
        assert await peer.rest() == (b"", how)
        peer.sock.close()
        assert await service.until("closed") == [("us", how)]
        assert service.said("asked") == [("GET /first",)]


@pytest.mark.parametrize("how", How)
@on_each_loop
async def test_a_kept_connection_ends_after_a_while(how: How) -> None:
    """A request that comes before is answered, and what it is told counts from then on."""
    acts = (Head(200, TEXT), Body(b"ok", flush=False), End(Idle(how, 0.05)))
    async with serving(always(*acts)) as service, await Peer.connect(service.port) as peer:
        for _ in range(2):
            await peer.ask("/first")
            assert await peer.answer() == (200, b"ok")
        assert await peer.rest() == (b"", how)
        assert len(service.said("asked")) == 2


@on_each_loop
async def test_who_leaves_a_connection_first_is_let_go() -> None:
    """Politely, whatever was planned."""
    acts = (Head(200, TEXT), Body(b"ok", flush=False), End(Idle(How.RST)))
    async with serving(always(*acts)) as service, await Peer.connect(service.port) as peer:
        await peer.ask()
        assert await peer.answer() == (200, b"ok")
        peer.half_close()
        assert await peer.rest() == (b"", How.FIN)
        assert await service.until("closed") == [("us", How.FIN)]


# --- what can't be read -------------------------------------------------------------------


def refusal(words: str) -> bytes:
    """How Go's library refuses (1.1)."""
    lines = ("Content-Type: text/plain; charset=utf-8", "Connection: close")
    return head(words, *lines) + words.encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"nonsense\r\n\r\n", "400 Bad Request"),
        (b"GET / HTTP/1.1\r\nHost x\r\n\r\n", "400 Bad Request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "400 Bad Request"),
        (
            b"GET / HTTP/1.1\r\nA: " + b"x" * 1_100_000,
            "431 Request Header Fields Too Large",
        ),
    ],
)
@on_each_loop
async def test_bad_requests(data: bytes, words: str) -> None:
    """Plain text without date or length, then FIN, and nobody was asked."""
    async with serving() as service, await Peer.connect(service.port) as peer:
        sending = asyncio.create_task(peer.send(data))
        assert await peer.rest() == (refusal(words), How.FIN)
        await sending
        assert service.said("asked") == []
        peer.half_close()
        assert await service.until("closed") == [("us", How.FIN)]


@pytest.mark.parametrize("start", [b"GET", b"GET / HTTP/1.1\r\nHost: x\r\n"])
@on_each_loop
async def test_a_head_that_ends_too_early(start: bytes) -> None:
    """As long as it may go on it is waited for; at its end it is refused (1.1)."""
    async with serving() as service, await Peer.connect(service.port) as peer:
        await peer.send(start)
        assert await peer.silent()
        peer.half_close()
        assert await peer.rest() == (refusal("400 Bad Request"), How.FIN)


@on_each_loop
async def test_nonsense_after_a_good_request() -> None:
    """The good one is answered first."""
    async with serving() as service, await Peer.connect(service.port) as peer:
        await peer.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n")
        assert await peer.answer() == (200, b"GET /a ")
        assert await peer.rest() == (refusal("400 Bad Request"), How.FIN)


@on_each_loop
async def test_a_broken_body_is_told_to_the_handler() -> None:
    """The handler sees `BadBody`, and its answer is the last."""

    async def careful(request: Request) -> AsyncGenerator[Any, None]:
        try:
            await request.body.read()
        except BadBody as bad:
            async for act in whole(str(bad).encode(), 400):
                yield act

    async with serving(careful) as service, await Peer.connect(service.port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        data, how = await peer.rest()
        assert data.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert data.endswith(b"invalid byte in chunk length")
        assert how is How.FIN


@on_each_loop
async def test_a_broken_body_that_nobody_minds_ends_the_connection() -> None:
    """A handler that lets `BadBody` pass is no bug: the client left."""
    async with serving() as service, await Peer.connect(service.port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        peer.half_close()
        assert await peer.rest() == (b"", How.FIN)
        assert await service.until("finished") == [("left",)]


# --- clients that leave -------------------------------------------------------------------


async def until_gone(request: Request) -> AsyncGenerator[Any, None]:
    """An answer that goes on until the client leaves, and then says so."""
    yield Head(200, TEXT)
    yield Body(b"began ")
    await request.gone.wait()
    yield Body(f"left by {request.left}".encode())
    yield End()


@on_each_loop
async def test_a_half_close_is_told_and_the_answer_goes_on() -> None:
    """FIN fires `gone`; what the handler then says is still heard (6.7)."""
    async with serving(until_gone) as service, await Peer.connect(service.port) as peer:
        await peer.ask()
        assert (await peer.until(b"began \r\n")).endswith(b"6\r\nbegan \r\n")
        peer.half_close()
        assert await peer.rest() == (b"f\r\nleft by How.FIN\r\n0\r\n\r\n", How.FIN)
        assert service.said("finished") == [("complete",)]


@on_each_loop
async def test_requests_before_a_half_close_are_all_answered() -> None:
    """Three in a row, then FIN: three answers, then FIN."""
    async with serving() as service, await Peer.connect(service.port) as peer:
        await peer.send(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        peer.half_close()
        answers = [await peer.answer() for _ in range(3)]
        assert answers == [(200, b"GET /a ")] * 3
        assert await peer.rest() == (b"", How.FIN)
        assert await service.until("closed") == [("us", How.FIN)]


@on_each_loop
async def test_a_reset_cancels_the_answer() -> None:
    """RST ends what is being performed, at once; the handler's clean-up runs."""
    cleaned: list[How | None] = []

    async def endless(request: Request) -> AsyncGenerator[Any, None]:
        try:
            yield Head(200, TEXT)
            yield Body(b"began ")
            await asyncio.get_running_loop().create_future()
        finally:
            cleaned.append(request.left)

    async with serving(endless) as service, await Peer.connect(service.port) as peer:
        await peer.ask()
        await peer.until(b"began \r\n")
        peer.reset()
        assert await service.until("finished") == [("left",)]
        assert cleaned == [How.RST]
        assert await service.until("closed") == [("client", How.RST)]


@on_each_loop
async def test_holding_ends_when_the_client_leaves() -> None:
    """`Hold` is silence until FIN; then we end, too."""
    async with serving(always(Hold())) as service, await Peer.connect(service.port) as peer:
        await peer.ask()
        assert await peer.silent()
        peer.half_close()
        assert await peer.rest() == (b"", How.FIN)
        assert await service.until("finished") == [("left",)]


@on_each_loop
async def test_leaving_without_a_word() -> None:
    """A connection without a request: FIN is answered by FIN, RST is noted."""
    async with serving() as service:
        async with await Peer.connect(service.port) as peer:
            peer.half_close()
            assert await peer.rest() == (b"", How.FIN)
        other = await Peer.connect(service.port)
        await service.until("connected", 2)
        other.reset()
        assert await service.until("closed", 2) == [("us", How.FIN), ("client", How.RST)]
        assert service.said("asked") == []


@on_each_loop
async def test_abort_resets_at_once() -> None:
    """`Request.abort` is the control API's cancel: RST, whatever is being performed."""
    async with (
        serving(always(Head(200, TEXT), Body(b"began "), Hold())) as service,
        await Peer.connect(service.port) as peer,
    ):
        await peer.ask()
        await peer.until(b"began \r\n")
        service.answers[0].request.abort()
        assert await peer.rest() == (b"", How.RST)
        assert await service.until("finished") == [("cancelled",)]
        assert await service.until("closed") == [("us", How.RST)]


# --- how we end ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 5, 300_000])
@on_each_loop
async def test_rst_is_rst_after_the_data(size: int) -> None:
    """All that was said arrives, then the peer's read fails: never a clean end."""
    for _ in range(5):
        acts = (Head(200, TEXT, framing=Framing.CHUNKED), Body(b"\0" * size), Hangup(How.RST))
        async with serving(always(*acts)) as service, await Peer.connect(service.port) as peer:
            await peer.ask()
            data, how = await peer.rest()
            assert data.count(b"\0") == size
            assert how is How.RST
            assert service.said("finished") == [("rst",)]
            assert await service.until("closed") == [("us", How.RST)]


@on_each_loop
async def test_rst_before_any_byte() -> None:
    """The request was read, and its answer is a reset."""
    async with (
        serving(always(Tick(), Hangup(How.RST))) as service,
        await Peer.connect(service.port) as peer,
    ):
        await peer.ask()
        assert await peer.rest() == (b"", How.RST)
        assert service.answers[0].performer.status is None


@pytest.mark.parametrize("unread", [0, 1000, 200_000])
@on_each_loop
async def test_fin_is_fin_even_with_unread_bytes(unread: int) -> None:
    """Closing a socket with unread bytes would send RST and lose data: ours never does."""
    acts = (Head(200, TEXT, framing=Framing.CHUNKED), Body(b"partial"), Hangup(How.FIN))
    async with serving(always(*acts)) as service, await Peer.connect(service.port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n")
        sending = asyncio.create_task(peer.send(b"z" * unread))
        lines = (PLAIN, DATED, "Connection: close", "Transfer-Encoding: chunked")
        assert await peer.rest() == (head("200 OK", *lines) + b"7\r\npartial\r\n", How.FIN)
        await sending
        # It goes on reading until the peer has closed, too: even now no reset comes.
        await peer.send(b"more")
        assert await peer.rest() == (b"", How.FIN)
        assert service.said("closed") == []
        peer.half_close()
        assert await service.until("closed") == [("us", How.FIN)]


@on_each_loop
async def test_fin_does_not_wait_for_ever() -> None:
    """A peer that never closes its side is left after the limit; meanwhile no task blocks."""
    import ollama_simulator.net.connection as module

    before = module.LINGER_S
    module.LINGER_S = 0.05
    try:
        async with (
            serving(always(Hangup(How.FIN))) as service,
            await Peer.connect(service.port) as peer,
        ):
            await peer.ask()
            assert await peer.rest() == (b"", How.FIN)
            assert await service.until("closed") == [("us", How.FIN)]
    finally:
        module.LINGER_S = before


@on_each_loop
async def test_a_bug_in_a_handler_is_a_reset_and_is_told() -> None:
    """The others on the port go on."""

    async def broken(request: Request) -> AsyncGenerator[Any, None]:
        if request.target == "/":
            yield Head(200, TEXT)
            yield Body(b"began ")
            raise ZeroDivisionError("a bug")
        async for act in echo(request):
            yield act

    async with serving(broken, errors=1) as service:
        async with await Peer.connect(service.port) as peer:
            await peer.ask()
            data, how = await peer.rest()
            assert data.endswith(b"6\r\nbegan \r\n")
            assert how is How.RST
        async with await Peer.connect(service.port) as other:
            await other.ask("/next")
            assert await other.answer() == (200, b"GET /next ")
        assert service.said("finished") == [("error",), ("complete",)]
        assert isinstance(service.errors[0], ZeroDivisionError)


# --- back-pressure ------------------------------------------------------------------------


async def still(measure: Callable[[], int]) -> int:
    """What a number is when it has stopped growing."""
    last = -1
    async with asyncio.timeout(10):
        while (now := measure()) != last:
            last = now
            await asyncio.sleep(0.1)
    return last


@on_each_loop
async def test_a_client_that_does_not_read_holds_up_its_answer() -> None:
    """An endless answer stops when the kernel's buffers are full, and goes on when they aren't."""
    pulled = 0

    async def endless(request: Request) -> AsyncGenerator[Any, None]:
        nonlocal pulled
        yield Head(200, TEXT)
        while True:
            pulled += 1
            yield Body(b"x" * 65_536)

    async with serving(endless) as service, await Peer.connect(service.port, rcvbuf=65_536) as peer:
        await peer.ask()
        held = await still(lambda: pulled)
        assert held * 65_536 < 16_000_000
        performer = service.answers[0].performer
        # What was pulled is in the kernel, but for the one piece that waits.
        assert performer.body_bytes == (held - 1) * 65_536
        read = 0
        while read < 4_000_000:
            read += len(await peer.receive())
        assert await still(lambda: pulled) > held
        peer.reset()
        assert await service.until("finished") == [("left",)]


@on_each_loop
async def test_a_handler_that_does_not_read_holds_up_its_client() -> None:
    """A request's body stops in the kernel when nobody takes it."""

    async with serving(always(Hold())) as service, await Peer.connect(service.port) as peer:
        await peer.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n")
        await service.until("asked")
        sent = 0

        async def pour() -> None:
            nonlocal sent
            while True:
                await asyncio.get_running_loop().sock_sendall(peer.sock, b"z" * 65_536)
                sent += 65_536

        pouring = asyncio.create_task(pour())
        taken = await still(lambda: sent)
        assert taken < 20_000_000
        assert service.answers[0].request.body.full
        pouring.cancel()
        await asyncio.wait([pouring])
        peer.reset()
        # Nobody reads, so nobody knows, until somebody does.
        service.answers[0].request.abort()
        assert await service.until("finished") == [("cancelled",)]


@on_each_loop
async def test_a_client_that_asks_on_and_on_is_reset() -> None:
    """Requests pile up behind one that is not answered to a number, then the client is reset."""
    async with serving(always(Hold())) as service, await Peer.connect(service.port) as peer:
        one = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        with contextlib.suppress(ConnectionError):
            await peer.send(one * (2 * MOST_PIPELINED))
        assert await service.until("finished") == [("cancelled",)]
        assert len(service.answers) == 1


@pytest.mark.parametrize(
    "one",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX: %b\r\n\r\n" % (b"x" * 1_000_000),
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000,
    ],
    ids=["heads", "bodies"],
)
@on_each_loop
async def test_a_client_that_asks_much_on_and_on_is_reset(one: bytes) -> None:
    """Few requests pile up if they are large; what is read in time may be as much as it likes."""

    def handler(request: Request) -> Reply:
        return say(Hold()) if request.target == "/hold" else whole(b"ok")

    times = 3 * MOST_AHEAD // (2 * len(one)) + 1
    async with serving(handler) as service, await Peer.connect(service.port) as peer:
        for _ in range(times):
            await peer.send(one)
            assert await peer.answer() == (200, b"ok")
        await peer.ask("/hold")
        with contextlib.suppress(ConnectionError):
            for _ in range(times):
                await peer.send(one)
        assert (await service.until("finished", times + 1))[-1] == ("cancelled",)
        assert len(service.answers) == times + 1


@on_each_loop
async def test_a_client_that_leaves_behind_pipelined_requests_is_noticed() -> None:
    """However much it sent behind the request that is being answered."""
    async with serving(always(Hold())) as service:
        async with await Peer.connect(service.port) as peer:
            await peer.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
            await service.until("connected")
            peer.reset()
        assert await service.until("finished") == [("left",)]
