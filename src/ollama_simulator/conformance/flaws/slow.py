"""Flaws of patience: with clients that send slowly, and with models that load."""

import asyncio
from collections.abc import AsyncGenerator
from typing import ClassVar

from ollama_simulator.acts import Act
from ollama_simulator.conformance.flaws.flaw import Flawed, FlawedRelay
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import Call, text
from ollama_simulator.conformance.reference.relay import Again
from ollama_simulator.net.client import Broken


class ImpatientWithHeads(FlawedRelay):
    """A request whose head was not there half a second after the connection is answered 408."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        balancer = self.balancer
        began = balancer.connections.get(self.request.connection, 0.0)
        if balancer.clock.now() - began > 0.5:
            for act in text(408, "Request Timeout"):
                yield act
            return
        async for act in super().relay():
            yield act


class ReadsOnce(FlawedRelay):
    """Of a request's body only what the first read brings is passed on."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        async for data in self.request.body.chunks():
            self.body = data
            break
        async for act in super().relay():
            yield act


class FewConnections(Flawed):
    """With more than sixteen clients connected, none is served."""

    def choose(self, call: Call) -> Backend | None:
        return super().choose(call) if len(self.connections) <= 16 else None


class OneUploadAtATime(FlawedRelay):
    """The body of one request is read at a time; the others wait."""

    reading: ClassVar[asyncio.Lock] = asyncio.Lock()

    async def relay(self) -> AsyncGenerator[Act, None]:
        async with self.reading:
            self.body = await self.request.body.read()
        async for act in super().relay():
            yield act


class TakesEarly(FlawedRelay):
    """A server is occupied from the head of a request on, not only when its body is there."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        taken = self.balancer.choose(self)
        try:
            self.body = await self.request.body.read()
        finally:
            if taken is not None:
                self.balancer.free(taken)
        async for act in super().relay():
            yield act


class RetriesForEver(FlawedRelay):
    """A request that was not answered is sent to one server after the other, until it is."""

    async def unanswered(self, broken: Broken) -> AsyncGenerator[Act, None]:
        self.tried.clear()
        if not self.abandoned():
            raise Again
        async for act in super().unanswered(broken):
            yield act
