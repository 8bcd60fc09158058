"""Every behaviour on every endpoint in every mode, as a client sees it on the socket.

What each fault does, in a streamed answer and in a whole one:

    FailMidStream         RST after exactly N token pieces; whole: RST when N tokens would be
                          out, no byte sent
    AbruptClose           FIN without terminator after exactly N body bytes, head and chunk
                          framing not counted; whole: head, N body bytes, FIN
    TimeoutAfterHeaders   the success head at once (chunked), silence for `timeout_ms`, FIN
    Hang                  the request is read, nothing ever comes
    HttpError             status and the error document of the dialect asked
    ModelNotFound         404 and the error document of the dialect asked
    Custom                after `delay_ms`, status, content type and body as given
    ConnectionRefused     the kernel refuses

A shorter answer is cut before its terminator or last byte: no fault lets an answer complete. An
answer without tokens (a model list, a version) counts as one piece.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.acceptance.cells import (
    CELLS,
    CHAT,
    COMPLETIONS,
    DEFAULT_TOKENS,
    MESSAGES_STREAM,
    PLAIN,
    STREAMING,
    WHOLE,
    Cell,
    counted_tokens,
    error_message,
    name_of,
    pieces,
    whole_text,
)
from tests.acceptance.program import Fleet
from tests.acceptance.rawhttp import Answer, Ended, request

FAST = 400.0  # tokens a second
EVERY = pytest.mark.parametrize("cell", CELLS, ids=name_of)
STREAMED = pytest.mark.parametrize("cell", STREAMING, ids=name_of)
IN_ONE = pytest.mark.parametrize("cell", WHOLE, ids=name_of)
GENERATED = pytest.mark.parametrize("cell", [*STREAMING, *WHOLE], ids=name_of)
TOKENLESS = pytest.mark.parametrize("cell", PLAIN, ids=name_of)
NOT_STREAMED = pytest.mark.parametrize("cell", [*PLAIN, *WHOLE], ids=name_of)


def short(cell: Cell) -> Cell:
    """Ask for a few tokens where tokens are generated."""
    return cell.limited(5) if cell.tokens else cell


def assert_cut(cell: Cell, answer: Answer, how: Ended) -> None:
    """Check that an answer was cut in this manner, so that no client can take it as complete."""
    assert answer.ended is how, answer
    assert not answer.done, answer
    assert not answer.terminated, answer
    if cell.method == "HEAD":
        assert answer.head == b"", f"a HEAD is complete with its blank line: {answer!r}"


def assert_whole_pieces(answer: Answer) -> None:
    """Check that a streamed answer was cut between two pieces and not inside one."""
    assert all(chunk.whole for chunk in answer.chunks), answer
    assert answer.body == b"" or answer.body.endswith(b"\n"), answer


# --- Normal and Slow: complete answers -----------------------------------------------------


@EVERY
def test_normal(fleet: Fleet, cell: Cell) -> None:
    """Normal answers completely, with `num_tokens` tokens unless the request has a limit."""
    fleet.behave(fleet.port, "Normal", tokens_per_sec=FAST, num_tokens=6)
    answer = fleet.ask(cell)
    assert (answer.ended, answer.status) == (Ended.COMPLETE, 200), answer
    assert answer.header("Content-Type") == cell.media
    assert answer.framing in ("chunked", "length"), answer
    if cell.method == "HEAD":
        assert answer.body == b""
    else:
        assert answer.body
    if cell.stream:
        assert len(pieces(cell, answer)) == cell.expected(6)
    elif cell.tokens:
        assert counted_tokens(cell, answer) == cell.expected(6)
        assert whole_text(cell, answer)


@GENERATED
def test_normal_obeys_the_limit_of_the_request(fleet: Fleet, cell: Cell) -> None:
    """A request's own limit replaces `num_tokens`, be it lower or higher."""
    fleet.behave(fleet.port, "Normal", tokens_per_sec=FAST, num_tokens=6)
    for limit in (2, 11):
        answer = fleet.ask(cell.limited(limit))
        assert answer.ended is Ended.COMPLETE, answer
        if cell.stream:
            assert len(pieces(cell, answer)) == limit
        else:
            assert counted_tokens(cell, answer) == limit


@GENERATED
def test_normal_default_number_of_tokens(fleet: Fleet, cell: Cell) -> None:
    """Without `num_tokens` an answer has 20 tokens."""
    fleet.behave(fleet.port, "Normal", tokens_per_sec=FAST)
    answer = fleet.ask(cell)
    if cell.stream:
        assert len(pieces(cell, answer)) == DEFAULT_TOKENS
    else:
        assert counted_tokens(cell, answer) == DEFAULT_TOKENS


@EVERY
def test_slow_is_complete(fleet: Fleet, cell: Cell) -> None:
    """Slow answers completely, with `num_tokens` tokens."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=100.0, num_tokens=4)
    answer = fleet.ask(cell.limited(4) if cell.limit else cell)
    assert (answer.ended, answer.status) == (Ended.COMPLETE, 200), answer
    assert answer.header("Content-Type") == cell.media
    if cell.stream:
        assert len(pieces(cell, answer)) == 4
    elif cell.tokens:
        assert counted_tokens(cell, answer) == 4


@STREAMED
def test_slow_pace_of_a_stream(fleet: Fleet, cell: Cell) -> None:
    """The tokens of a slow stream come one by one at its rate, not in a burst."""
    rate, tokens = 25.0, 8
    fleet.behave(fleet.port, "Slow", tokens_per_sec=rate, num_tokens=tokens)
    answer = fleet.ask(cell.limited(tokens))
    assert answer.ended is Ended.COMPLETE, answer
    spread = answer.last_at - answer.first_at
    ideal = (tokens - 1) / rate
    assert 0.8 * ideal < spread < 2.0 * ideal, (spread, ideal)
    assert len(answer.reads) >= tokens / 2, "the tokens came in a burst"


@IN_ONE
def test_slow_pace_of_a_whole_answer(fleet: Fleet, cell: Cell) -> None:
    """A slow whole answer comes when its last token is due, and nothing before it."""
    rate, tokens = 25.0, 8
    fleet.behave(fleet.port, "Slow", tokens_per_sec=rate, num_tokens=tokens)
    answer = fleet.ask(cell.limited(tokens))
    assert answer.ended is Ended.COMPLETE, answer
    ideal = (tokens - 1) / rate
    assert 0.8 * ideal < answer.first_at - answer.sent_at < 2.0 * ideal + 0.2


def test_rates_are_in_proportion(fleet: Fleet) -> None:
    """A stream at a quarter of the rate takes about four times as long."""
    spread = {}
    for rate in (80.0, 20.0):
        fleet.behave(fleet.port, "Normal", tokens_per_sec=rate, num_tokens=17)
        answer = fleet.ask(CHAT)
        spread[rate] = answer.last_at - answer.first_at
    assert 2.8 < spread[20.0] / spread[80.0] < 5.6, spread


@GENERATED
def test_load_delay_comes_before_the_first_byte(fleet: Fleet, cell: Cell) -> None:
    """`load_delay_ms` delays the answer of a model which is not loaded: no byte before."""
    fleet.behave(fleet.port, "Normal", tokens_per_sec=FAST, num_tokens=2, load_delay_ms=250)
    answer = fleet.ask(cell.limited(2))
    assert answer.ended is Ended.COMPLETE, answer
    assert 0.2 < answer.first_at - answer.sent_at < 2.0


# --- Hang ----------------------------------------------------------------------------------


@EVERY
def test_hang(fleet: Fleet, cell: Cell) -> None:
    """Hang says nothing and leaves the connection open."""
    fleet.behave(fleet.port, "Hang")
    answer = fleet.ask(cell, silence=0.3)
    assert answer.ended is Ended.SILENT, answer
    assert answer.raw == b""


def test_hang_of_all_at_once(fleet: Fleet) -> None:
    """All endpoints hang side by side for seconds: none answers, none is closed."""
    fleet.behave(fleet.port, "Hang")
    with ThreadPoolExecutor(len(CELLS)) as pool:
        answers = list(pool.map(lambda cell: fleet.ask(cell, silence=3.0), CELLS))
    seen = {cell.name: answer for cell, answer in zip(CELLS, answers, strict=True)}
    assert {n: a for n, a in seen.items() if a.ended is not Ended.SILENT or a.raw} == {}


def test_hang_survives_healing(fleet: Fleet) -> None:
    """A request that hangs goes on hanging when the server is healed."""
    fleet.behave(fleet.port, "Hang")
    connection = fleet.open(CHAT)
    fleet.await_active(fleet.port, 1)
    fleet.behave(fleet.port, "Normal", tokens_per_sec=FAST)
    assert fleet.ask(CHAT).ended is Ended.COMPLETE
    assert connection.read(silence=0.4).ended is Ended.SILENT


# --- FailMidStream -------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [1, 3])
@STREAMED
def test_fail_mid_stream_streaming(fleet: Fleet, cell: Cell, tokens: int) -> None:
    """A stream is reset after exactly N pieces, all of which arrive whole."""
    fleet.behave(fleet.port, "FailMidStream", tokens_before_fail=tokens, tokens_per_sec=FAST / 2)
    answer = fleet.ask(cell)
    assert_cut(cell, answer, Ended.RESET)
    assert answer.status == 200
    assert answer.header("Content-Type") == cell.media
    assert answer.framing == "chunked"
    assert len(pieces(cell, answer)) == tokens, answer.text
    assert_whole_pieces(answer)


@IN_ONE
def test_fail_mid_stream_whole(fleet: Fleet, cell: Cell) -> None:
    """A whole answer is reset before any byte of it, when N tokens would be out."""
    rate, tokens = 50.0, 9
    fleet.behave(fleet.port, "FailMidStream", tokens_before_fail=tokens, tokens_per_sec=rate)
    answer = fleet.ask(cell)
    assert_cut(cell, answer, Ended.RESET)
    assert answer.raw == b""
    ideal = (tokens - 1) / rate
    assert 0.8 * ideal < answer.ended_at - answer.sent_at < 2.0 * ideal + 0.3


@EVERY
def test_fail_mid_stream_before_anything(fleet: Fleet, cell: Cell) -> None:
    """With N = 0 no piece of any answer gets out."""
    fleet.behave(fleet.port, "FailMidStream", tokens_before_fail=0, tokens_per_sec=FAST)
    answer = fleet.ask(cell)
    assert_cut(cell, answer, Ended.RESET)
    assert answer.body == b"", answer


@TOKENLESS
def test_fail_mid_stream_without_tokens(fleet: Fleet, cell: Cell) -> None:
    """An answer without tokens is one piece, and is cut as well however great N is."""
    for tokens in (1, 5):
        fleet.behave(fleet.port, "FailMidStream", tokens_before_fail=tokens, tokens_per_sec=FAST)
        assert_cut(cell, fleet.ask(cell), Ended.RESET)


@GENERATED
def test_fail_mid_stream_of_a_shorter_answer(fleet: Fleet, cell: Cell) -> None:
    """An answer with fewer than N tokens is reset before its end all the same."""
    fleet.behave(fleet.port, "FailMidStream", tokens_before_fail=9, tokens_per_sec=FAST)
    answer = fleet.ask(cell.limited(2))
    assert_cut(cell, answer, Ended.RESET)
    if cell.stream:
        assert len(pieces(cell, answer)) == 2, answer.text
        assert_whole_pieces(answer)


# --- AbruptClose ---------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 300])
@STREAMED
def test_abrupt_close_streaming(fleet: Fleet, cell: Cell, count: int) -> None:
    """A stream is closed with a FIN after exactly N body bytes, without a terminator."""
    fleet.behave(fleet.port, "AbruptClose", bytes_before_close=count)
    answer = fleet.ask(short(cell))
    assert_cut(cell, answer, Ended.EOF)
    assert answer.status == 200
    assert answer.header("Content-Type") == cell.media
    assert answer.framing == "chunked"
    assert len(answer.body) == count, answer


@pytest.mark.parametrize("count", [0, 1, 15])
@NOT_STREAMED
def test_abrupt_close_whole(fleet: Fleet, cell: Cell, count: int) -> None:
    """A whole answer has its usual head and N bytes of its body, then a FIN."""
    full = fleet.ask(short(cell))
    fleet.behave(fleet.port, "AbruptClose", bytes_before_close=count)
    answer = fleet.ask(short(cell))
    assert_cut(cell, answer, Ended.EOF)
    if cell.method == "HEAD":
        return
    assert answer.status == 200, answer
    assert [name for name, _ in answer.headers] == [name for name, _ in full.headers]
    most = len(full.body) - 1 if answer.framing == "length" else count
    assert len(answer.body) == min(count, most), answer
    assert full.body.startswith(answer.body[:6])


@EVERY
def test_abrupt_close_of_a_shorter_answer(fleet: Fleet, cell: Cell) -> None:
    """An answer shorter than N lacks its terminator, or its last byte when it has a length."""
    fleet.behave(fleet.port, "AbruptClose", bytes_before_close=1_000_000)
    answer = fleet.ask(short(cell))
    assert_cut(cell, answer, Ended.EOF)
    if cell.method == "HEAD":
        return
    if answer.framing == "length":
        assert len(answer.body) == int(answer.header("Content-Length") or 0) - 1, answer
    elif cell.stream:
        assert len(pieces(cell, answer)) == 5, answer
    else:
        assert answer.body, answer


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_abrupt_close_at_the_edge_of_a_length(fleet: Fleet, over: int) -> None:
    """N just below, at and just above the length: the last byte never comes."""
    root = PLAIN[0]
    fleet.behave(fleet.port, "AbruptClose", bytes_before_close=17 + over)
    answer = fleet.ask(root)
    assert_cut(root, answer, Ended.EOF)
    assert answer.body == b"Ollama is running"[:16]
    assert answer.header("Content-Length") == "17"


@STREAMED
def test_abrupt_close_of_a_stream_before_its_body(fleet: Fleet, cell: Cell) -> None:
    """With N = 0 a stream ends with a FIN and not one body byte."""
    fleet.behave(fleet.port, "AbruptClose", bytes_before_close=0)
    answer = fleet.ask(short(cell))
    assert_cut(cell, answer, Ended.EOF)
    assert answer.body == b""


# --- TimeoutAfterHeaders -------------------------------------------------------------------


@EVERY
def test_timeout_after_headers(fleet: Fleet, cell: Cell) -> None:
    """The head of the success comes at once, then silence for `timeout_ms`, then a FIN."""
    timeout = 0.3
    full = fleet.ask(short(cell))
    fleet.behave(fleet.port, "TimeoutAfterHeaders", timeout_ms=int(timeout * 1000))
    connection = fleet.open(cell)
    answer = connection.read(silence=3.0)
    assert answer.raw.startswith(b"HTTP/1.1 200 OK\r\n"), answer
    assert answer.first_at - answer.sent_at < 0.25, "the head did not come at once"
    assert answer.header("Content-Type") == cell.media, answer
    assert answer.body == b""
    if cell.method == "HEAD":
        # A head is all that a HEAD asks for: the silence is on the connection.
        assert answer.ended in (Ended.COMPLETE, Ended.EOF), answer
        if answer.ended is Ended.COMPLETE:
            assert connection.fate(silence=3.0) is Ended.EOF
        ended_at = time.monotonic()
    else:
        assert_cut(cell, answer, Ended.EOF)
        assert answer.framing == "chunked", answer
        names = [name for name, _ in full.headers]
        expected = ["Transfer-Encoding" if n == "Content-Length" else n for n in names]
        assert [name for name, _ in answer.headers] == expected
        assert answer.raw == answer.head, "bytes after the head"
        ended_at = answer.ended_at
    assert 0.9 * timeout < ended_at - answer.last_at < timeout + 1.0


@GENERATED
def test_timeout_after_headers_does_not_wait_for_the_engine(fleet: Fleet, cell: Cell) -> None:
    """The head comes at once although the server is busy with another request."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=10.0, num_tokens=100)
    busy = fleet.open(CHAT)
    busy.read(stop=lambda answer: bool(answer.chunks))
    fleet.behave(fleet.port, "TimeoutAfterHeaders", timeout_ms=60_000)
    connection = fleet.open(cell)
    answer = connection.read(silence=1.0, stop=lambda answer: bool(answer.head))
    assert (answer.ended, answer.status) == (Ended.STOPPED, 200), answer
    assert answer.header("Content-Type") == cell.media


# --- HttpError and ModelNotFound -----------------------------------------------------------


@EVERY
def test_http_error(fleet: Fleet, cell: Cell) -> None:
    """The status as given, and the message in the error document of the dialect."""
    message = 'out of "luck", <sorry>'
    fleet.behave(fleet.port, "HttpError", status_code=503, message=message)
    answer = fleet.ask(cell)
    assert (answer.ended, answer.status) == (Ended.COMPLETE, 503), answer
    assert (answer.header("Content-Type") or "").startswith("application/json"), answer
    if cell.method == "HEAD":
        assert answer.body == b""
    else:
        assert error_message(cell, answer) == message


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418, 429, 500, 502, 529, 599])
@pytest.mark.parametrize("cell", [CHAT, COMPLETIONS, MESSAGES_STREAM], ids=name_of)
def test_http_error_of_each_status(fleet: Fleet, cell: Cell, status: int) -> None:
    """Every status has the error type which its dialect gives to it."""
    fleet.behave(fleet.port, "HttpError", status_code=status, message="no")
    answer = fleet.ask(cell)
    assert (answer.ended, answer.status) == (Ended.COMPLETE, status), answer
    assert error_message(cell, answer) == "no"


@EVERY
def test_http_error_comes_at_once_and_keeps_the_connection(fleet: Fleet, cell: Cell) -> None:
    """The error needs no slot, and the connection serves the next request."""
    fleet.behave(fleet.port, "Slow", tokens_per_sec=10.0, num_tokens=100)
    busy = fleet.open(CHAT)
    busy.read(stop=lambda answer: bool(answer.chunks))
    fleet.behave(fleet.port, "HttpError", status_code=500, message="no")
    connection = fleet.connect()
    for _ in range(2):
        connection.ask(cell.method, cell.path, cell.body)
        answer = connection.read(silence=2.0)
        assert (answer.ended, answer.status) == (Ended.COMPLETE, 500), answer


@EVERY
def test_model_not_found(fleet: Fleet, cell: Cell) -> None:
    """A 404 which names the model of the behaviour, in the document of the dialect."""
    fleet.behave(fleet.port, "ModelNotFound", model_name="lost:7b")
    answer = fleet.ask(cell)
    assert (answer.ended, answer.status) == (Ended.COMPLETE, 404), answer
    assert (answer.header("Content-Type") or "").startswith("application/json"), answer
    if cell.method == "HEAD":
        assert answer.body == b""
        return
    message = error_message(cell, answer)
    assert message.startswith(("model 'lost:7b' not found", 'model "lost:7b" not found'))


# --- Custom --------------------------------------------------------------------------------


@EVERY
def test_custom(fleet: Fleet, cell: Cell) -> None:
    """After the delay: status, content type and body, all as given."""
    body = 'a;b\n"zażółć gęślą";<2>\n'
    fleet.behave(
        fleet.port,
        "Custom",
        response_body=body,
        status_code=207,
        content_type="text/csv; header=present",
        delay_ms=120,
    )
    answer = fleet.ask(cell)
    assert (answer.ended, answer.status) == (Ended.COMPLETE, 207), answer
    assert answer.header("Content-Type") == "text/csv; header=present"
    assert answer.body == (b"" if cell.method == "HEAD" else body.encode())
    assert 0.1 < answer.first_at - answer.sent_at < 1.5


def test_custom_with_nothing(fleet: Fleet) -> None:
    """An empty body without delay is complete at once."""
    fleet.behave(
        fleet.port,
        "Custom",
        response_body="",
        status_code=202,
        content_type="text/plain",
        delay_ms=0,
    )
    answer = fleet.ask(CHAT)
    assert (answer.ended, answer.status, answer.body) == (Ended.COMPLETE, 202, b""), answer


# --- ConnectionRefused ---------------------------------------------------------------------


@EVERY
def test_connection_refused(fleet: Fleet, cell: Cell) -> None:
    """The kernel refuses the connection; the neighbour is not concerned; healing heals."""
    fleet.behave(fleet.port, "ConnectionRefused")
    assert fleet.ask(cell).ended is Ended.REFUSED
    assert fleet.ask(PLAIN[0], fleet.ports[1]).status == 200
    fleet.behave(fleet.port, "Normal", tokens_per_sec=FAST, num_tokens=2)
    assert fleet.ask(cell).ended is Ended.COMPLETE


# --- what holds for all --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields", "how"),
    [
        ("AbruptClose", {"bytes_before_close": 5}, Ended.EOF),
        ("TimeoutAfterHeaders", {"timeout_ms": 50}, Ended.EOF),
        ("FailMidStream", {"tokens_before_fail": 2, "tokens_per_sec": FAST}, Ended.RESET),
    ],
)
@pytest.mark.parametrize("cell", [PLAIN[2], STREAMING[0], WHOLE[0]], ids=name_of)
def test_a_cut_does_not_depend_on_what_the_client_still_says(
    fleet: Fleet, cell: Cell, kind: str, fields: dict[str, object], how: Ended
) -> None:
    """A FIN stays a FIN though the client's next requests lie unread (TCP would make it a RST)."""
    fleet.behave(fleet.port, kind, **fields)
    connection = fleet.connect()
    data = request(cell.method, cell.path, cell.body, port=fleet.port)
    connection.send(data * 3, *[cell.method] * 3)
    assert_cut(cell, connection.read(), how)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("Hang", {}),
        ("FailMidStream", {"tokens_before_fail": 2, "tokens_per_sec": FAST}),
        ("TimeoutAfterHeaders", {"timeout_ms": 50}),
        ("HttpError", {"status_code": 500, "message": "no"}),
        ("ModelNotFound", {"model_name": "x"}),
        ("AbruptClose", {"bytes_before_close": 10}),
        (
            "Custom",
            {"response_body": "", "status_code": 200, "content_type": "a/b", "delay_ms": 1},
        ),
    ],
)
def test_a_fault_leaves_nothing_behind(fleet: Fleet, kind: str, fields: dict[str, object]) -> None:
    """After the fault is gone the server is as before: every request counted, nobody stuck."""
    fleet.behave(fleet.port, kind, **fields)
    for cell in CELLS:
        # All others end by themselves; who left one of them too early would not be noticed.
        fleet.ask(cell, silence=0.05 if kind == "Hang" else 15.0)
    fleet.await_active(fleet.port, 0)
    fleet.behave(fleet.port, "Normal", tokens_per_sec=FAST, num_tokens=3)
    for cell in CELLS:
        assert fleet.ask(cell).ended is Ended.COMPLETE
    assert fleet.status(fleet.port)["request_count"] == 2 * len(CELLS)
