"""One request, what is known of it, and the innermost way to answer it.

Rules of this file:

1. An exchange owns everything that must be closed. Stages (generators wrapped round each
   other) register here, and are closed outermost first, however the reply ended.
2. An error before the first byte is a status and a document; after it, whatever the dialect
   says in a stream that has begun (native specification, section 7).
3. It knows no fault. Faults wrap `answer` and use what is public here.

It must not import faults, the journal or anything above.
"""

import contextlib
import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

from ollama_simulator import records
from ollama_simulator.acts import Act, Body, End, Head, Reply, Tick
from ollama_simulator.clock import Clock
from ollama_simulator.engine.engine import Engine
from ollama_simulator.engine.machine import DEFAULT_PACE, See
from ollama_simulator.golang.gosyntax import TOO_DEEP
from ollama_simulator.model import (
    Abandoned,
    Embed,
    Event,
    Infer,
    Job,
    ModelMissing,
    Origin,
    Progress,
    Quiet,
    Refusal,
    Token,
)
from ollama_simulator.net import request as net
from ollama_simulator.wire import codec as wire
from ollama_simulator.wire.codec import Codec, Wire
from ollama_simulator.wire.routes import Fixed, dialect, resolve

TICKING = (Token, Quiet, Progress)
"""The events that are one unit of progress each."""

S = TypeVar("S", bound=AsyncIterator[Any])
Handler = Callable[["Exchange"], Reply]

NONCE = re.compile(rb"nonce-[0-9a-f]{8,64}")
"""The word by which a client marks a prompt, so that its attempts can be counted."""
LONGEST_NONCE = 80
"""Bytes at the end of a piece in which such a word can begin."""


class Exchange:
    """One request on one server."""

    def __init__(
        self, request: net.Request, engine: Engine, wire: Wire, clock: Clock, see: See
    ) -> None:
        self.request = request
        self.clock = clock
        self.see = see
        self.pace = DEFAULT_PACE
        """How fast the engine works for this request. Pace faults set it."""
        self.route = resolve(request.method, request.target)
        self._engine = engine
        self._wire = wire
        self._codec: Codec | None = None
        self._body: bytes | None = None
        self._stages: list[AsyncIterator[Any]] = []
        self.when_paced: Callable[[], None] = _nobody
        """Told when the engine begins to work at another pace than its own."""
        self.abandoned = False
        """Whether the engine stopped because the client left."""

    async def body(self) -> bytes:
        """The request's body, read once. Raises `Refusal` if it can't be read to its end."""
        if self._body is None:
            kept: list[bytes] = []
            await self._take(kept.append)
            self._body = b"".join(kept)
        return self._body

    async def upload(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises `Refusal` if it can't be read to its end."""
        try:
            async for data in self.request.body.chunks():
                yield data
        except net.BadBody as error:
            self.request.keep_alive = False
            raise Refusal(400, str(error), Origin.DECODE) from None

    async def drain(self) -> None:
        """Read the request's body and forget it, whatever is wrong with it."""
        if self._body is None:
            with contextlib.suppress(Refusal):
                await self._take(_forget)

    async def _take(self, keep: Callable[[bytes], None]) -> None:
        digest = hashlib.sha256()
        size = 0
        nonce: bytes | None = None
        tail = b""
        try:
            async for data in self.request.body.chunks():
                keep(data)
                digest.update(data)
                size += len(data)
                if nonce is None:
                    found = NONCE.search(tail + data)
                    nonce = found.group() if found else None
                    tail = data[-LONGEST_NONCE:]
        except net.BadBody as error:
            self.request.keep_alive = False
            raise Refusal(400, str(error), Origin.DECODE) from None
        self.see(
            records.Received,
            size=size,
            digest=digest.hexdigest(),
            nonce=nonce.decode() if nonce else None,
        )

    async def codec(self) -> Codec:
        """The request, understood. Reads the body when first asked. Raises `Refusal`."""
        if self._codec is None:
            assert not isinstance(self.route, Fixed), "only a route has a codec"
            late = self.route.codec.late
            request = wire.Request(
                self.request.method,
                self.route.path,
                self.route.params,
                b"" if late else await self.body(),
                tuple(self.request.headers),
                self.upload,
            )
            try:
                self._codec = self.route.codec(request, self._wire)
            except RecursionError:
                # Go bears more levels than we do, but not any number of them either.
                raise Refusal(400, TOO_DEEP, Origin.DECODE) from None
        return self._codec

    async def success_head(self) -> Head:
        """The head of this request's success answer, without doing what was asked."""
        try:
            codec = None if isinstance(self.route, Fixed) else await self.codec()
        except Refusal:
            codec = None
        if codec is None:
            media = "application/json; charset=utf-8"
            return Head(200, (("Content-Type", media),))
        return _head_of(codec)

    def fail(self, status: int, message: str) -> Iterator[Act]:
        """Refuse, in the words of the dialect that was asked. Only before the first byte."""
        return self.refuse(Refusal(status, message))

    def refuse(self, refusal: Refusal) -> Iterator[Act]:
        """Refuse, in the words of the dialect that was asked. Only before the first byte."""
        speaker = dialect(self.request.target)
        if not isinstance(self.route, Fixed):
            speaker = self.route.codec
        streams = self._codec is not None and self._codec.stream
        if refusal.origin is Origin.RUNNER and not streams:
            # Only in a stream does the runner's own error pass without the handler's (1.7).
            refusal = Refusal(refusal.status, refusal.message)
        document = speaker.error(refusal, self._wire)
        extra = self._codec.headers if self._codec is not None else ()
        media = (("Content-Type", document.media),) if document.media is not None else ()
        # The first event of a stream is flushed, so an error in its place is chunked (1.7).
        flush = refusal.origin is Origin.RUNNER
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
            if isinstance(stage, AsyncGenerator):
                await stage.aclose()
        self._stages.clear()

    def events(self, job: Job) -> AsyncIterator[Event]:
        """Let the engine do what was asked."""
        if self.pace is not DEFAULT_PACE and isinstance(job, Infer | Embed):
            self.when_paced()
        return self.stage(self._engine.run(job, self.pace, self.request.gone, self.see))


def _forget(data: bytes) -> None:
    """What is done with a body that nobody reads."""


def _nobody() -> None:
    """Who is told of a pace that is incidental to a fault."""


async def answer(exchange: Exchange) -> AsyncGenerator[Act, None]:
    """The honest answer: what the codec makes of what the engine says."""
    route = exchange.route
    if isinstance(route, Fixed):
        yield Tick()
        yield Head(route.status, route.headers, route.framing)
        yield Body(route.body, flush=False)
        yield End()
        return
    started = False
    codec: Codec | None = None
    refusal: Refusal
    try:
        codec = await exchange.codec()
        if codec.wrong is not None:
            raise codec.wrong
        job: Job | None = codec.job
        if codec.stream:
            while job is not None:
                async for event in exchange.events(job):
                    if isinstance(event, TICKING):
                        yield Tick()
                    if isinstance(event, Quiet):
                        continue
                    for chunk in codec.encode(event):
                        if not started:
                            started = True
                            yield _head_of(codec)
                        yield Body(chunk)
                job = codec.then([])
            for chunk in codec.finish():
                if not started:
                    started = True
                    yield _head_of(codec)
                yield Body(chunk)
            if not started:
                # A stream without events has the native type whatever was spoken (5.5).
                yield _head_of(codec, "application/x-ndjson")
        else:
            collected: list[Event] = []
            ticked = False
            while job is not None:
                collected = []
                async for event in exchange.events(job):
                    if isinstance(event, TICKING):
                        ticked = True
                        yield Tick()
                    if not isinstance(event, Quiet):
                        collected.append(event)
                job = codec.then(collected)
            if not ticked:
                yield Tick()
            body = codec.collect(collected)
            yield _head_of(codec)
            yield Body(body, flush=False)
        yield End()
        return
    except ModelMissing as missing:
        refusal = Refusal(404, exchange.missing(missing.model))
    except Refusal as raised:
        refusal = raised
    exchange.abandoned = isinstance(refusal, Abandoned)
    for act in _refused(exchange, codec, refusal, started):
        yield act


def _refused(
    exchange: Exchange, codec: Codec | None, refusal: Refusal, started: bool
) -> Iterator[Act]:
    """What is left to say when an answer failed."""
    ending = refusal if codec is None else codec.absorb(refusal)
    if isinstance(ending, Refusal):
        if not started:
            yield from exchange.refuse(ending)
            return
        assert codec is not None, "what has begun was understood"
        ending = codec.broken(ending)
    elif not started:
        assert codec is not None, "nobody else absorbs"
        yield Tick()
        yield _head_of(codec)
    for chunk in ending:
        yield Body(chunk, flush=codec is not None and codec.stream)
    yield End()


def _head_of(codec: Codec, media: str = "") -> Head:
    headers = (*codec.headers, ("Content-Type", media or codec.media))
    return Head(codec.status, tuple(sorted(pair for pair in headers if pair[1])))
