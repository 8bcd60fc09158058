"""How a scenario asks for a stream of a shape, and what it checks of every stream.

Rules of this file:

1. What a server writes goes onto a tape: it is what a client should have got.

It must not import the player.
"""

from collections.abc import AsyncGenerator, Iterable
from typing import Any

import msgspec

from ollama_simulator.acts import Act, Body
from ollama_simulator.conformance.answer import Answer, Outcome, Piece
from ollama_simulator.conformance.dialect import CHAT, GENERATE, MESSAGES, OPENAI, Dialect
from ollama_simulator.conformance.faults import Turns
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import Variant, variant
from ollama_simulator.conformance.scenarios.stream.shapes import Shape, plain
from ollama_simulator.engine.machine import Pace
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault
from ollama_simulator.script import Script, Step

SPEED = 400
"""Tokens in a second, where a shape doesn't hold them back."""
FOUR = (CHAT, GENERATE, OPENAI, MESSAGES)
"""The dialects that clients stream in most."""


def spoken(*dialects: Dialect) -> dict[str, Variant]:
    """A variant for each dialect."""
    return {dialect.name: variant(dialect=dialect, needs={dialect.feature}) for dialect in dialects}


class Tape(msgspec.Struct):
    """One request as a server read it, and what it wrote, each piece with the time."""

    asked: bytes = b""
    """The body of the request."""
    pieces: list[Piece] = []

    @property
    def body(self) -> bytes:
        """All that was written."""
        return b"".join(piece.data for piece in self.pieces)

    def heard(self) -> Answer:
        """What a client heard who stands beside the server."""
        return Answer(nonce="", expected="", asked_at=0.0, pieces=self.pieces)


class Shaped(Fault, frozen=True):
    """The server's answer in another shape."""

    shape: Shape
    tape: Tape

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Shape the acts, and tape them."""
        exchange.pace = Pace(decode_tps=SPEED)
        self.tape.asked = await exchange.body()
        async for act in self.shape(handler(exchange)):
            if isinstance(act, Body):
                self.tape.pieces.append(Piece(exchange.clock.now(), act.data))
            yield act


async def ask(run: Run, shape: Shape, asked: Dialect = CHAT, **options: Any) -> tuple[Answer, Tape]:
    """Ask once, and have the answer shaped by whichever server is asked first."""
    tape = Tape()
    shaped = Shaped(shape, tape)
    if shape is plain:
        # It is only taped: there is nothing that could strike.
        turns = Turns([shaped])
        for server in run.servers:
            await server.behave(turns)
    else:
        await run.take_turns(shaped)
    return await run.talk(asked, **options), tape


def say(run: Run, *texts: str) -> str:
    """From now on all servers say these texts, a piece each. Returns them in one."""
    run.fleet.script(None, [Script(answer=tuple(Step(content=text) for text in texts))])
    return "".join(texts)


def unchanged(run: Run, answer: Answer, tape: Tape, advice: str = "") -> bool:
    """Check that the body is the server's, byte by byte, if the balancer claims that."""
    if not run.claims(Feature.PASSTHROUGH):
        return True
    got, sent = answer.body, tape.body
    at = next((i for i, pair in enumerate(zip(got, sent, strict=False)) if pair[0] != pair[1]), -1)
    at = at if at >= 0 else min(len(got), len(sent))
    near = slice(max(0, at - 20), at + 40)
    return run.note(
        "the bytes of the body",
        got == sent,
        f"the {len(sent)} bytes that the server sent, at byte {at} {sent[near]!r}",
        f"{len(got)} bytes, there {got[near]!r}",
        advice=advice,
    )


def moments(pieces: Iterable[Piece], mark: bytes) -> list[float]:
    """When each appearance of some bytes was complete."""
    found: list[float] = []
    body = b""
    for piece in pieces:
        before = body.count(mark)
        body += piece.data
        found += [piece.t] * (body.count(mark) - before)
    return found


VISIBLE = (Outcome.IN_BAND, Outcome.CUT, Outcome.ERROR, Outcome.NONE)
"""What a client can tell from a whole answer."""


def honest(run: Run, answer: Answer, advice: str = "") -> bool:
    """Check that an answer of a server that failed is visibly broken, or whole after all; and
    that what came of it is a beginning."""
    if answer.good:
        return run.note("the answer", True, "whole, or visibly broken", "whole")
    told = run.note(
        "how the client can tell that the answer is broken",
        answer.outcome in VISIBLE,
        "an error, or a connection that ends too early",
        answer.story,
        advice=advice,
    )
    content = answer.content()
    return told and run.note(
        "the text until then",
        answer.expected.startswith(content),
        f"a beginning of {answer.expected!r}",
        repr(content),
        advice="What a client has got of a broken answer is not followed by another one.",
    )
