"""The instrument itself, measured against a server whose every byte is known."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.acceptance.rawhttp import (
    HOST,
    Answer,
    Connection,
    Ended,
    NotHttp,
    Overdue,
    ask,
    in_chunks,
)

Script = Callable[[socket.socket], None]

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@contextmanager
def serving(script: Script) -> Iterator[int]:
    """Serve one connection with a script, and give the port."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(5.0)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(ConnectionError):
                connection.settimeout(5.0)
                script(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5.0)
        assert not thread.is_alive()


def says(*parts: bytes, gap: float = 0.0, then: Script | None = None) -> Script:
    """Make a script which reads one request, says these parts, and ends with `then`."""

    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        for part in parts:
            connection.sendall(part)
            time.sleep(gap)
        if then is not None:
            then(connection)

    return script


def reset(connection: socket.socket) -> None:
    """End with a RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def stay(connection: socket.socket) -> None:
    """Stay open until the client leaves."""
    connection.recv(1)


def test_complete_by_length() -> None:
    """A body of the promised length is complete, without waiting for a FIN."""
    with serving(says(PLAIN, then=stay)) as port:
        answer = ask(port, "GET", "/")
    assert (answer.ended, answer.status, answer.reason) == (Ended.COMPLETE, 200, "OK")
    assert answer.headers == [("Content-Type", "text/plain"), ("Content-Length", "5")]
    assert answer.raw == PLAIN
    assert answer.body == b"hello"


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_complete_in_chunks(size: int) -> None:
    """Chunks are decoded whatever the pieces in which they arrive."""
    stream = CHUNKED + in_chunks(b"abcdefgh", 3)
    parts = [stream[at : at + size] for at in range(0, len(stream), size)]
    with serving(says(*parts, gap=0.0005, then=stay)) as port:
        answer = ask(port, "GET", "/")
    assert answer.ended is Ended.COMPLETE
    assert [bytes(chunk.data) for chunk in answer.chunks] == [b"abc", b"def", b"gh"]
    assert answer.terminated
    assert answer.raw == stream


def test_eof_inside_a_chunk() -> None:
    """A FIN inside a chunk is EOF, and the bytes of the broken chunk count as body."""
    with serving(says(CHUNKED + b"5\r\nhello\r\n8\r\nabc")) as port:
        answer = ask(port, "GET", "/")
    assert answer.ended is Ended.EOF
    assert answer.body == b"helloabc"
    assert [chunk.whole for chunk in answer.chunks] == [True, False]
    assert not answer.terminated


def test_eof_before_the_terminator() -> None:
    """Whole chunks and a FIN are no complete answer."""
    with serving(says(CHUNKED + b"5\r\nhello\r\n")) as port:
        assert ask(port, "GET", "/").ended is Ended.EOF


def test_eof_inside_the_head() -> None:
    """A head without its blank line has no status."""
    with serving(says(b"HTTP/1.1 200 OK\r\nContent-")) as port:
        answer = ask(port, "HEAD", "/")
    assert (answer.ended, answer.head, answer.status) == (Ended.EOF, b"", 0)
    assert answer.raw == b"HTTP/1.1 200 OK\r\nContent-"


def test_reset_after_data() -> None:
    """A RST is told from a FIN, and the bytes before it are kept."""
    with serving(says(CHUNKED + b"5\r\nhello\r\n", gap=0.05, then=reset)) as port:
        answer = ask(port, "GET", "/")
    assert answer.ended is Ended.RESET
    assert answer.body == b"hello"


def test_silent_then_continued() -> None:
    """Silence is reported while the connection is open, and reading can go on after it."""
    with serving(says(PLAIN[:-3], PLAIN[-3:], gap=0.4)) as port, Connection(port) as connection:
        connection.ask("GET", "/")
        first = connection.read(silence=0.1)
        assert (first.ended, first.body) == (Ended.SILENT, b"he")
        assert connection.read(silence=2.0).ended is Ended.COMPLETE
        assert len(first.reads) == 2
        assert first.last_at - first.first_at > 0.2


def test_stopped_by_the_reader() -> None:
    """A reader can stop in the middle and go on later."""
    script = says(CHUNKED, b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\n\r\n", gap=0.02)
    with serving(script) as port, Connection(port) as connection:
        connection.ask("GET", "/")
        answer = connection.read(stop=lambda answer: bool(answer.chunks))
        assert answer.ended is Ended.STOPPED
        assert connection.read().body == b"ab"


def test_refused() -> None:
    """A port without a listener is refused."""
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    assert ask(port, "GET", "/").ended is Ended.REFUSED


def test_overdue() -> None:
    """An answer that neither ends nor falls silent is cut off by the limit."""
    drip = says(CHUNKED, *[b"1\r\nx\r\n"] * 20, gap=0.03)
    with serving(drip) as port, pytest.raises(Overdue, match=r"not ended after 0\.2 s"):
        ask(port, "GET", "/", silence=1.0, limit=0.2)


def test_two_answers_in_one_read() -> None:
    """Pipelined answers are told apart, and what follows them is the connection's fate."""
    with serving(says(PLAIN + CHUNKED + b"0\r\n\r\n")) as port, Connection(port) as connection:
        connection.send(b"GET / HTTP/1.1\r\n\r\n" * 2, "GET", "GET")
        assert connection.read().body == b"hello"
        assert connection.read().framing == "chunked"
        assert connection.fate() is Ended.EOF


def test_interim_head_and_close() -> None:
    """A 100 is set apart; HEAD has no body; a body without length ends with the connection."""
    with serving(says(b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN[:-5], then=stay)) as port:
        answer = ask(port, "HEAD", "/")
    assert (answer.ended, answer.interim, answer.status) == (Ended.COMPLETE, [100], 200)
    with serving(says(b"HTTP/1.0 200 OK\r\n\r\nall of it")) as port:
        answer = ask(port, "GET", "/")
    assert (answer.ended, answer.framing, answer.body) == (Ended.COMPLETE, "close", b"all of it")


@pytest.mark.parametrize(
    "data",
    [b"hello", b"HTTP/1.1 OK\r\n\r\n", CHUNKED + b"zz\r\n", CHUNKED + b"1\r\nab\r\n"],
)
def test_what_is_not_http(data: bytes) -> None:
    """Bytes which no answer may contain are an error of the server."""
    with pytest.raises(NotHttp):
        Answer().feed(data, 0.0)
