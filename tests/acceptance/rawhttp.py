"""A small HTTP/1.1 client over raw sockets which reports exactly how an answer ended.

Ordinary clients hide what these tests are about: whether a connection was refused, reset or
closed, whether a terminator came, and when each byte arrived. Rules of this file:

1. Only the standard library, only loopback, and every socket operation has a timeout.
2. Bytes are kept as they came: an `Answer` can be read as raw bytes, as chunks or as a body.
3. A partial answer is a result and not an error. `NotHttp` is raised only for bytes that no
   HTTP/1.1 answer may contain, `Overdue` for an answer that neither ends nor falls silent.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import Any, Self

HOST = "127.0.0.1"
CONNECT_TIMEOUT = 5.0
READ_SIZE = 65536

Body = bytes | str | Mapping[str, Any] | Sequence[Any] | None
Headers = Mapping[str, str]


class Ended(StrEnum):
    """How an answer, or a connection without one, came to its end."""

    COMPLETE = "complete"
    EOF = "eof"  # a FIN before the answer was complete
    RESET = "reset"
    SILENT = "silent"  # nothing for the given time, the connection still open
    REFUSED = "refused"
    STOPPED = "stopped"  # the reader asked to stop; read() again goes on


class NotHttp(AssertionError):
    """The bytes are no HTTP/1.1 answer."""


class Overdue(AssertionError):
    """The answer kept coming beyond the limit of the test."""


@dataclass(frozen=True)
class Read:
    """One successful recv: when, and what."""

    at: float
    data: bytes


@dataclass
class Chunk:
    """One chunk of a chunked body; `whole` is false while it is still incomplete."""

    at: float
    data: bytearray = field(default_factory=bytearray)
    whole: bool = False


class _State(Enum):
    HEAD = auto()
    SIZED = auto()
    CHUNK_SIZE = auto()
    CHUNK_DATA = auto()
    CHUNK_END = auto()
    TRAILER = auto()
    UNTIL_CLOSE = auto()
    DONE = auto()


class Answer:
    """What came back for one request, decoded as far as it came."""

    def __init__(self, method: str = "GET", sent_at: float | None = None) -> None:
        """Begin an empty answer to a request with this method."""
        self.method = method
        self.sent_at = time.monotonic() if sent_at is None else sent_at
        self.ended = Ended.STOPPED
        self.ended_at = self.sent_at
        self.reads: list[Read] = []
        self.head = b""  # through the blank line; empty while it is incomplete
        self.version = ""
        self.status = 0
        self.reason = ""
        self.headers: list[tuple[str, str]] = []
        self.interim: list[int] = []
        self.chunks: list[Chunk] = []
        self.terminated = False  # the zero chunk and its blank line came
        self._raw = bytearray()
        self._body = bytearray()
        self._pending = bytearray()
        self._state = _State.HEAD
        self._left = 0

    def __repr__(self) -> str:
        """Show what a failed assertion needs: the ending, the times and the bytes."""
        took = self.ended_at - self.sent_at
        return (
            f"<Answer {self.ended} after {took:.3f} s, status {self.status}, "
            f"{len(self._body)} body bytes, {len(self.chunks)} chunks, raw {self.raw[:600]!r}>"
        )

    @property
    def raw(self) -> bytes:
        """Every byte received for this answer."""
        return bytes(self._raw)

    @property
    def body(self) -> bytes:
        """The body without its framing, as far as it came."""
        return bytes(self._body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def framing(self) -> str:
        """How the head says that the body ends: chunked, length, close or none."""
        if "chunked" in (self.header("Transfer-Encoding") or "").lower():
            return "chunked"
        if self.header("Content-Length") is not None:
            return "length"
        return "close" if self._has_body() else "none"

    @property
    def first_at(self) -> float:
        """When the first byte came."""
        assert self.reads, f"no byte ever came: {self!r}"
        return self.reads[0].at

    @property
    def last_at(self) -> float:
        """When the last byte came."""
        assert self.reads, f"no byte ever came: {self!r}"
        return self.reads[-1].at

    @property
    def done(self) -> bool:
        """Whether the framing says that the answer is complete."""
        return self._state is _State.DONE

    def header(self, name: str) -> str | None:
        """Return the first header of that name, in any case."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), None)

    def json(self) -> Any:
        """Return the body decoded as one JSON document."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise AssertionError(f"the body is not JSON ({error}): {self!r}") from None

    def feed(self, data: bytes, at: float) -> bytes:
        """Take received bytes and return those which belong to the next answer."""
        self._pending += data
        while self._state is not _State.DONE and self._step(at):
            pass
        left = bytes(self._pending) if self._state is _State.DONE else b""
        fresh = data[: len(data) - len(left)]
        self._raw += fresh
        if fresh:
            self.reads.append(Read(at, fresh))
        if self._state is _State.DONE:
            self._pending.clear()
        return left

    def close(self) -> None:
        """Take note of a FIN, which completes an answer that is framed by it."""
        if self._state is _State.UNTIL_CLOSE:
            self._state = _State.DONE

    def _has_body(self) -> bool:
        return self.method != "HEAD" and self.status >= 200 and self.status not in (204, 304)

    def _line(self) -> bytes | None:
        end = self._pending.find(b"\r\n")
        if end < 0:
            return None
        line = bytes(self._pending[:end])
        del self._pending[: end + 2]
        return line

    def _step(self, at: float) -> bool:
        """Consume one element of the pending bytes; false when more bytes are needed."""
        match self._state:
            case _State.HEAD:
                return self._read_head()
            case _State.SIZED | _State.UNTIL_CLOSE:
                return self._read_plain()
            case _State.CHUNK_SIZE:
                return self._read_size(at)
            case _State.CHUNK_DATA:
                return self._read_chunk()
            case _State.CHUNK_END:
                return self._read_chunk_end()
            case _State.TRAILER:
                return self._read_trailer()
            case _State.DONE:
                return False

    def _read_head(self) -> bool:
        if not b"HTTP/1.".startswith(self._pending[:7]):
            raise NotHttp(f"no status line: {bytes(self._pending[:200])!r}")
        end = self._pending.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._pending[: end + 4])
        del self._pending[: end + 4]
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        version, _, rest = first.partition(" ")
        code, _, reason = rest.partition(" ")
        if len(code) != 3 or not code.isdigit():
            raise NotHttp(f"bad status line {first!r}")
        if code.startswith("1"):
            self.interim.append(int(code))
            return True
        self.head, self.version, self.status, self.reason = head, version, int(code), reason
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise NotHttp(f"bad header line {line!r}")
            self.headers.append((name, value.strip()))
        self._begin_body()
        return True

    def _begin_body(self) -> None:
        if not self._has_body():
            self._state = _State.DONE
            return
        match self.framing:
            case "chunked":
                self._state = _State.CHUNK_SIZE
            case "length":
                self._left = int(self.header("Content-Length") or 0)
                self._state = _State.SIZED if self._left else _State.DONE
            case _:
                self._state = _State.UNTIL_CLOSE

    def _read_plain(self) -> bool:
        if not self._pending:
            return False
        if self._state is _State.UNTIL_CLOSE:
            self._body += self._pending
            self._pending.clear()
            return False
        part = bytes(self._pending[: self._left])
        del self._pending[: self._left]
        self._body += part
        self._left -= len(part)
        if self._left == 0:
            self._state = _State.DONE
        return True

    def _read_size(self, at: float) -> bool:
        line = self._line()
        if line is None:
            return False
        try:
            self._left = int(line.split(b";")[0], 16)
        except ValueError:
            raise NotHttp(f"bad chunk size {line!r} after {self.raw[-200:]!r}") from None
        if self._left == 0:
            self._state = _State.TRAILER
        else:
            self.chunks.append(Chunk(at))
            self._state = _State.CHUNK_DATA
        return True

    def _read_chunk(self) -> bool:
        if not self._pending:
            return False
        part = bytes(self._pending[: self._left])
        del self._pending[: self._left]
        self.chunks[-1].data += part
        self._body += part
        self._left -= len(part)
        if self._left == 0:
            self.chunks[-1].whole = True
            self._state = _State.CHUNK_END
        return True

    def _read_chunk_end(self) -> bool:
        if len(self._pending) < 2:
            return False
        if self._pending[:2] != b"\r\n":
            raise NotHttp(f"a chunk of the wrong size, then {bytes(self._pending[:40])!r}")
        del self._pending[:2]
        self._state = _State.CHUNK_SIZE
        return True

    def _read_trailer(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if not line:
            self.terminated = True
            self._state = _State.DONE
        return True


class Connection:
    """One TCP connection, on which requests are sent and answers read in order."""

    def __init__(self, port: int, *, timeout: float = CONNECT_TIMEOUT) -> None:
        """Connect, or raise what the kernel says."""
        self.port = port
        self.opened_at = time.monotonic()
        self._socket = socket.create_connection((HOST, port), timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._leftover = b""
        self._asked: list[tuple[str, float]] = []
        self._current: Answer | None = None
        self._broken = False

    def __enter__(self) -> Self:
        """Use the connection as a context, which closes it."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Close the connection."""
        self.close()

    @property
    def local_port(self) -> int:
        """Our own port of this connection."""
        return int(self._socket.getsockname()[1])

    def send(self, data: bytes, *methods: str) -> None:
        """Send bytes, and expect one answer per method named."""
        now = time.monotonic()
        self._asked += [(method, now) for method in methods]
        self._socket.settimeout(CONNECT_TIMEOUT)
        try:
            self._socket.sendall(data)
        except ConnectionError:
            self._broken = True  # read() still returns what came before

    def ask(self, method: str, path: str, body: Body = None, **kwargs: Any) -> None:
        """Send one request."""
        self.send(request(method, path, body, port=self.port, **kwargs), method)

    def read(
        self,
        *,
        silence: float = 15.0,
        limit: float = 60.0,
        stop: Callable[[Answer], bool] | None = None,
    ) -> Answer:
        """Read the answer that is due until it ends, falls silent, or `stop` says so.

        An answer that was silent or stopped is continued by the next call.
        """
        answer = self._current
        if answer is None:
            method, sent_at = self._asked.pop(0) if self._asked else ("GET", time.monotonic())
            answer = self._current = Answer(method, sent_at)
        deadline = time.monotonic() + limit
        if self._leftover:
            self._take(answer, self._leftover, time.monotonic())
        while not answer.done and not (stop is not None and stop(answer)):
            left = deadline - time.monotonic()
            ended = self._receive(answer, min(silence, left)) if left > 0 else Ended.SILENT
            if ended is Ended.SILENT and left < silence:
                raise Overdue(f"not ended after {limit} s: {answer!r}")
            if ended is not None:
                return self._end(answer, ended)
        return self._end(answer, Ended.COMPLETE if answer.done else Ended.STOPPED)

    def fate(self, *, silence: float = 2.0) -> Ended:
        """Say what happens to the connection when no answer is due."""
        assert not self._leftover, f"unexpected bytes {self._leftover[:200]!r}"
        probe = Answer()
        ended = self._receive(probe, silence)
        assert ended is not None, f"unexpected bytes {probe.raw[:200]!r}"
        return ended

    def half_close(self) -> None:
        """Say that nothing more will be sent, and go on reading."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leave with a RST."""
        with contextlib.suppress(OSError):
            linger = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._socket.close()

    def close(self) -> None:
        """Leave with a FIN (or a RST of the kernel's, when bytes are unread)."""
        self._socket.close()

    def _receive(self, answer: Answer, timeout: float) -> Ended | None:
        self._socket.settimeout(max(timeout, 0.001))
        try:
            data = self._socket.recv(READ_SIZE)
        except TimeoutError:
            return Ended.SILENT
        except ConnectionError:
            return Ended.RESET
        if not data:
            answer.close()
            if answer.done:
                return Ended.COMPLETE
            return Ended.RESET if self._broken else Ended.EOF
        self._take(answer, data, time.monotonic())
        return None

    def _take(self, answer: Answer, data: bytes, at: float) -> None:
        self._leftover = b""
        self._leftover = answer.feed(data, at)

    def _end(self, answer: Answer, ended: Ended) -> Answer:
        answer.ended, answer.ended_at = ended, time.monotonic()
        if ended not in (Ended.SILENT, Ended.STOPPED):
            self._current = None
        return answer


def request(
    method: str,
    path: str,
    body: Body = None,
    *,
    port: int = 11434,
    headers: Headers | None = None,
    version: str = "1.1",
    chunked: int = 0,
) -> bytes:
    """Spell one request; `chunked` gives the size of the chunks its body is sent in."""
    given = dict(headers or {})
    names = {name.lower() for name in given}
    fields = {} if "host" in names else {"Host": f"{HOST}:{port}"}
    payload = encode(body)
    if payload is not None:
        if "content-type" not in names and not isinstance(body, bytes | str):
            fields["Content-Type"] = "application/json"
        if chunked:
            fields["Transfer-Encoding"] = "chunked"
            payload = in_chunks(payload, chunked)
        elif "content-length" not in names:
            fields["Content-Length"] = str(len(payload))
    fields.update(given)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/{version}\r\n{head}\r\n".encode("latin-1") + (payload or b"")


def encode(body: Body) -> bytes | None:
    """Return the bytes of a body: text as UTF-8, anything else as JSON."""
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    return json.dumps(body).encode()


def in_chunks(data: bytes, size: int) -> bytes:
    """Return `data` in chunked framing, `size` bytes to the chunk."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def ask(
    port: int,
    method: str,
    path: str,
    body: Body = None,
    *,
    silence: float = 15.0,
    limit: float = 60.0,
    **kwargs: Any,
) -> Answer:
    """Ask once on a connection of its own, and close it."""
    started = time.monotonic()
    try:
        connection = Connection(port)
    except ConnectionRefusedError:
        answer = Answer(method, started)
        answer.ended, answer.ended_at = Ended.REFUSED, time.monotonic()
        return answer
    with connection:
        connection.ask(method, path, body, **kwargs)
        return connection.read(silence=silence, limit=limit)
