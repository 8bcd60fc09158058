"""The reference balancer: the contract of the seed's scenarios, in a page.

    python -m ollama_simulator.conformance.balancers.reference \\
        --timeout=5 --server=http://127.0.0.1:11501=One --server=http://127.0.0.1:11502=Two

The contract:

1. One request at a time for each server; a new connection for each request.
2. A server is chosen in the order of the command line: the first free Reliable one; else the
   first free Unreliable one; else all free SecondChanceGiven become Unreliable and the first
   of them is taken; else the client gets 503.
3. A request fails when there is no connection within a second, when there is an error or
   silence beyond the timeout before the head of the answer (the client gets 502), or in its
   body (the client's answer is cut, never ended cleanly).
4. A failure makes a Reliable server Unreliable, any other SecondChanceGiven. A body that ends
   makes it Reliable, whatever its status. A client that leaves changes nothing.
5. Any method, any path and query; bytes are passed on as they come.

Each clause is a method of its own, so that `flaws` can break it alone.
"""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from enum import Enum

from ollama_simulator.acts import Act, Body, End, Framing, Hangup, Head, How, Reply
from ollama_simulator.clock import WallClock
from ollama_simulator.conformance.balancers import command_line
from ollama_simulator.net import kernel
from ollama_simulator.net.client import Broken, Client, ResponseHead
from ollama_simulator.net.listener import Listener
from ollama_simulator.net.perform import Performer
from ollama_simulator.net.request import Request

HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-connection te trailer transfer-encoding upgrade expect".split()
)
"""Headers of one connection, never passed on (RFC 9110, 7.6.1)."""


class Trust(Enum):
    """What the balancer thinks of a server."""

    RELIABLE = "Reliable"
    UNRELIABLE = "Unreliable"
    SECOND_CHANCE_GIVEN = "SecondChanceGiven"


class Backend:
    """A server that requests can be sent to."""

    def __init__(self, host: str, port: int, name: str) -> None:
        self.host = host
        self.port = port
        self.name = name
        self.trust = Trust.RELIABLE
        self.busy = False


class Balancer:
    """Chooses servers and remembers how they did; stands behind the listener."""

    connect_s: float | None = 1.0
    """Seconds that a connection may take."""

    def __init__(self, backends: list[Backend], silence: float | None) -> None:
        """`silence` is the longest silence of a server in seconds; None for any."""
        self.backends = backends
        self.silence = silence

    def choose(self) -> Backend | None:
        """The server for the next request, now busy; None if there is none."""
        free = [backend for backend in self.backends if not backend.busy]
        for trust in Trust:
            found = [backend for backend in free if backend.trust is trust]
            if found:
                if trust is Trust.SECOND_CHANCE_GIVEN:
                    self.give_new_chances(found)
                found[0].busy = True
                return found[0]
        return None

    def give_new_chances(self, backends: list[Backend]) -> None:
        """Everybody had a second chance: a new round begins."""
        for backend in backends:
            backend.trust = Trust.UNRELIABLE

    def free(self, backend: Backend) -> None:
        """The request is over: the server can have another."""
        backend.busy = False

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
        """A request failed: trust the server less."""
        first = backend.trust is Trust.RELIABLE
        backend.trust = Trust.UNRELIABLE if first else Trust.SECOND_CHANCE_GIVEN

    def began(self, backend: Backend) -> None:
        """The head of an answer came. That alone proves nothing."""

    def completed(self, backend: Backend, status: int) -> None:
        """An answer came to its end: trust the server."""
        backend.trust = Trust.RELIABLE

    def left(self, backend: Backend) -> None:
        """The client left. That is nobody's failure; the server is free again."""
        self.free(backend)

    def target(self, request: Request) -> str:
        """What is asked of the server: what the client asked."""
        return request.target

    def refusal(self) -> list[Act]:
        """What a client reads when every server is busy."""
        return text(503, "No available servers")

    def pass_on(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The bytes of an answer, as they come."""
        return body

    def cut(self, *, framed: bool) -> Act:
        """How a broken answer is ended: so that the client can tell."""
        # Where nothing but the end of the connection ends a body, FIN would look whole.
        return Hangup(How.FIN if framed else How.RST)

    def answer(self, request: Request) -> "Relay":
        """Begin to answer a request."""
        return Relay(self, request)

    def connected(self, number: int, peer: str) -> None:
        """Nothing depends on connections."""

    def disconnected(self, number: int, by: str, how: How) -> None:
        """Nothing depends on connections."""

    def failed(self, error: BaseException) -> None:
        """Say what went wrong with the balancer itself."""
        print(f"internal error: {error!r}", file=sys.stderr, flush=True)


class Relay:
    """One request on its way to a server, and its answer on the way back."""

    def __init__(self, balancer: Balancer, request: Request) -> None:
        self.balancer = balancer
        self.request = request
        self.body = b""
        self._reply: AsyncGenerator[Act, None] | None = None

    def reply(self, performer: Performer) -> Reply:
        """The acts towards the client."""
        self._reply = self.relay()
        return self._reply

    async def finish(self, outcome: str) -> None:
        """Let go of the server, if the client left in the middle."""
        if self._reply is not None:
            await self._reply.aclose()

    def failed(self, error: BaseException) -> None:
        """Say what went wrong with the balancer itself."""
        self.balancer.failed(error)

    async def relay(self) -> AsyncGenerator[Act, None]:
        """Choose a server, send it the request, pass its answer on."""
        self.body = self.body or await self.request.body.read()
        backend = self.balancer.choose()
        if backend is None:
            for act in self.balancer.refusal():
                yield act
            return
        working = True
        try:
            async with contextlib.aclosing(self._through(backend)) as acts:
                async for act in acts:
                    if working and isinstance(act, End | Hangup) and self.request.left is None:
                        # Free before the client can know that its answer is over.
                        working = False
                        self.balancer.free(backend)
                    yield act
        finally:
            if working:
                self.balancer.left(backend)

    async def unanswered(self, broken: Broken) -> AsyncGenerator[Act, None]:
        """What the client reads when its server failed before the head of an answer."""
        for act in text(502, f"Error connecting to Ollama server: {broken}"):
            yield act

    async def _through(self, backend: Backend) -> AsyncGenerator[Act, None]:
        balancer, request = self.balancer, self.request
        head: ResponseHead | None = None
        framed = True
        try:
            async with await Client.connect(
                backend.host, backend.port, balancer.connect_s
            ) as upstream:
                upstream.leave_when(request.gone)
                await upstream.ask(
                    request.method,
                    balancer.target(request),
                    _forwarded(request),
                    self.body if self.body or _announces_body(request) else None,
                    silence=balancer.silence,
                )
                head = await upstream.head(balancer.silence)
                balancer.began(backend)
                framed = head.header("content-length") is not None or request.version != "1.0"
                yield _passed_on(head, request.method)
                async for data in balancer.pass_on(upstream.body(balancer.silence)):
                    yield Body(data)
        except Broken as broken:
            if request.left is not None:
                yield Hangup(How.FIN)
                return
            balancer.distrust(backend, broken)
            print(f"{backend.name} failed: {broken}", flush=True)
            if head is not None:
                yield balancer.cut(framed=framed)
                return
            async for act in self.unanswered(broken):
                yield act
            return
        balancer.completed(backend, head.status)
        yield End()


def text(status: int, words: str) -> list[Act]:
    """A plain answer of the balancer's own."""
    head = Head(status, (("Content-Type", "text/plain; charset=utf-8"),))
    return [head, Body(words.encode(), flush=False), End()]


def _forwarded(request: Request) -> list[tuple[str, str]]:
    named = (request.header("connection") or "").lower().split(",")
    dropped = HOP_BY_HOP | {"content-length"} | {name.strip() for name in named}
    kept = [pair for pair in request.headers if pair[0].lower() not in dropped]
    return [*kept, ("Connection", "close")]


def _announces_body(request: Request) -> bool:
    return any(request.header(name) for name in ("content-length", "transfer-encoding"))


def _passed_on(head: ResponseHead, method: str) -> Head:
    dropped = HOP_BY_HOP | {"content-length"}
    headers = tuple(pair for pair in head.headers if pair[0].lower() not in dropped)
    length = head.header("content-length")
    if length is not None:
        return Head(head.status, headers, length=int(length))
    return Head(head.status, headers, Framing.NONE if method == "HEAD" else Framing.CHUNKED)


# --- the program --------------------------------------------------------------------------


def main(argv: list[str] | None = None, make: type[Balancer] = Balancer) -> int:
    """Run a balancer until SIGINT or SIGTERM. Returns the exit status."""
    options = command_line.read(argv)
    host, port = options.listen
    try:
        sock = kernel.listen(host, port)
    except OSError as error:
        print(f"--listen {host}:{port}: {error}", file=sys.stderr)
        return 2
    backends = [Backend(*server) for server in options.servers]
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(make(backends, options.timeout or None), sock))
    return 0


async def _serve(balancer: Balancer, sock: socket.socket) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows: SIGINT raises, SIGTERM kills
            loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as group:
        listener = Listener(balancer, WallClock(), sock, group.create_task)
        listener.start()
        print(f"listening on http://{listener.host}:{listener.port}", flush=True)
        await stop.wait()
        await listener.close()


if __name__ == "__main__":
    raise SystemExit(main())
