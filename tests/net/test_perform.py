"""Acts to bytes, one write after another, into a sink that is no socket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ollama_simulator.acts import Body, End, Framing, Hangup, Head, Hold, How, Raw, Tick, Wait
from ollama_simulator.clock import VirtualClock
from ollama_simulator.net.perform import Ended, Performer, reason
from ollama_simulator.net.request import LARGEST_REMNANT, Request
from ollama_simulator.net.request import Body as RequestBody
from ollama_simulator.net.sink import Pen
from tests.engine.driving import virtual
from tests.net.peers import DATE, TEXT, head, say

PLAIN = "Content-Type: text/plain"
DATED = f"Date: {DATE}"


class Sink:
    """Keeps what is written, write by write."""

    pen: Pen | None = None

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    async def write(self, data: bytes) -> None:
        """Keep it."""
        if data:
            self.writes.append(data)

    def put(self, data: bytes) -> bytes | None:
        """Keep it."""
        self.writes.append(data)
        return None


class Played:
    """A reply that was performed."""

    def __init__(
        self,
        *acts: Any,
        method: str = "GET",
        version: str = "1.1",
        keep_alive: bool = True,
        body: RequestBody | None = None,
    ) -> None:
        self.sink = Sink()
        if body is None:
            body = RequestBody(None, lambda: None)
            body.end()
        self.request = Request(
            method,
            "/",
            version,
            [],
            body,
            keep_alive=keep_alive,
            connection=1,
            abort=lambda: None,
        )
        self.at = 0.0
        self.performer: Performer
        self._acts = acts

    def play(self, *, leaves: float | None = None, ends: float | None = None) -> Ended:
        """Perform it; the client leaves, or its body ends, after so many seconds."""

        async def main(clock: VirtualClock) -> Ended:
            if leaves is not None:
                asyncio.get_running_loop().call_later(leaves, self.request.gone.fire)
            if ends is not None:
                asyncio.get_running_loop().call_later(ends, self.request.body.end)
            self.performer = Performer(self.request, self.sink, clock)
            try:
                return await self.performer.run(say(*self._acts), self.request.gone)
            finally:
                self.at = clock.now()

        return virtual(main)

    @property
    def writes(self) -> list[bytes]:
        """What was written."""
        return self.sink.writes


WENT_ON = Ended(how=None, keep_alive=True)
CLOSED = Ended(how=None, keep_alive=False)


@pytest.mark.parametrize(
    ("last", "ended"), [(End(), CLOSED), (Hangup(How.FIN), Ended(How.FIN, keep_alive=False))]
)
def test_raw_bytes_are_all_of_an_answer(last: Any, ended: Ended) -> None:
    """Byte for byte, nothing added, and the connection ends."""
    played = Played(Raw(b"HTTP/1.1 200 OK\r\n"), Wait(1), Raw(b"\r\nhello"), Tick(), last)
    assert played.play() == ended
    assert played.writes == [b"HTTP/1.1 200 OK\r\n", b"\r\nhello"]
    assert (played.performer.status, played.performer.body_bytes) == (None, 0)


def test_raw_bytes_before_a_head() -> None:
    """They go out at once; the answer of ours behind them says that it is the last."""
    played = Played(Raw(b"HTTP/1.1 103 Early Hints\r\n\r\n"), Head(200, TEXT), End())
    assert played.play() == CLOSED
    last = head("200 OK", PLAIN, DATED, "Content-Length: 0", "Connection: close")
    assert played.writes == [b"HTTP/1.1 103 Early Hints\r\n\r\n", last]


def test_raw_bytes_behind_a_head() -> None:
    """What was held back stands before them; what comes behind is framed as before."""
    played = Played(
        *(Head(200, TEXT), Body(b"a", flush=False), Raw(b"1;x=y\r\nb\r\n"), Body(b"c"), End())
    )
    assert played.play() == CLOSED
    written = b"".join(played.writes)
    assert written.endswith(b"\r\n\r\n1\r\na\r\n1;x=y\r\nb\r\n1\r\nc\r\n0\r\n\r\n")
    alone = Played(Head(200, TEXT), Raw(b"!"), Hangup(How.RST))
    assert alone.play() == Ended(How.RST, keep_alive=False)
    lines = (PLAIN, DATED, "Connection: close", "Transfer-Encoding: chunked")
    assert alone.writes == [head("200 OK", *lines), b"!"]


@pytest.mark.parametrize("size", [0, 1, 2047, 2048])
def test_a_small_body_has_its_length(size: int) -> None:
    """Up to 2,048 bytes: one write, with `Content-Length` (1.7)."""
    played = Played(Head(200, TEXT), Body(b"x" * size, flush=False), End())
    assert played.play() == WENT_ON
    expected = head("200 OK", PLAIN, DATED, f"Content-Length: {size}") + b"x" * size
    assert played.writes == [expected]
    assert (played.performer.status, played.performer.body_bytes) == (200, size)


def test_a_larger_body_is_one_chunk() -> None:
    """2,049 bytes: chunked, in a single chunk, in one write (1.7)."""
    played = Played(Head(200, TEXT), Body(b"x" * 2049, flush=False), End())
    assert played.play() == WENT_ON
    chunked = head("200 OK", PLAIN, DATED, "Transfer-Encoding: chunked")
    assert played.writes == [chunked + b"801\r\n" + b"x" * 2049 + b"\r\n0\r\n\r\n"]
    assert played.performer.body_bytes == 2049


def test_each_flushed_body_is_one_chunk() -> None:
    """The head waits for the first; then every chunk is a write of its own, and so is the end."""
    played = Played(
        *(Tick(), Head(200, TEXT), Body(b"one\n")),
        *(Tick(), Body(b"three\n")),
        *(Tick(), End()),
    )
    assert played.play() == WENT_ON
    assert played.writes == [
        head("200 OK", PLAIN, DATED, "Transfer-Encoding: chunked") + b"4\r\none\n\r\n",
        b"6\r\nthree\n\r\n",
        b"0\r\n\r\n",
    ]
    assert (played.performer.ticks, played.performer.body_bytes) == (3, 10)


def test_what_is_held_goes_with_the_next_flush() -> None:
    """Unflushed bytes share the chunk of the flushed ones, and at the end their own."""
    played = Played(
        Head(200, TEXT),
        Body(b"a", flush=False),
        Body(b"b"),
        Body(b"c", flush=False),
        Body(b"d", flush=False),
        End(),
    )
    played.play()
    assert played.writes[0].endswith(b"\r\n\r\n2\r\nab\r\n")
    assert played.writes[1:] == [b"2\r\ncd\r\n0\r\n\r\n"]


def test_nothing_goes_out_before_the_first_flush() -> None:
    """A head alone, ticks and held bytes write nothing, and no status has been sent."""
    played = Played(Tick(), Head(200, TEXT), Body(b"x", flush=False), Tick(), Hangup(How.RST))
    assert played.play() == Ended(How.RST, keep_alive=False)
    assert played.writes == []
    assert (played.performer.status, played.performer.ticks) == (None, 2)
    assert played.performer.body_bytes == 0


def test_chunked_at_once() -> None:
    """`Framing.CHUNKED` sends the head before any byte of the body exists."""
    played = Played(Head(200, TEXT, framing=Framing.CHUNKED), Wait(9), Body(b"x"), End())
    played.play()
    assert played.writes == [
        head("200 OK", PLAIN, DATED, "Transfer-Encoding: chunked"),
        b"1\r\nx\r\n",
        b"0\r\n\r\n",
    ]


def test_chunked_without_a_body() -> None:
    """The head, then the terminator."""
    played = Played(Head(200, TEXT, framing=Framing.CHUNKED), End())
    played.play()
    assert b"".join(played.writes).endswith(b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("sent", [0, 3, 9])
def test_a_declared_length_is_sent_as_it_is(sent: int) -> None:
    """The head goes at once; what is really sent may be less."""
    played = Played(Head(200, TEXT, length=9), Body(b"y" * sent), Hangup(How.FIN))
    assert played.play() == Ended(How.FIN, keep_alive=False)
    declared = head("200 OK", PLAIN, DATED, "Content-Length: 9")
    assert b"".join(played.writes) == declared + b"y" * sent
    assert played.writes[0] == declared


def test_the_end_of_the_connection_ends_a_body() -> None:
    """`Framing.CLOSE`: no header says how long it is, the head goes at once, and FIN follows."""
    played = Played(Head(200, TEXT, Framing.CLOSE), Wait(9), Body(b"x"), Body(b"y"), End())
    assert played.play() == CLOSED
    assert played.writes == [head("200 OK", PLAIN, DATED, "Connection: close"), b"x", b"y"]


@pytest.mark.parametrize(
    ("framing", "last"),
    [
        (Framing.CHUNKED, ["Transfer-Encoding: chunked"]),
        (Framing.CLOSE, ["Connection: close"]),
    ],
)
def test_a_framing_wins_over_a_length_among_the_headers(framing: Framing, last: list[str]) -> None:
    """A client is never told of two framings."""
    headers = (("Content-Length", "5"), *TEXT)
    played = Played(Head(200, headers, framing), End())
    played.play()
    assert played.writes[0] == head("200 OK", PLAIN, DATED, *last)


def test_a_declared_length_takes_the_place_of_one_among_the_headers() -> None:
    """Its place stays, and so does the order of all others."""
    headers = (("content-length", "5"), ("date", "today"), *TEXT)
    played = Played(Head(200, headers, length=7), Body(b"1234567"), End())
    assert played.play() == WENT_ON
    assert b"".join(played.writes) == (
        head("200 OK", "content-length: 7", "date: today", PLAIN) + b"1234567"
    )


def test_a_reason_of_its_own() -> None:
    """As another server said it, or none at all."""
    for phrase in ("Fine", ""):
        played = Played(Head(200, TEXT, reason=phrase), Body(b"x", flush=False), End())
        played.play()
        assert played.writes[0].startswith(f"HTTP/1.1 200 {phrase}\r\n".encode())


def test_a_head_that_never_ends() -> None:
    """`blank_line=False` leaves out the empty line."""
    played = Played(Head(200, TEXT, length=3, blank_line=False), Hangup(How.FIN))
    played.play()
    assert played.writes == [head("200 OK", PLAIN, DATED, "Content-Length: 3")[:-2]]


@pytest.mark.parametrize(
    ("size", "line"), [(0, None), (2048, "Content-Length: 2048"), (2049, None)]
)
def test_head_has_the_headers_and_no_body(size: int, line: str | None) -> None:
    """The answer to HEAD has the length that the body would have, if it would have a small one
    (1.7)."""
    acts = (Head(200, TEXT), Body(b"x" * size, flush=False), End())
    played = Played(*acts, method="HEAD")
    assert played.play() == WENT_ON
    assert played.writes == [head("200 OK", PLAIN, DATED, *([line] if line else []))]
    assert played.performer.body_bytes == 0


def test_a_stream_for_head_has_no_body() -> None:
    """Not even chunks or a terminator."""
    played = Played(Head(200, TEXT), Body(b"one"), Body(b"two"), End(), method="HEAD")
    assert played.play().how is None
    assert b"".join(played.writes).count(b"\r\n\r\n") == 1
    assert b"".join(played.writes).endswith(b"\r\n\r\n")


def test_chunked_for_head_has_no_chunk() -> None:
    """The head says how a body would come, and not even a terminator follows."""
    acts = (Head(200, TEXT, framing=Framing.CHUNKED), Body(b"one"), End())
    played = Played(*acts, method="HEAD")
    assert played.play() == WENT_ON
    assert played.writes == [head("200 OK", PLAIN, DATED, "Transfer-Encoding: chunked")]


def test_no_framing_for_head() -> None:
    """`Framing.NONE` says nothing of a length, and the connection goes on."""
    played = Played(Head(307, framing=Framing.NONE), Body(b"", flush=False), End(), method="HEAD")
    assert played.play() == WENT_ON
    assert played.writes == [head("307 Temporary Redirect", DATED)]


@pytest.mark.parametrize(("status", "words"), [(204, "204 No Content"), (304, "304 Not Modified")])
def test_statuses_without_a_body(status: int, words: str) -> None:
    """They have neither body nor framing, whatever is said; the connection goes on."""
    played = Played(Head(status, TEXT), Body(b"ignored", flush=False), End())
    assert played.play() == WENT_ON
    assert played.writes == [head(words, PLAIN, DATED)]
    assert played.performer.body_bytes == 0


def test_headers_stand_in_gos_order() -> None:
    """The handler's as given, then Date, Content-Length, Connection (1.1)."""
    given = (("Allow", "GET"), ("Vary", "Origin"))
    played = Played(Head(405, given), Body(b"no", flush=False), End(), keep_alive=False)
    assert played.play() == CLOSED
    assert played.writes == [
        head(
            "405 Method Not Allowed",
            *("Allow: GET", "Vary: Origin", DATED, "Content-Length: 2", "Connection: close"),
        )
        + b"no"
    ]


def test_connection_stands_before_transfer_encoding() -> None:
    """On a stream that ends its connection (1.1)."""
    played = Played(Head(200, TEXT), Body(b"x"), End(), keep_alive=False)
    assert played.play() == CLOSED
    lines = played.writes[0].split(b"\r\n")
    assert lines[1:5] == [
        PLAIN.encode(),
        DATED.encode(),
        b"Connection: close",
        b"Transfer-Encoding: chunked",
    ]


def test_given_headers_are_not_given_twice() -> None:
    """A handler's own `Date` stands; its `Connection` gives way when we close."""
    given = (("Connection", "keep-alive"), ("Date", "today"))
    played = Played(Head(200, given), End(), keep_alive=False)
    played.play()
    assert played.writes == [
        head("200 OK", "Date: today", "Content-Length: 0", "Connection: close")
    ]


def test_http_1_0_goes_on_when_it_has_a_length() -> None:
    """`Connection: keep-alive` is honoured and echoed (1.7)."""
    played = Played(Head(200, TEXT), Body(b"x", flush=False), End(), version="1.0")
    assert played.play() == WENT_ON
    lines = (PLAIN, DATED, "Content-Length: 1", "Connection: keep-alive")
    expected = head("200 OK", *lines).replace(b"HTTP/1.1", b"HTTP/1.0")
    assert played.writes == [expected + b"x"]


def test_http_1_0_goes_on_after_a_head() -> None:
    """The answer to HEAD has no body that would have to end, whatever its length."""
    acts = (Head(200, TEXT), Body(b"x" * 3000, flush=False), End())
    played = Played(*acts, version="1.0", method="HEAD")
    assert played.play() == WENT_ON
    expected = head("200 OK", PLAIN, DATED, "Connection: keep-alive").replace(b"/1.1", b"/1.0")
    assert played.writes == [expected]


@pytest.mark.parametrize("flush", [True, False])
def test_http_1_0_knows_no_chunks(flush: bool) -> None:
    """A stream or a large body is ended by the end of the connection (1.7)."""
    played = Played(Head(200, TEXT), Body(b"x" * 3000, flush=flush), End(), version="1.0")
    assert played.play() == CLOSED
    expected = head("200 OK", PLAIN, DATED).replace(b"/1.1", b"/1.0")
    assert b"".join(played.writes) == expected + b"x" * 3000


def remnant(size: int, *, end: bool = True) -> RequestBody:
    """A request's body of which so much was not read."""
    body = RequestBody(None, lambda: None)
    body.feed(b"x" * size)
    if end:
        body.end()
    return body


@pytest.mark.parametrize("size", [0, LARGEST_REMNANT])
@pytest.mark.parametrize("flush", [True, False])
def test_an_answer_waits_for_its_request(size: int, flush: bool) -> None:
    """What was not read of the body comes first, and the connection goes on (1.9)."""
    body = remnant(size, end=False)
    played = Played(Head(200, TEXT), Body(b"x", flush=flush), End(), body=body)
    assert played.play(ends=3.0) == WENT_ON
    assert played.at == 3.0
    assert b"Connection" not in played.writes[0]


def test_a_large_remnant_ends_the_connection() -> None:
    """Above 256 KiB the rest is not waited for, and the answer says so (1.1)."""
    body = remnant(LARGEST_REMNANT + 1, end=False)
    played = Played(Head(404, TEXT), Body(b"x", flush=False), End(), body=body)
    assert played.play() == CLOSED
    assert played.at == 0.0
    assert b"\r\nConnection: close\r\n" in played.writes[0]


def test_a_body_that_was_not_asked_for_ends_the_connection() -> None:
    """A client that waits for 100 Continue gets its answer at once, and no 100 (1.1)."""
    asked: list[str] = []
    body = RequestBody(lambda: asked.append("asked"), lambda: None)
    played = Played(Head(404, TEXT), Body(b"x", flush=False), End(), body=body)
    assert played.play() == CLOSED
    assert b"\r\nConnection: close\r\n" in played.writes[0]
    assert asked == []


def test_a_close_of_the_handler_stays_where_it_is() -> None:
    """Go's own 417 says it before the date, and the connection ends."""
    played = Played(Head(417, (("Connection", "close"),)), End())
    assert played.play() == CLOSED
    assert played.writes == [
        head("417 Expectation Failed", "Connection: close", DATED, "Content-Length: 0")
    ]


def test_what_every_answer_says_is_sorted_in() -> None:
    """Headers of the request's own, as those for browsers, stand by their names (1.1)."""
    played = Played(Head(200, (("Cache-Control", "no"), ("Content-Type", "a"))), End())
    played.request.reply_headers = (("Access", "b"), ("Cat", "c"), ("Vary", "2"), ("Vary", "1"))
    played.play()
    lines = ("Access: b", "Cache-Control: no", "Cat: c", "Content-Type: a", "Vary: 2", "Vary: 1")
    assert played.writes == [head("200 OK", *lines, DATED, "Content-Length: 0")]


@pytest.mark.parametrize(
    ("sizes", "chunks"),
    [
        ((1000, 1048), [2048]),
        ((523, 3200), [2048, 1675]),
        ((523, 1525, 1), [2048, 1]),
        ((3200, 523), [3200, 523]),
        ((1, 5000), [2048, 2953]),
        ((2048, 1), [2048, 1]),
        ((0, 2049), [2049]),
    ],
)
def test_what_was_written_before_a_flush_is_cut_as_by_gos_buffer(
    sizes: tuple[int, ...], chunks: list[int]
) -> None:
    """It holds 2,048 bytes; what is larger passes it by, if it is empty."""
    *early, last = (b"x" * size for size in sizes)
    played = Played(
        Head(200, TEXT), *(Body(data, flush=False) for data in early), Body(last), End()
    )
    played.play()
    body = b"".join(played.writes).partition(b"\r\n\r\n")[2]
    expected = b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in chunks)
    assert body == expected + b"0\r\n\r\n"


def test_header_values_are_latin_1() -> None:
    """A character beyond becomes a question mark and breaks nothing."""
    played = Played(Head(200, (("X", "a\u00e9\u20ac"),)), End())
    played.play()
    assert b"X: a\xe9?\r\n" in played.writes[0]


@pytest.mark.parametrize(
    ("status", "words"),
    [(200, "OK"), (404, "Not Found"), (499, "status code 499"), (999, "status code 999")],
)
def test_reason_phrases(status: int, words: str) -> None:
    """Go's words for a status that it does not know (6.7)."""
    assert reason(status) == words
    played = Played(Head(status), End())
    played.play()
    assert played.writes[0].startswith(f"HTTP/1.1 {status} {words}\r\n".encode())


def test_wait_takes_its_time() -> None:
    """And nothing is written meanwhile."""
    played = Played(Wait(2.5), Wait(0.5), Head(200), End())
    assert played.play() == WENT_ON
    assert played.at == 3.0


@pytest.mark.parametrize("act", [Wait(100.0), Hold()])
def test_a_client_that_leaves_ends_waiting(act: Wait | Hold) -> None:
    """Waiting and holding end when the client leaves, and the connection with them."""
    played = Played(act, Head(200), End())
    assert played.play(leaves=7.0) == Ended(How.FIN, keep_alive=False)
    assert played.at == 7.0
    assert played.writes == []


@pytest.mark.parametrize("how", list(How))
def test_hangup_ends_the_reply(how: How) -> None:
    """What follows is not performed."""
    played = Played(Head(200, TEXT), Body(b"x"), Hangup(how), Body(b"never"), End())
    assert played.play() == Ended(how, keep_alive=False)
    assert len(played.writes) == 1


def test_a_reply_must_end() -> None:
    """Without `End` or `Hangup` it is a bug, and says so."""
    played = Played(Head(200), Body(b"x"))
    with pytest.raises(AssertionError, match="ended without End or Hangup"):
        played.play()


def test_a_body_needs_a_head() -> None:
    """An act out of order is a bug."""
    with pytest.raises(AssertionError, match="a body before its head"):
        Played(Body(b"x"), End()).play()


def test_what_the_reply_raises_comes_out() -> None:
    """The performer hides nothing."""

    async def broken() -> Any:
        yield Head(200)
        raise ZeroDivisionError

    async def main(clock: VirtualClock) -> None:
        played = Played()
        await Performer(played.request, played.sink, clock).run(broken(), played.request.gone)

    with pytest.raises(ZeroDivisionError):
        virtual(main)
