"""Flaws of what a client reads of an error."""

import gzip
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from ollama_simulator.acts import Act, Body, End, Framing, Head
from ollama_simulator.conformance.flaws.flaw import FlawedRelay
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import text
from ollama_simulator.net.client import Broken, ResponseHead


class OwnWordsForErrors(FlawedRelay):
    """The body of a server's error is replaced by words of the balancer's own."""

    async def through(self, backend: Backend) -> AsyncGenerator[Act, None]:
        own: list[Act] = []
        async for act in super().through(backend):
            if isinstance(act, Head) and act.status >= 400:
                own = text(act.status, "Upstream error")
            elif isinstance(act, End) and own:
                for each in own:
                    yield each
                return
            if not own:
                yield act


class JsonForAllErrors(FlawedRelay):
    """Every error is said to be JSON, whatever it is."""

    def passed_on(self, head: ResponseHead) -> Head:
        found = super().passed_on(head)
        if head.status < 400:
            return found
        others = [pair for pair in found.headers if pair[0].lower() != "content-type"]
        return msgspec.structs.replace(
            found, headers=(*others, ("Content-Type", "application/json"))
        )


class FillsEmptyErrors(FlawedRelay):
    """An error without a body gets one, under the old status."""

    async def through(self, backend: Backend) -> AsyncGenerator[Act, None]:
        async for act in super().through(backend):
            if isinstance(act, Head) and act.status >= 400 and act.length == 0:
                act = msgspec.structs.replace(act, length=None)
                yield act
                yield Body(b"Unknown error", flush=False)
            else:
                yield act


class UnzipsErrors(FlawedRelay):
    """The body of an error is unpacked, and still said to be packed."""

    def passed_on(self, head: ResponseHead) -> Head:
        found = super().passed_on(head)
        packed = head.header("content-encoding") == "gzip"
        if not packed:
            return found
        return msgspec.structs.replace(found, length=None, framing=Framing.CHUNKED)

    async def pass_on(
        self, head: ResponseHead, body: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        if head.header("content-encoding") != "gzip":
            async for data in body:
                yield data
            return
        yield gzip.decompress(b"".join([data async for data in body]))


class CutsLargeErrors(FlawedRelay):
    """Of an error only the first 64 kB are passed on."""

    def passed_on(self, head: ResponseHead) -> Head:
        found = super().passed_on(head)
        if head.status < 400 or found.length is None:
            return found
        return msgspec.structs.replace(found, length=min(found.length, 64_000))

    async def pass_on(
        self, head: ResponseHead, body: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        left = 64_000 if head.status >= 400 else 1 << 62
        async for data in body:
            if data[:left]:
                yield data[:left]
            left = max(0, left - len(data))


class OkForFailures(FlawedRelay):
    """200 where 502 belongs."""

    async def unanswered(self, broken: Broken) -> AsyncGenerator[Act, None]:
        for act in text(200, f"Error connecting to Ollama server: {broken}"):
            yield act


class OkForServerErrors(FlawedRelay):
    """The error of a server is passed on under status 200."""

    def passed_on(self, head: ResponseHead) -> Head:
        found = super().passed_on(head)
        return msgspec.structs.replace(found, status=200) if head.status >= 500 else found
