"""One request, and what is known of it.

Rules of this file:

1. An exchange owns everything that must be closed. Stages (generators wrapped round each
   other) register here, and are closed outermost first, however the reply ended.
2. It knows no fault. Faults wrap `answering.answer` and use what is public here.

It must not import faults, the journal or anything above.
"""

import contextlib
import math
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

from ollama_simulator.acts import Act, Body, End, Head, Reply, Tick
from ollama_simulator.clock import Clock
from ollama_simulator.engine.engine import Engine
from ollama_simulator.engine.machine import DEFAULT_PACE
from ollama_simulator.golang import steps
from ollama_simulator.golang.gosyntax import TOO_DEEP
from ollama_simulator.model import Embed, Event, Infer, Job, Origin, Refusal
from ollama_simulator.net import request as net
from ollama_simulator.receiving import Receiving
from ollama_simulator.records import See
from ollama_simulator.settings import Profile
from ollama_simulator.wire import codec as wire
from ollama_simulator.wire import proxy
from ollama_simulator.wire.codec import Codec, Wire
from ollama_simulator.wire.redirects import Fixed
from ollama_simulator.wire.routes import dialect, resolve

S = TypeVar("S", bound=AsyncIterator[Any])
Handler = Callable[["Exchange"], Reply]
Events = AsyncGenerator[Event, None]


class Exchange:
    """One request on one server."""

    def __init__(
        self,
        request: net.Request,
        engine: Engine,
        wire: Wire,
        clock: Clock,
        see: See,
        *,
        seed: str = "",
    ) -> None:
        """`seed` is what chance depends on; that of another request is another."""
        self.request = request
        self.clock = clock
        self.see = see
        self.pace = DEFAULT_PACE
        """How fast the engine works for this request. Pace faults set it."""
        self.reading_rate = math.inf
        """Bytes of the request's body that are read in a second. Faults set it."""
        self.through: Callable[[Events], Events] = _as_they_are
        """What events of the engine go through before anybody makes anything of them. Faults set
        it."""
        self.route = resolve(request.method, request.target, request.header, wire.settings)
        request.reply_headers = self.route.common
        self._engine = engine
        self._wire = wire
        self._seed = seed
        self.understood: Codec | None = None
        """What `codec` made of it, if anybody asked, and it could."""
        self._body: bytes | None = None
        self._stages: list[AsyncIterator[Any]] = []
        self.when_paced: Callable[[], None] = _nobody
        """Told when the engine begins to work at another pace than its own."""
        self.flows = False
        """Whether nobody bends the acts, so that the engine may offer flows of tokens."""
        self.stand_in: Handler | None = None
        """Who answers in place of the engine: another server, or a recording. None for nobody."""
        self.remembered: dict[object, Any] = {}
        """What faults remember of earlier requests to this server."""
        self.abandoned = False
        """Whether the engine stopped because the client left."""

    @property
    def profile(self) -> Profile:
        """Which Ollama is imitated."""
        return self._wire.settings.wire

    def chance(self, what: str) -> random.Random:
        """Where chance comes from that this request meets: the same in each run of a seed."""
        return random.Random(f"{self._seed}/{what}")

    async def body(self) -> bytes:
        """The request's body, read once, as far as the endpoint needs it: most want one JSON
        value. Raises `Refusal` if it can't be read so far."""
        if self._body is None:
            whole = isinstance(self.route, Fixed) or self.route.codec.whole
            body = self.request.body
            body.most = self._wire.settings.limits.body_bytes
            self._body = self._taken()
            if self._body is None:
                pieces = steps.Pieces()
                await self._take(pieces.add, None if whole else pieces.enough)
                self._body = pieces.joined()
            if not whole and body.length is not None and body.length > net.LARGEST_REMNANT:
                body.taken = steps.taken(self._body, body.length - net.LARGEST_REMNANT)
        return self._body

    async def upload(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises `Refusal` if it can't be read to its end."""
        if self._body is not None:
            yield self._body
        try:
            async for data in self._chunks():
                yield data
        except net.BadBody as error:
            raise self._unreadable(error) from None

    async def sent(self) -> AsyncIterator[bytes]:
        """The body as it comes, to its end, for whoever answers in place of the engine; what was
        read of it already comes first. Raises `net.request.BadBody`."""
        if self._body is None:
            async for data in self._counted(None):
                yield data
            return
        yield self._body
        async for data in self.request.body.chunks():
            yield data

    async def whole(self) -> bytes:
        """The body to its end; it can be read again then. Raises `net.request.BadBody`."""
        self.request.body.most = self._wire.settings.limits.body_bytes
        self._body = b"".join([data async for data in self.sent()])
        return self._body

    def _unreadable(self, error: net.BadBody) -> Refusal:
        """What is said of a body that can't be read to its end, by whoever reads it first."""
        proxied = not isinstance(self.route, Fixed) and proxy.reads(self.route.codec, self._wire)
        return Refusal(error.status, str(error), Origin.CLOUD if proxied else Origin.DECODE)

    async def drain(self) -> None:
        """Read the request's body and forget it, whatever is wrong with it."""
        if self._body is None:
            with contextlib.suppress(Refusal):
                if self._taken() is None:
                    await self._take(_forget, None)

    async def _chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, and no faster than it may be read. Raises `BadBody`."""
        async for data in self.request.body.chunks():
            if self.reading_rate < math.inf:
                # What is not read meanwhile fills the buffers, and then its client has to wait.
                await self.clock.sleep_until(self.clock.now() + len(data) / self.reading_rate)
            yield data

    def _taken(self) -> bytes | None:
        """The whole body, if it has come and nobody has to wait for it. Raises `Refusal`."""
        if not self.request.body.complete or self.reading_rate < math.inf:
            return None
        try:
            data = self.request.body.take()
        except net.BadBody as error:
            raise self._unreadable(error) from None
        receiving = Receiving(self._wire.settings.keep_bodies)
        if data:
            receiving.add(data)
        receiving.tell(self.see)
        return data

    async def _take(self, keep: Callable[[bytes], None], enough: Callable[[], bool] | None) -> None:
        try:
            async for data in self._counted(enough):
                keep(data)
        except net.BadBody as error:
            raise self._unreadable(error) from None

    async def _counted(self, enough: Callable[[], bool] | None) -> AsyncIterator[bytes]:
        """The body as it comes, to its end or until there is `enough`, and the record of it."""
        receiving = Receiving(self._wire.settings.keep_bodies)
        body = self.request.body
        try:
            async for data in self._chunks():
                yield data
                receiving.add(data)
                if enough is not None and not body.complete and enough():
                    break
        except net.BadBody:
            if enough is None or not enough():
                raise
        receiving.tell(self.see)

    async def codec(self) -> Codec:
        """The request, understood. Reads the body when first asked. Raises `Refusal`."""
        if self.understood is None:
            assert not isinstance(self.route, Fixed), "only a route has a codec"
            unread = self.route.codec.late or self._bodiless()
            request = wire.Request(
                self.request.method,
                self.route.path,
                self.route.params,
                b"" if unread else await self.body(),
                tuple(self.request.headers),
                self.upload,
            )
            try:
                self.understood = proxy.make(self.route.codec, request, self._wire)
            except RecursionError:
                # Go bears more levels than we do, but not any number of them either.
                raise Refusal(400, TOO_DEEP, Origin.DECODE) from None
        return self.understood

    def _bodiless(self) -> bool:
        """Whether the endpoint takes no body, though there is one."""
        return self.request.method in ("GET", "HEAD") and not self.request.body.settled

    async def success_head(self) -> Head:
        """The head of this request's success answer, without doing what was asked."""
        try:
            codec = None if isinstance(self.route, Fixed) else await self.codec()
        except Refusal:
            codec = None
        if codec is None:
            media = "application/json; charset=utf-8"
            return Head(200, (("Content-Type", media),))
        return head_of(codec)

    def fail(self, status: int, message: str) -> Iterator[Act]:
        """Refuse, in the words of the dialect that was asked. Only before the first byte."""
        return self.refuse(Refusal(status, message))

    def refuse(self, refusal: Refusal) -> Iterator[Act]:
        """Refuse, in the words of the dialect that was asked. Only before the first byte."""
        speaker = dialect(self.request.target)
        if not isinstance(self.route, Fixed):
            speaker = self.route.codec
        streams = self.understood is not None and self.understood.stream
        if refusal.origin is Origin.RUNNER and not streams and not speaker.bare:
            # Only in a stream does the runner's own error pass without the handler's (1.7).
            refusal = Refusal(refusal.status, refusal.message)
        document = wire.Document(None, b"")
        if refusal.origin is not Origin.PANIC:
            document = speaker.error(refusal, self._wire)
        extra = self.understood.headers if self.understood is not None else ()
        media = (("Content-Type", document.media),) if document.media is not None else ()
        # The first event of a stream is flushed, so an error in its place is chunked (1.7).
        flush = refusal.origin is Origin.RUNNER and streams
        yield Tick()
        yield Head(document.status or refusal.status, tuple(sorted((*extra, *media))))
        yield Body(document.body, flush=flush)
        yield End()

    def missing(self, model: str) -> str:
        """How the endpoint that was asked says that a model is not installed."""
        speaker = dialect(self.request.target)
        if not isinstance(self.route, Fixed):
            speaker = self.route.codec
        return speaker.missing(model)

    def stage(self, stage: S) -> S:
        """Register a stage, outermost first; it is closed when the exchange finishes."""
        self._stages.append(stage)
        return stage

    async def close(self) -> None:
        """Close every stage, outermost first. What the engine holds is free afterwards."""
        for stage in self._stages:
            # To ask whether it is a generator costs more than to close one.
            close = getattr(stage, "aclose", None)
            if close is not None:
                await close()
        self._stages.clear()
        # What knows the exchange is let go of, so that nobody has to find out that it is garbage.
        self.when_paced = _nobody
        self.understood = None

    def events(self, job: Job) -> AsyncIterator[Event]:
        """Let the engine do what was asked."""
        if isinstance(job, Infer | Embed) and self.pace.tells_on(self._wire.settings.hardware):
            self.when_paced()
        run = self._engine.run(job, self.pace, self.request.gone, self.see, flows=self.flows)
        return self.stage(self.through(run))


def _as_they_are(events: Events) -> Events:
    """What events go through where nobody bends them."""
    return events


def _forget(data: bytes) -> None:
    """What is done with a body that nobody reads."""


def _nobody() -> None:
    """Who is told of a pace that is incidental to a fault."""


def head_of(codec: Codec, media: str = "") -> Head:
    """The head of a success answer, with its own content type or another."""
    headers = (*codec.headers, ("Content-Type", media or codec.media))
    return Head(codec.status, tuple(sorted(pair for pair in headers if pair[1])), codec.framing)
