"""The innermost way to answer a request: honestly.

Rules of this file:

1. An error before the first byte is a status and a document; after it, whatever the dialect
   says in a stream that has begun (native specification, section 7).
2. An answer may take several jobs of the engine, one after the other; the codec says which.
3. It knows no fault. Faults wrap `answer`.

It must not import faults, the journal or anything above.
"""

from collections.abc import AsyncGenerator, Iterator

import msgspec

from ollama_simulator.acts import Act, Body, End, Framing, Head, Stream, Tick
from ollama_simulator.exchange import Exchange, head_of
from ollama_simulator.flow import Flow
from ollama_simulator.model import (
    Abandoned,
    Event,
    Job,
    ModelMissing,
    Progress,
    Quiet,
    Refusal,
    Token,
)
from ollama_simulator.wire.codec import Codec
from ollama_simulator.wire.redirects import Fixed

TICKING = (Token, Quiet, Progress)
"""The events that are one unit of progress each."""


async def answer(exchange: Exchange) -> AsyncGenerator[Act, None]:
    """The honest answer: what the codec makes of what the engine says."""
    route = exchange.route
    if isinstance(route, Fixed):
        yield Tick()
        yield Head(route.status, route.headers)
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
                    if isinstance(event, Flow):
                        if started:
                            event.begin(codec.encode, codec.encode_ahead)
                            yield Stream(event)
                        continue
                    if isinstance(event, TICKING):
                        yield Tick()
                    if isinstance(event, Quiet):
                        continue
                    for chunk in codec.encode(event):
                        if not started:
                            started = True
                            yield head_of(codec)
                        yield Body(chunk)
                job = codec.then([])
            for chunk in codec.finish():
                if not started:
                    started = True
                    yield head_of(codec)
                yield Body(chunk)
            if not started:
                # A stream without events has the native type whatever was spoken (5.5).
                head = head_of(codec, "application/x-ndjson")
                yield msgspec.structs.replace(head, framing=Framing.CHUNKED)
        else:
            collected: list[Event] = []
            ticked = False
            # Nobody would take them.
            exchange.flows = False
            while job is not None:
                collected = []
                async for event in exchange.events(job):
                    if isinstance(event, TICKING):
                        ticked = True
                        yield Tick()
                    if not isinstance(event, Quiet | Flow):
                        collected.append(event)
                job = codec.then(collected)
            if not ticked:
                yield Tick()
            for act in whole(codec, collected):
                yield act
            return
        yield End()
        return
    except ModelMissing as missing:
        refusal = Refusal(404, exchange.missing(missing.model))
    except Refusal as raised:
        refusal = raised
    exchange.abandoned = isinstance(refusal, Abandoned)
    for act in failed(exchange, codec, refusal, started):
        yield act


def whole(codec: Codec, events: list[Event]) -> tuple[Act, ...]:
    """An answer in one piece, behind its ticks. Raises `Refusal`."""
    # First, as it may set the head's status.
    body = Body(codec.collect(events), flush=False)
    return head_of(codec), body, End()


def failed(
    exchange: Exchange, codec: Codec | None, refusal: Refusal, started: bool
) -> Iterator[Act]:
    """What is left to say when an answer failed; `started`: a part of it is out."""
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
        yield head_of(codec)
    for chunk in ending:
        yield Body(chunk, flush=codec is not None and codec.stream)
    yield End()
