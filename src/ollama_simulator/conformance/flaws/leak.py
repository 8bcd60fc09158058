"""Flaws of bookkeeping: what is not given back, and what is taken without bound."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from ollama_simulator.conformance.flaws.flaw import Flawed, FlawedRelay
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import Call
from ollama_simulator.conformance.reference.command_line import Options
from ollama_simulator.net.client import Broken, Client

PERMITS = 8
"""Requests that may be in progress, as far as the flawed ones know."""


class LeaksFailed(Flawed):
    """Of the eight requests that may be in progress, one that failed counts for ever."""

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self._permits = PERMITS

    def choose(self, call: Call) -> Backend | None:
        return super().choose(call) if self._permits > 0 else None

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
        super().distrust(backend, why)
        self._permits -= 1


class LeaksRefused(LeaksFailed):
    """Of the eight requests that may be in progress, one that was refused counts for ever."""

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
        Flawed.distrust(self, backend, why)

    def completed(self, backend: Backend, status: int) -> None:
        super().completed(backend, status)
        if status >= 400:
            self._permits -= 1


class _Greedy(Client):
    """A connection that reads on, whether or not anybody takes it."""

    def on_body(self, data: bytes) -> None:
        super().on_body(data)
        if not self._transport.is_closing():
            self._transport.resume_reading()


class ReadsAhead(FlawedRelay):
    """An answer is read as fast as the server sends it, and kept until the client takes it."""

    client = _Greedy


class WaitsForSlowest(Flawed):
    """One piece of an answer is written at a time: who doesn't read holds up all others."""

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self._writing = asyncio.Lock()

    async def pass_on(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        async for data in body:
            async with self._writing:
                yield data
