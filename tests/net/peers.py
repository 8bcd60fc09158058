"""Both ends of a connection without Ollama: a service with any handler, and a raw client."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from ollama_simulator.acts import Body, End, Head, How, Reply
from ollama_simulator.clock import WallClock
from ollama_simulator.limits import USUAL, Limits
from ollama_simulator.net import kernel
from ollama_simulator.net.listener import Listener
from ollama_simulator.net.perform import Performer
from ollama_simulator.net.request import Request

HOST = "127.0.0.1"
PATIENCE_S = 5.0
"""Seconds to wait for what must come."""
SILENCE_S = 0.08
"""Seconds without a byte that pass for silence."""
DATE = "Thu, 01 Jan 2026 00:00:00 GMT"

Handler = Callable[[Request], Reply]
TEXT = (("Content-Type", "text/plain"),)


class FixedDate(WallClock):
    """Real time, but the time of day stands still, so that heads can be compared."""

    def wall_ns(self) -> int:
        return 1_767_225_600_000_000_000


async def say(*acts: Any) -> AsyncGenerator[Any, None]:
    """A reply of these acts."""
    for act in acts:
        yield act


def whole(data: bytes, status: int = 200) -> Reply:
    """An ordinary answer in one piece."""
    return say(Head(status, TEXT), Body(data, flush=False), End())


async def echo(request: Request) -> AsyncGenerator[Any, None]:
    """The ordinary answer of these tests: what was asked, and the body."""
    body = await request.body.read()
    yield Head(200, TEXT)
    yield Body(f"{request.method} {request.target} ".encode() + body, flush=False)
    yield End()


class Answering:
    """One request being answered."""

    def __init__(self, service: Service, request: Request) -> None:
        self.request = request
        self.performer: Performer
        self.outcome: str | None = None
        self._service = service
        self._reply: Reply | None = None

    def reply(self, performer: Performer) -> Reply:
        """Ask the handler."""
        self.performer = performer
        self._reply = self._service.handler(self.request)
        return self._reply

    async def finish(self, outcome: str) -> None:
        """Close the reply, and remember how it ended."""
        assert self.outcome is None, "finished twice"
        if isinstance(self._reply, AsyncGenerator):
            await self._reply.aclose()
        self.outcome = outcome
        self._service.say("finished", outcome)

    def failed(self, error: BaseException) -> None:
        """Remember a bug."""
        self._service.errors.append(error)


class Service:
    """Stands behind a listener, answers by a handler, and remembers all that happened."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.listener: Listener
        self.log: list[tuple[Any, ...]] = []
        self.answers: list[Answering] = []
        self.errors: list[BaseException] = []
        self._changed = asyncio.Event()

    def say(self, *what: Any) -> None:
        """Remember something."""
        self.log.append(what)
        self._changed.set()

    def said(self, word: str) -> list[tuple[Any, ...]]:
        """What happened of one kind, without the word."""
        return [entry[1:] for entry in self.log if entry[0] == word]

    async def until(self, word: str, count: int = 1) -> list[tuple[Any, ...]]:
        """Wait until something has happened so often."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.said(word)) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.said(word)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listener.port)

    quick = None
    """Nobody: everything is answered in the ordinary way."""

    def answer(self, request: Request) -> Answering:
        """Begin to answer."""
        self.answers.append(Answering(self, request))
        self.say("asked", f"{request.method} {request.target}")
        return self.answers[-1]

    def connected(self, number: int, peer: str) -> None:
        """Remember a connection."""
        self.say("connected", number)

    def disconnected(self, number: int, by: str, how: How) -> None:
        """Remember its end."""
        self.say("closed", by, how)

    def failed(self, error: BaseException) -> None:
        """Remember a bug."""
        self.errors.append(error)


@asynccontextmanager
async def serving(
    handler: Handler = echo, *, errors: int = 0, limits: Limits = USUAL
) -> AsyncIterator[Service]:
    """A service on a port of its own. At the end it must have seen so many bugs, and no more."""
    service = Service(handler)
    sock = kernel.listen(HOST, 0)
    async with asyncio.TaskGroup() as group:
        service.listener = Listener(service, FixedDate(), sock, group.create_task, limits=limits)
        service.listener.start()
        try:
            yield service
        finally:
            await settle()
            await service.listener.close()
    assert len(service.errors) == errors, service.errors
    assert all(answer.outcome is not None for answer in service.answers)


class Peer:
    """A client that sees bytes and nothing else. Use as `async with await Peer.connect(…)`."""

    def __init__(self, sock: socket.socket, patience: float = PATIENCE_S) -> None:
        self.sock = sock
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._ahead = b""

    @classmethod
    async def connect(cls, port: int, *, rcvbuf: int | None = None) -> Self:
        """Connect. Raises what the kernel says."""
        sock = socket.socket()
        try:
            if rcvbuf is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            sock.setblocking(False)
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.get_running_loop().sock_connect(sock, (HOST, port))
        except BaseException:
            sock.close()
            raise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(sock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.sock.close()

    async def send(self, data: bytes) -> None:
        """Hand bytes to the kernel."""
        async with asyncio.timeout(PATIENCE_S):
            await self._loop.sock_sendall(self.sock, data)

    async def ask(self, target: str = "/", method: str = "GET", more: str = "") -> None:
        """Send a request without a body; `more` are header lines, each with its CRLF."""
        await self.send(f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())

    async def receive(self, patience: float | None = None) -> bytes:
        """Some bytes; none at the end of the stream. Raises `TimeoutError`."""
        if self._ahead:
            data, self._ahead = self._ahead, b""
            return data
        async with asyncio.timeout(patience or self._patience):
            return await self._loop.sock_recv(self.sock, 65536)

    async def read(self, size: int) -> bytes:
        """Exactly so many bytes, or what came before the stream's end."""
        data = b""
        while len(data) < size and (more := await self.receive()):
            data += more
        self._ahead = data[size:]
        return data[:size]

    async def until(self, end: bytes) -> bytes:
        """What comes, up to and including these bytes."""
        data = b""
        while end not in data:
            more = await self.receive()
            assert more, f"the stream ended after {data!r}"
            data += more
        size = data.index(end) + len(end)
        self._ahead = data[size:]
        return data[:size]

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of an answer with a `Content-Length`."""
        head = await self.until(b"\r\n\r\n")
        found = re.search(rb"Content-Length: (\d+)", head)
        assert found, head
        return int(head.split()[1]), await self.read(int(found[1]))

    async def rest(self) -> tuple[bytes, How]:
        """All that comes until the end, and what the end is."""
        data = b""
        while True:
            try:
                more = await self.receive()
            except ConnectionResetError:
                return data, How.RST
            if not more:
                return data, How.FIN
            data += more

    async def silent(self, seconds: float = SILENCE_S) -> bool:
        """Whether nothing comes for a while, not even an end."""
        try:
            self._ahead = await self.receive(seconds)
        except TimeoutError:
            return True
        return False

    def half_close(self) -> None:
        """Send FIN, and go on reading."""
        self.sock.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Leave with RST."""
        kernel.reset_on_close(self.sock)
        self.sock.close()


def head(status: str, *lines: str) -> bytes:
    """A head as the performer writes it; `DATE` stands for the date."""
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode()


async def settle() -> None:
    """Let the loop finish what is under way: a connection is accepted in some four turns.

    A door that moves meanwhile is a case of its own (`test_instants` looks at it).
    """
    for _ in range(20):
        await asyncio.sleep(0)


async def until(happened: Callable[[], bool]) -> None:
    """Wait for what no event tells."""
    async with asyncio.timeout(PATIENCE_S):
        while not happened():  # noqa: ASYNC110 - that is what it is for
            await asyncio.sleep(0.001)


async def refused(port: int) -> bool:
    """Whether the kernel refuses."""
    try:
        peer = await Peer.connect(port)
    except ConnectionRefusedError:
        return True
    peer.sock.close()
    return False
