"""One request on its way to a server, and its answer on the way back.

It must not import the program.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING

from ollama_simulator.acts import Act, Body, End, Framing, Hangup, Head, How, Reply
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import Balancer, text
from ollama_simulator.net.client import Broken, Client, ResponseHead
from ollama_simulator.net.perform import Performer
from ollama_simulator.net.request import Request

if TYPE_CHECKING:
    from ollama_simulator.conformance.reference.wish import Wish

HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-connection te trailer transfer-encoding upgrade expect".split()
)
"""Headers of one connection, never passed on (RFC 9110, 7.6.1)."""


class Again(Exception):
    """A server failed, and nobody has noticed: another one can be asked."""


class Relay:
    """One request on its way to a server, and its answer on the way back."""

    client: type[Client] = Client
    """What speaks to a server."""

    def __init__(self, balancer: Balancer, request: Request) -> None:
        self.balancer = balancer
        self.request = request
        self.body = b""
        self.tried: list[Backend] = []
        """Servers that failed it already."""
        self.wish: Wish | None = None
        """What it wants, if there is a plan that asks."""
        self._reply: AsyncGenerator[Act, None] | None = None

    def reply(self, performer: Performer) -> Reply:
        """The acts towards the client."""
        self.balancer.running += 1
        self._reply = self.relay()
        return self._reply

    async def finish(self, outcome: str) -> None:
        """Let go of the server, if the client left in the middle."""
        if self._reply is not None:
            await self._reply.aclose()
            self.balancer.running -= 1

    def failed(self, error: BaseException) -> None:
        """Say what went wrong with the balancer itself."""
        self.balancer.failed(error)

    async def relay(self) -> AsyncGenerator[Act, None]:
        """Choose a server, send it the request, pass its answer on; if it fails, maybe again."""
        self.body = self.body or await self.request.body.read()
        for act in (own := self.balancer.own(self)) or ():
            yield act
        while own is None:
            backend = await self.balancer.wait_for_room(self)
            if backend is None:
                for act in self.balancer.refusal():
                    yield act
                return
            try:
                async with contextlib.aclosing(self._with(backend)) as acts:
                    async for act in acts:
                        yield act
                return
            except Again:
                self.tried.append(backend)

    async def _with(self, backend: Backend) -> AsyncGenerator[Act, None]:
        working = True
        try:
            async with contextlib.aclosing(self.through(backend)) as acts:
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

    def abandoned(self) -> bool:
        """Whether nobody waits for an answer any more."""
        return self.request.left is not None

    def last_try(self) -> bool:
        """Whether there is nobody else to ask."""
        return len(self.tried) + 1 >= len(self.balancer.backends)

    async def connect(self, backend: Backend) -> Client:
        """A connection to a server. Raises `Broken`."""
        balancer = self.balancer
        connect = self.client.connect if balancer.pool is None else balancer.pool.connect
        return await connect(backend.host, backend.port, balancer.connect_s)

    def sent(self, backend: Backend) -> list[tuple[str, str]]:
        """The headers that a server gets."""
        headers = self.balancer.headers(self.request, _forwarded(self.request))
        ending = [("Connection", "close")] if self.balancer.pool is None else []
        return [*self.balancer.authorized(backend, headers), *ending]

    async def through(self, backend: Backend) -> AsyncGenerator[Act, None]:
        """Ask one server. Raises `Again` if another one should be asked."""
        balancer, request = self.balancer, self.request
        silence = balancer.patience(backend)
        head: ResponseHead | None = None
        framed = True
        try:
            await balancer.prepare(backend, self)
            async with await self.connect(backend) as upstream:
                upstream.leave_when(request.gone)
                await upstream.ask(
                    request.method,
                    balancer.target(request),
                    self.sent(backend),
                    self.body if self.body or _announces_body(request) else None,
                    silence=silence,
                )
                head = await upstream.head(silence)
                balancer.heard(backend, head)
                balancer.began(backend)
                if balancer.retries_status(head.status) and not self.last_try():
                    balancer.completed(backend, head.status)
                    raise Again
                framed = head.header("content-length") is not None or request.version != "1.0"
                yield self.passed_on(head)
                async for data in self.pass_on(head, upstream.body(silence)):
                    yield Body(data)
        except Broken as broken:
            if self.abandoned():
                yield Hangup(How.FIN)
                return
            balancer.distrust(backend, broken)
            print(f"{backend.name} failed: {broken}", flush=True)
            if head is not None:
                yield balancer.cut(framed=framed)
                return
            if balancer.retries(self, broken) and not self.last_try():
                raise Again from None
            async for act in self.unanswered(broken):
                yield act
            return
        balancer.completed(backend, head.status)
        balancer.learn(backend, self, head.status)
        yield End()

    def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The bytes of an answer with this head, as they come."""
        return self.balancer.pass_on(body)

    def passed_on(self, head: ResponseHead) -> Head:
        """The head that the client gets."""
        dropped = HOP_BY_HOP | {"content-length"} | _named(head.header("connection"))
        kept = (pair for pair in head.headers if pair[0].lower() not in dropped)
        headers = self.balancer.reply_headers(kept)
        length = head.header("content-length")
        if length is not None:
            return Head(head.status, headers, length=int(length))
        bodiless = self.request.method == "HEAD"
        return Head(head.status, headers, Framing.NONE if bodiless else Framing.CHUNKED)


def _forwarded(request: Request) -> list[tuple[str, str]]:
    dropped = HOP_BY_HOP | {"content-length"} | _named(request.header("connection"))
    return [pair for pair in request.headers if pair[0].lower() not in dropped]


def _named(connection: str | None) -> set[str]:
    """The headers that a `Connection` names, which are of that connection, too."""
    return {name.strip() for name in (connection or "").lower().split(",")}


def _announces_body(request: Request) -> bool:
    return any(request.header(name) for name in ("content-length", "transfer-encoding"))
