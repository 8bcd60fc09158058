"""Flaws in what an intermediary does with answers: framing, headers, codings."""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import ClassVar

import msgspec

from ollama_simulator.acts import Act, Body, End, Framing, Hangup, Head, How, Raw
from ollama_simulator.conformance.flaws.flaw import Flawed, FlawedRelay
from ollama_simulator.conformance.flaws.http import HOPS
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import text
from ollama_simulator.conformance.reference.relay import Relay
from ollama_simulator.net.client import ResponseHead


class HidesRefusals(FlawedRelay):
    """A server's 413 becomes a 502."""

    def passed_on(self, head: ResponseHead) -> Head:
        passed = super().passed_on(head)
        return msgspec.structs.replace(passed, status=502) if head.status == 413 else passed


async def _nothing() -> AsyncGenerator[bytes, None]:
    nothing: tuple[bytes, ...] = ()
    for data in nothing:
        yield data


class WantsALength(FlawedRelay):
    """A body that neither a length nor chunks announce is taken for none."""

    def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        framed = head.header("content-length") or head.header("transfer-encoding")
        return super().pass_on(head, body if framed else _nothing())


class KnowsOneCase(FlawedRelay):
    """Content-Length and Transfer-Encoding are known in this spelling only."""

    def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        framed = {"Content-Length", "Transfer-Encoding"} & {name for name, _ in head.headers}
        return super().pass_on(head, body if framed else _nothing())

    def passed_on(self, head: ResponseHead) -> Head:
        kept = tuple(pair for pair in head.headers if pair[0] != "CONTENT-LENGTH")
        return super().passed_on(msgspec.structs.replace(head, headers=kept))


async def _pieces(relay: Relay, backend: Backend) -> AsyncGenerator[bytes, None]:
    """What a server answers, byte for byte, as it comes."""
    reader, writer = await asyncio.open_connection(backend.host, backend.port)
    length = ("Content-Length", str(len(relay.body)))
    headers = [("Host", f"{backend.host}:{backend.port}"), ("Connection", "close"), length]
    lines = [f"{relay.request.method} {relay.request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers]
    writer.write("\r\n".join([*lines, "", ""]).encode() + relay.body)
    try:
        while data := await reader.read(65_536):
            yield data
    finally:
        writer.close()


class PassesOnAmbiguity(FlawedRelay):
    """Answers are passed on byte for byte, whatever their heads say."""

    async def through(self, backend: Backend) -> AsyncGenerator[Act, None]:
        async with contextlib.aclosing(_pieces(self, backend)) as pieces:
            async for data in pieces:
                yield Raw(data)
        yield End()


class PassesOnPieces(FlawedRelay):
    """What comes in one piece is taken for one head, or for one chunk."""

    async def through(self, backend: Backend) -> AsyncGenerator[Act, None]:
        begun = False
        async with contextlib.aclosing(_pieces(self, backend)) as pieces:
            async for data in pieces:
                if not begun:
                    begun = True
                    yield Head(200, (("Content-Type", "application/json"),))
                    data = data.partition(b"\r\n\r\n")[2]
                    if not data:
                        continue
                size, _, rest = data.partition(b"\r\n")
                try:
                    yield Body(rest[: int(size, 16)])
                except ValueError:
                    yield Hangup(How.FIN)
                    return
        yield End()


class WantsAReason(FlawedRelay):
    """A status line without a reason is taken for none."""

    async def through(self, backend: Backend) -> AsyncGenerator[Act, None]:
        first = b""
        async with contextlib.aclosing(_pieces(self, backend)) as pieces:
            async for data in pieces:
                first = data
                break
        if len(first.partition(b"\r\n")[0].split()) < 3:
            for act in text(502, "no status line"):
                yield act
            return
        async with contextlib.aclosing(super().through(backend)) as acts:
            async for act in acts:
                yield act


class TakesTheFirstStatus(FlawedRelay):
    """An answer below 200 is taken for the answer that counts."""

    def passed_on(self, head: ResponseHead) -> Head:
        passed = super().passed_on(head)
        first = head.interim[0].status if head.interim else head.status
        return msgspec.structs.replace(passed, status=first)


class DropsUnknownHeaders(Flawed):
    """Headers of an answer that begin with X- are not passed on."""

    def reply_headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple(pair for pair in headers if not pair[0].lower().startswith("x-"))


class Gives204ABody(FlawedRelay):
    """The head of a 204 tells the length of a body."""

    def passed_on(self, head: ResponseHead) -> Head:
        passed = super().passed_on(head)
        if head.status != 204:
            return passed
        return msgspec.structs.replace(passed, headers=(*passed.headers, ("Content-Length", "9")))


class RemembersAnswers(FlawedRelay):
    """The answer to a GET is kept, and given to whoever asks for the same."""

    _kept: ClassVar[dict[str, list[Act]]] = {}

    async def relay(self) -> AsyncGenerator[Act, None]:
        target = self.request.target
        if self.request.method != "GET" or target not in self._kept:
            acts = []
            async for act in super().relay():
                acts.append(act)
                if isinstance(act, End) and self.request.method == "GET":
                    self._kept[target] = acts
                yield act
            return
        for act in self._kept[target]:
            yield act


class ReturnsHops(FlawedRelay):
    """Headers that a server means for one connection are passed on."""

    def passed_on(self, head: ResponseHead) -> Head:
        passed = super().passed_on(head)
        hops = (pair for pair in head.headers if pair[0].lower() in HOPS)
        return msgspec.structs.replace(passed, headers=(*passed.headers, *hops))


class ChangesMedia(Flawed):
    """Every answer is called JSON."""

    def reply_headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        kept = (pair for pair in headers if pair[0].lower() != "content-type")
        return (*kept, ("Content-Type", "application/json"))


class KeepsOneOfEach(Flawed):
    """Of several headers of one name the last is passed on."""

    def reply_headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple(dict(headers).items())


class ChunksForEverybody(FlawedRelay):
    """Answers are chunked, whatever version of HTTP the client speaks."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        self.request.version = "1.1"
        async for act in super().relay():
            yield act

    def passed_on(self, head: ResponseHead) -> Head:
        return msgspec.structs.replace(
            super().passed_on(head), framing=Framing.CHUNKED, length=None
        )


class WritesTooMuch(FlawedRelay):
    """Behind each answer stands a byte too many."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        chunks = False
        async for act in super().relay():
            if isinstance(act, Head):
                chunks = act.framing is Framing.CHUNKED and act.length is None
            if isinstance(act, End):
                yield Raw(b"0\r\n\r\nx" if chunks else b"x")
                yield Hangup(How.FIN)
                return
            yield act


class DecompressesSilently(FlawedRelay):
    """A compressed answer is decompressed, and still called compressed."""

    async def pass_on(
        self, head: ResponseHead, body: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        coding = head.header("content-encoding")
        unpacker = zlib.decompressobj(wbits=31) if coding == "gzip" else None
        async for data in super().pass_on(head, body):
            plain = unpacker.decompress(data) if unpacker is not None else data
            if plain:
                yield plain

    def passed_on(self, head: ResponseHead) -> Head:
        if head.header("content-encoding") != "gzip":
            return super().passed_on(head)
        return msgspec.structs.replace(
            super().passed_on(head), framing=Framing.CHUNKED, length=None
        )


class LosesWhatLies(FlawedRelay):
    """What can't be decompressed, though it is called so, is lost."""

    def pass_on(self, head: ResponseHead, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        lies = head.header("content-encoding") == "gzip"
        return super().pass_on(head, _nothing() if lies else body)

    def passed_on(self, head: ResponseHead) -> Head:
        if head.header("content-encoding") != "gzip":
            return super().passed_on(head)
        return msgspec.structs.replace(
            super().passed_on(head), framing=Framing.CHUNKED, length=None
        )


class DropsPermissions(Flawed):
    """What a server says of the pages that may ask is not passed on."""

    def reply_headers(self, headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple(pair for pair in headers if not pair[0].lower().startswith("access-control"))
