"""Chooses servers and remembers how they did: the contract of the seed, clause by clause.

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

Options change clauses: `--mark-5xx` the fourth, `--share` and `--queue` the first two, the
`--retry` ones the third, `--pool` the connections, `--credentials` the headers of the fifth;
`--retry-after` keeps from the second who wants to be left alone; `--v104` puts a plan behind it
(`plan`). Each clause is a method of its own, so that a flaw can break it alone.

It must not import the relay.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING, Protocol

from ollama_simulator.acts import Act, Body, End, Hangup, Head, How
from ollama_simulator.clock import Clock, WallClock
from ollama_simulator.conformance.reference import rest
from ollama_simulator.conformance.reference.backend import Backend, Trust
from ollama_simulator.conformance.reference.command_line import Options
from ollama_simulator.conformance.reference.pool import Pool
from ollama_simulator.net.client import Broken, ResponseHead
from ollama_simulator.net.client import End as Ended
from ollama_simulator.net.request import Request

if TYPE_CHECKING:
    from ollama_simulator.conformance.reference.plan import Plan
    from ollama_simulator.conformance.reference.wish import Wish

NO_ANSWER = (Ended.REFUSED, Ended.UNREACHABLE, Ended.CUT, Ended.RESET, Ended.MALFORMED)
RETRIED = (500, 503)
CREDENTIALS = frozenset({"authorization", "x-api-key", "api-key"})
"""Headers by which a client says who it is."""


class Call(Protocol):
    """A request, as far as choosing a server for it goes."""

    request: Request
    body: bytes
    tried: list[Backend]
    """Servers that failed it already."""
    wish: "Wish | None"
    """What it wants, if there is a plan that asks."""

    def abandoned(self) -> bool:
        """Whether nobody waits for its answer any more."""


class Balancer:
    """Chooses servers and remembers how they did."""

    connect_s: float | None = 1.0
    """Seconds that a connection may take."""
    pool_type: type[Pool] = Pool

    def __init__(self, backends: list[Backend], options: Options) -> None:
        self.backends = backends
        self.options = options
        self.silence: float | None = options.timeout or None
        """Longest silence of a server in seconds; None for any."""
        self.clock: Clock = WallClock()
        self.plan: Plan | None = None
        """How version 1.0.4 chooses, if it is that."""
        self.running = 0
        """Requests in progress, those that have no server yet included."""
        self.pool = self.pool_type() if options.pool else None
        """Connections that are kept; None for one connection a request."""
        self.connections: dict[int, float] = {}
        """When each client that is there connected, by the connection's number."""
        self._freed = asyncio.Event()

    @classmethod
    def address(cls, options: Options) -> tuple[str, int]:
        """Where it listens: host and port."""
        return options.listen

    # --- choosing -----------------------------------------------------------------------------

    def choose(self, call: Call) -> Backend | None:
        """The server for the next request, now busy; None if there is none."""
        able = [backend for backend in self.able(call) if backend not in call.tried]
        able = [backend for backend in able if not self.rests(backend)]
        if self.plan is not None and call.wish is not None:
            able = self.plan.having(able, call.wish)
        if self.options.share:
            self.forgive_parked()
        for trust in Trust:
            found = [backend for backend in able if backend.trust is trust]
            if found:
                if trust is Trust.SECOND_CHANCE_GIVEN:
                    self.give_new_chances(found)
                chosen = self.pick(found, call)
                self.take(chosen)
                return chosen
        return None

    def able(self, call: Call) -> list[Backend]:
        """The servers that may have another request. Where none is well, health is no reason."""
        free = [each for each in self.backends if self.options.share or not each.busy]
        nobody = not any(each.well for each in self.backends)
        return [each for each in free if each.well or nobody]

    def rests(self, backend: Backend) -> bool:
        """Whether a server wants to be left alone."""
        return self.clock.now() < backend.rests_until

    def pick(self, backends: list[Backend], call: Call) -> Backend:
        """One of several that are equally trusted."""
        if self.plan is not None and call.wish is not None:
            return self.plan.pick(backends, call.wish)
        if self.options.share:
            return min(backends, key=lambda backend: (backend.active, backend.served))
        return backends[0]

    def take(self, backend: Backend) -> None:
        """Give a server a request."""
        backend.active += 1
        backend.served += 1

    def free(self, backend: Backend) -> None:
        """The request is over: the server can have another."""
        backend.active -= 1
        self._freed.set()

    async def wait_for_room(self, call: Call) -> Backend | None:
        """Choose a server, waiting as long as the option says; None if there is none."""
        limit = self.clock.now() + self.options.queue
        while (chosen := self.choose(call)) is None:
            left = limit - self.clock.now()
            if left <= 0 or call.abandoned():
                return None
            self._freed.clear()
            try:
                async with asyncio.timeout(min(left, 0.05)):
                    await self._freed.wait()
            except TimeoutError:
                continue
        return chosen

    def give_new_chances(self, backends: list[Backend]) -> None:
        """Everybody had a second chance: a new round begins."""
        for backend in backends:
            backend.trust = Trust.UNRELIABLE

    def forgive_parked(self) -> None:
        """Servers that failed long enough ago are as good as the others again."""
        for backend in self.backends:
            failed = backend.failed_at
            if failed is not None and self.clock.now() - failed > self.options.park:
                backend.trust, backend.failed_at = Trust.RELIABLE, None

    # --- remembering --------------------------------------------------------------------------

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
        """A request failed: trust the server less."""
        first = backend.trust is Trust.RELIABLE
        backend.trust = Trust.UNRELIABLE if first else Trust.SECOND_CHANCE_GIVEN
        backend.failed_at = self.clock.now()
        if self.plan is not None:
            self.plan.failed(backend)

    def heard(self, backend: Backend, head: ResponseHead) -> None:
        """The head of an answer says something about its server."""
        if self.options.retry_after and head.status == 429:
            asked = rest.seconds(head, self.clock.wall_ns() / 1e9)
            backend.rests_until = self.clock.now() + asked

    def patience(self, backend: Backend) -> float | None:
        """The longest silence that this server may keep now."""
        return self.silence

    def began(self, backend: Backend) -> None:
        """The head of an answer came. That alone proves nothing."""

    def completed(self, backend: Backend, status: int) -> None:
        """An answer came to its end: trust the server."""
        if self.options.mark_5xx and status >= 500:
            self.distrust(backend)
        else:
            backend.trust, backend.failed_at = Trust.RELIABLE, None

    def checked(self, backend: Backend, *, well: bool) -> None:
        """A server was asked for its health."""
        backend.well = well

    def left(self, backend: Backend) -> None:
        """The client left. That is nobody's failure; the server is free again."""
        self.free(backend)

    # --- planning -----------------------------------------------------------------------------

    def own(self, call: Call) -> list[Act] | None:
        """What a client reads without a server being asked; None if one must be."""
        if self.plan is None:
            return None
        call.wish = self.plan.read(call.request, call.body)
        return self.plan.own(call.request, call.wish)

    async def prepare(self, backend: Backend, call: Call) -> None:
        """Make a chosen server fit for a request."""
        if self.plan is not None and call.wish is not None:
            await self.plan.prepare(backend, call.wish, call.request.gone)

    def learn(self, backend: Backend, call: Call, status: int) -> None:
        """A server answered a request to its end: it has in memory what that needed."""
        if self.plan is not None and call.wish is not None:
            self.plan.answered(backend, call.wish, status)

    # --- passing on ---------------------------------------------------------------------------

    def target(self, request: Request) -> str:
        """What is asked of the server: what the client asked."""
        return request.target

    def headers(self, request: Request, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The headers that a server gets, of those that may be passed on."""
        if self.options.own_host:
            headers = [pair for pair in headers if pair[0].lower() != "host"]
        return [*headers, ("Via", "1.1 reference")] if self.options.via else headers

    def authorized(self, backend: Backend, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The headers that a server gets, with its own credential if it has one."""
        if not self.options.credentials:
            return headers
        kept = [pair for pair in headers if pair[0].lower() not in CREDENTIALS]
        token = backend.note.removeprefix("token=")
        return [*kept, ("Authorization", f"Bearer {token}")] if token else kept

    def reply_headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """The headers that a client gets, of those that may be passed on."""
        return tuple(headers)

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

    def retries(self, call: Call, broken: Broken) -> bool:
        """Whether a request that failed so is sent to another server."""
        if broken.end is Ended.SILENT:
            return self.options.retry_silent
        return self.options.retry and broken.end in NO_ANSWER

    def retries_status(self, status: int) -> bool:
        """Whether a request that was answered so is sent to another server."""
        return self.options.retry_5xx and status in RETRIED

    async def ending(self) -> None:
        """Told to end: let what is in progress go on for as long as the option says."""
        limit = self.clock.now() + self.options.drain
        while self.running and self.clock.now() < limit:
            await self.clock.sleep_until(self.clock.now() + 0.01)

    def failed(self, error: BaseException) -> None:
        """Say what went wrong with the balancer itself."""
        print(f"internal error: {error!r}", file=sys.stderr, flush=True)


def text(status: int, words: str) -> list[Act]:
    """A plain answer of the balancer's own."""
    head = Head(status, (("Content-Type", "text/plain; charset=utf-8"),))
    return [head, Body(words.encode(), flush=False), End()]
