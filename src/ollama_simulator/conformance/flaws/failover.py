"""Flaws of what is done when a server fails, or closes a connection that was kept."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from ollama_simulator.acts import Act, Hangup, Head
from ollama_simulator.conformance.flaws.flaw import Flawed, FlawedRelay
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import Call
from ollama_simulator.conformance.reference.pool import Kept, Pool
from ollama_simulator.net.client import Broken, Client, End, ResponseHead

GONE = (End.CUT, End.RESET)


class ReplaysMidstream(FlawedRelay):
    """An answer that breaks is begun anew by another server, behind what the client has."""

    async def through(self, backend: Backend) -> AsyncGenerator[Act, None]:
        headed = False
        async for act in super().through(backend):
            headed = headed or isinstance(act, Head)
            another = None
            if headed and isinstance(act, Hangup) and self.request.left is None:
                self.tried.append(backend)
                another = self.balancer.choose(self)
            if another is None:
                yield act
                continue
            async for more in super().through(another):
                if not isinstance(more, Head):
                    yield more
            self.balancer.free(another)


class _Enduring(Client):
    def body(self, silence: float | None) -> AsyncIterator[bytes]:
        return super().body(None)


class NoStallTimeout(FlawedRelay):
    """Silence is limited until an answer begins, and never within it."""

    client = _Enduring


class RetriesTheSame(Flawed):
    """A request that a server did not answer in time is sent to that server again."""

    def retries(self, call: Call, broken: Broken) -> bool:
        return broken.end is End.SILENT and not call.tried

    def choose(self, call: Call) -> Backend | None:
        if not call.tried:
            return super().choose(call)
        self.take(call.tried[-1])
        return call.tried[-1]


class _Clinging(Client):
    def close(self) -> None:
        if self._broken is None or self._broken.end is not End.SILENT:
            super().close()


class AbandonsSilent(FlawedRelay):
    """The connection to a server that was silent for too long stays open."""

    async def connect(self, backend: Backend) -> Client:
        return await _Clinging.connect(backend.host, backend.port, self.balancer.connect_s)


class _Careless(Pool):
    def usable(self, kept: Kept) -> bool:
        return True


class UsesClosedConnections(Flawed):
    """A kept connection is used again, whether its server has closed it or not."""

    pool_type = _Careless


class _Waiting(Kept):
    def _break(self, end: End, detail: str) -> None:
        if end not in GONE or not self.turn:
            super()._break(end, detail)

    async def head(self, silence: float | None) -> ResponseHead:
        return await super().head(None if self.turn else silence)


class _Patient(Pool):
    make = _Waiting


class WaitsOnDeadConnections(Flawed):
    """The end of a kept connection under a request is not noticed: its answer is waited for."""

    pool_type = _Patient


class BlamesKeptConnections(FlawedRelay):
    """What fails on a new connection is tried elsewhere; what fails on a kept one is a 502."""

    async def connect(self, backend: Backend) -> Client:
        self.upstream = await super().connect(backend)
        return self.upstream

    def last_try(self) -> bool:
        return super().last_try() or (isinstance(self.upstream, Kept) and self.upstream.turn > 0)


class _Resending(Kept):
    async def ask(self, *arguments: Any, **options: Any) -> None:
        self._asked = (arguments, options)
        await super().ask(*arguments, **options)

    async def head(self, silence: float | None) -> ResponseHead:
        try:
            return await super().head(silence)
        except Broken as broken:
            if not self.turn or broken.end not in GONE:
                raise
        self._second = await Client.connect(*self.where, silence)
        arguments, options = self._asked
        await self._second.ask(*arguments, **options)
        return await self._second.head(silence)

    def body(self, silence: float | None) -> AsyncIterator[bytes]:
        second = getattr(self, "_second", None)
        return super().body(silence) if second is None else second.body(silence)


class _Library(Pool):
    make = _Resending


class ResendsOnKept(Flawed):
    """A request whose kept connection ended without an answer is sent to the same server again,
    on a new one, though the server had read it."""

    pool_type = _Library


class _Unread(Kept):
    def close(self) -> None:
        self._break(End.LEFT, "we left")

    @property
    def _reusable(self) -> bool:
        return self.open

    def next_turn(self) -> None:
        self._broken = None
        self._pieces.clear()
        self._unread = 0
        super().next_turn()


class _Hasty(Pool):
    make = _Unread


class KeepsUnreadConnections(Flawed):
    """A connection is kept for the next request although its answer was not read to its end."""

    pool_type = _Hasty


class OneForAll(FlawedRelay):
    """A request waits until the one before it has been answered, whatever holds that up."""

    _turn = asyncio.Lock()

    async def relay(self) -> AsyncGenerator[Act, None]:
        async with self._turn:
            async for act in super().relay():
                yield act


class RetriesEmpty(FlawedRelay):
    """A request that is sent to another server is sent without its body."""

    async def through(self, backend: Backend) -> AsyncGenerator[Act, None]:
        if self.tried:
            self.body = b""
        async for act in super().through(backend):
            yield act
