"""How these scenarios ask: one request alone, or a connection on which every byte is kept.

Rules of this file:

1. Whatever reaches a server meanwhile belongs to the one request that was sent: nothing else is
   asked for at the time.

It must not import the scenarios or the player.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self, cast

import msgspec

from ollama_simulator.conformance.answer import Answer, Piece
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.spelling import Part, Spelled
from ollama_simulator.net.client import End
from ollama_simulator.records import Asked, Received

HOST = "127.0.0.1"
PROBES = frozenset("/ /health /healthz /api/version /api/tags /api/ps /v1/models".split())


async def sent(
    run: Run, spelled: Spelled, parts: Sequence[Part] | None = None, patience: float | None = None
) -> Answer:
    """Send a request, alone, and wait for the end of its answer."""
    begin = len(run.fleet.journal.records)
    (answer,) = await run.together(run.send(spelled, parts, patience=patience))
    answer.alone = slice(begin, len(run.fleet.journal.records))
    return answer


def ours(run: Run, answer: Answer) -> list[Asked]:
    """What servers were asked for a request, without what may be health checks of the balancer;
    with them if there is nothing else."""
    found = run.attempts(answer)
    return [each for each in found if not may_be_a_probe(each.method, each.target)] or found


def may_be_a_probe(method: str, target: str) -> bool:
    """Whether balancers look for their servers' health in this way."""
    return method in ("GET", "HEAD") and target in PROBES


def bodies(run: Run, answer: Answer) -> list[Received]:
    """The bodies that servers read for a request."""
    exchanges = [record.exchange for record in ours(run, answer)]
    return [each for each in run.fleet.journal.where(Received) if each.exchange in exchanges]


def asked(run: Run, answer: Answer) -> Asked | None:
    """The request as the server saw it that answered; None if none was asked."""
    found = ours(run, answer)
    return found[-1] if found else None


def values(headers: Sequence[tuple[str, str]], name: str) -> list[str]:
    """All headers of this (lower-case) name."""
    return [value for key, value in headers if key.lower() == name]


class Said(msgspec.Struct, frozen=True):
    """An answer as bytes: its head, and what followed."""

    status: int
    headers: tuple[tuple[str, str], ...]
    rest: bytes

    def header(self, name: str) -> str | None:
        """The first header of this (lower-case) name, or None."""
        return next(iter(values(self.headers, name)), None)


class Wire(asyncio.Protocol):
    """A connection to the balancer on which every byte is kept. Use as `async with`."""

    def __init__(self, run: Run, what: str) -> None:
        """`what` is asked for, in words."""
        self.came = b""
        self.over = False
        """Whether the balancer ended the connection."""
        self.last = Said(0, (), b"")
        """The answer whose head was taken last."""
        self._run = run
        self._transport: asyncio.Transport
        self._answer = Answer(
            nonce="",
            expected="",
            asked_at=run.fleet.clock.now(),
            label=f"r{len(run.answers) + 1}",
            asked=what,
        )
        run.answers.append(self._answer)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, HOST, self._run.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._answer.ended_at = self._run.fleet.clock.now()
        self._answer.end = End.COMPLETE if self.over else End.LEFT
        self._transport.close()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def until(self, condition: Callable[[], object], seconds: float | None = None) -> bool:
        """Wait until a condition holds, or the connection is over. Returns whether it holds."""
        await self._run.until(lambda: condition() or self.over, seconds=seconds)
        return bool(condition())

    async def head(self, seconds: float | None = None) -> Said | None:
        """Wait for the head of a final answer, and take it from what came; None if none comes."""
        await self.until(lambda: self._final() is not None, seconds)
        found = self._final()
        if found is None:
            return None
        self.came = found.rest
        self.last = found
        self._answer.status, self._answer.headers = found.status, found.headers
        self._answer.head_at = self._answer.head_at or self._run.fleet.clock.now()
        return found

    @property
    def interim(self) -> bool:
        """Whether an answer below 200 came."""
        return self.came.startswith(b"HTTP/1.1 1")

    def _final(self) -> Said | None:
        came = self.came
        while b"\r\n\r\n" in came:
            said = said_in(came)
            if said.status >= 200:
                return said
            came = said.rest
        return None

    # --- called by the event loop -------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.came += data
        self._answer.pieces.append(Piece(self._run.fleet.clock.now(), data))

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = True


def said_in(came: bytes) -> Said:
    """The first answer in what came, which has all of its head."""
    head, _, rest = came.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    words = line.split(" ")
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() else 999
    pairs = (each.partition(":") for each in lines)
    return Said(status, tuple((name, value.strip()) for name, _, value in pairs), rest)
