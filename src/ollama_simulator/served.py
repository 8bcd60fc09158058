"""One request being answered, or answered at once: what the listener's connection holds of it.

Rules of this file:

1. It is recorded as `Finished` exactly once, however it ends, when all that it held is free.

It must not import the server or anything above.
"""

from collections.abc import Callable
from typing import Any, Protocol

from ollama_simulator import records
from ollama_simulator.acts import How, Reply
from ollama_simulator.brief import Brief
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.net.perform import Performer
from ollama_simulator.net.request import Request
from ollama_simulator.records import See


class Owner(Protocol):
    """What it needs of its server."""

    def exchange(self, request: Request, see: See, seed: str) -> Exchange:
        """What is known of a request."""

    def finished(self, served: "Served") -> None:
        """A request is over."""


class Looked(Protocol):
    """What a request needs of its server that only looks."""

    held: set["Held"]
    """Those that are not over."""

    def see(self, kind: type[records.Record], /, **fields: Any) -> None:
        """Record something that happened."""


class Held:
    """One request that only looked, whose client is slow to read the answer."""

    def __init__(self, server: Looked, brief: Brief, abort: Callable[[], None]) -> None:
        self.abort = abort
        """Reset the connection."""
        self.left: How | None = None
        """How the client left; None while it is there."""
        self.unwatched = False
        self._server = server
        self._number = brief.exchange
        self._gist = brief.gist
        server.held.add(self)

    def leave(self, how: How) -> None:
        """Record that the client left."""
        if self.left is None:
            self.left = how
            tokens = self._gist.tokens
            self._server.see(records.Left, exchange=self._number, how=how, tokens=tokens)

    def finish(self, outcome: records.Outcome) -> None:
        """Record the end."""
        self._server.held.discard(self)
        self._server.see(
            records.Finished,
            exchange=self._number,
            outcome=outcome,
            status=self._gist.status,
            tokens=self._gist.tokens,
            body_bytes=self._gist.body_bytes,
        )


class Served:
    """One request being answered: what the listener's connection holds of it."""

    def __init__(
        self, server: Owner, request: Request, see: See, handler: Handler, seed: str
    ) -> None:
        """`handler` answers, as the server behaved when the request came; `seed` is what the
        request's chances depend on."""
        self.request = request
        self._server = server
        self._see = see
        self._handler = handler
        self._seed = seed
        self._exchange: Exchange | None = None
        self._performer: Performer | None = None
        request.gone.wakes(self._left)

    @property
    def tokens(self) -> int:
        """Tokens of the answer so far."""
        return self._performer.ticks if self._performer else 0

    def reply(self, performer: Performer) -> Reply:
        """The answer, bent as the server behaves."""
        self._performer = performer
        exchange = self._exchange = self._server.exchange(self.request, self._see, self._seed)
        return self._handler(exchange)

    async def finish(self, outcome: str) -> None:
        """Close what is open and record the end."""
        if self._exchange is not None:
            await self._exchange.close()
        performer = self._performer
        self._see(
            records.Finished,
            outcome="left" if self._exchange is not None and self._exchange.abandoned else outcome,
            status=performer.status if performer else None,
            tokens=self.tokens,
            body_bytes=performer.body_bytes if performer else 0,
        )
        self._server.finished(self)
        # What knows each other is let go of here, and not left to the collector of garbage.
        self.request.gone.forget(self._left)
        self._exchange = None

    def failed(self, error: BaseException) -> None:
        """Record a bug of ours."""
        self._see(records.Failed, error=f"{type(error).__name__}: {error}")

    def _left(self) -> None:
        if self.request.left is not None:
            self._see(records.Left, how=self.request.left, tokens=self.tokens)
