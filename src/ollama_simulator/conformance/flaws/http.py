"""Flaws in what an intermediary does with requests: bodies, headers, paths."""

import contextlib
import json
import posixpath
from collections.abc import AsyncGenerator
from urllib.parse import quote, unquote

from ollama_simulator.acts import Act, Head
from ollama_simulator.conformance.dialect import PATHS
from ollama_simulator.conformance.flaws.flaw import Flawed, FlawedRelay
from ollama_simulator.conformance.reference.balancer import text
from ollama_simulator.net.request import Request

LIMIT = 1_000_000
"""Bytes of a body that somebody found large enough."""
HALF = 500_000


class LimitsBodies(FlawedRelay):
    """Bodies of more than a megabyte are refused with 413."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        self.body = await self.request.body.read()
        acts = text(413, "Payload Too Large")
        if len(self.body) <= LIMIT:
            async for act in super().relay():
                yield act
            return
        for act in acts:
            yield act


class CutsBodies(FlawedRelay):
    """What is behind the first half megabyte of a body is lost."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        self.body = (await self.request.body.read())[:HALF]
        async for act in super().relay():
            yield act


class DropsChunkedBodies(FlawedRelay):
    """A body without a Content-Length is not passed on."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        if self.request.header("transfer-encoding"):
            await self.request.body.read()
            self.request.headers = [
                pair for pair in self.request.headers if pair[0].lower() != "transfer-encoding"
            ]
        async for act in super().relay():
            yield act


class DropsExpectedBodies(FlawedRelay):
    """A body that is announced by `Expect` is not waited for."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        if self.request.header("expect"):
            await self.request.body.read()
            self.request.headers = [
                pair for pair in self.request.headers if pair[0].lower() != "content-length"
            ]
        async for act in super().relay():
            yield act


class KeepsExpecting(FlawedRelay):
    """Who asks before he sends a body is told nothing."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        clock = self.balancer.clock
        limit = clock.now() + 3.0
        while self.request.header("expect") and clock.now() < limit:
            await clock.sleep_until(clock.now() + 0.05)
            if self.request.body.complete:
                break
        async for act in super().relay():
            yield act


HOPS = frozenset({"connection", "keep-alive", "proxy-connection", "upgrade", "x-hop"})


class RewritesJson(FlawedRelay):
    """A body that is JSON is parsed and written anew."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        body = await self.request.body.read()
        with contextlib.suppress(ValueError):
            body = json.dumps(json.loads(body)).encode()
        self.body = body
        async for act in super().relay():
            yield act


class DropsRequestCoding(Flawed):
    """How the body of a request is coded is not passed on."""

    def headers(self, request: Request, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [pair for pair in headers if pair[0].lower() != "content-encoding"]


class PassesOnHops(Flawed):
    """Headers that a client means for one connection are passed on."""

    def headers(self, request: Request, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [*headers, *(pair for pair in request.headers if pair[0].lower() in HOPS)]


class DropsClientHeaders(Flawed):
    """Of a client's headers none is passed on."""

    def headers(self, request: Request, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [("Content-Type", "application/json")]


class KnowsOneCaseOfRequests(FlawedRelay):
    """A body is only read if its length is announced as Content-Length, written so."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        if not any(name == "Content-Length" for name, _ in self.request.headers):
            await self.request.body.read()
        async for act in super().relay():
            yield act


class ServesWhatFollows(FlawedRelay):
    """Connections go on, whatever their clients want."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        self.request.keep_alive = True
        async for act in super().relay():
            yield act


class PassesOnFraming(Flawed):
    """Content-Length and Transfer-Encoding are passed on as the client wrote them."""

    def headers(self, request: Request, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        framing = ("content-length", "transfer-encoding")
        return [*headers, *(pair for pair in request.headers if pair[0].lower() in framing)]


class AcceptsGzipForAll(Flawed):
    """Servers are told that every client bears gzip."""

    def headers(self, request: Request, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        kept = [pair for pair in headers if pair[0].lower() != "accept-encoding"]
        return [*kept, ("Accept-Encoding", "gzip")]


class RelaysTextsOnly(FlawedRelay):
    """Only what generates texts is relayed; all else is answered 404."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        if self.request.target.partition("?")[0] in PATHS and self.request.method == "POST":
            async for act in super().relay():
                yield act
            return
        await self.request.body.read()
        for act in text(404, "not here"):
            yield act


class WaitsForHeadBodies(FlawedRelay):
    """The answer to HEAD is held back for a body that never comes."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        if self.request.method == "HEAD":
            await self.balancer.clock.sleep_until(self.balancer.clock.now() + 2.0)
        async for act in super().relay():
            yield act


class DecodesPaths(Flawed):
    """Escapes in paths are decoded, and those that must be there are written anew."""

    def target(self, request: Request) -> str:
        path, mark, query = request.target.partition("?")
        return quote(unquote(path).replace(" ", "+"), safe="/:+") + mark + query


class CleansPaths(Flawed):
    """Paths are made tidy: one slash where there are two, no dots, none at the end."""

    def target(self, request: Request) -> str:
        path, mark, query = request.target.partition("?")
        return posixpath.normpath(path).replace("//", "/") + mark + query


class FollowsRedirections(FlawedRelay):
    """A redirection is followed, and the client learns nothing of it."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        location = ""
        async for act in super().relay():
            if isinstance(act, Head) and act.status in (301, 302, 307, 308):
                location = next(text for name, text in act.headers if name.lower() == "location")
            if not location:
                yield act
        if location:
            self.request.target = location
            async for act in super().relay():
                yield act


class KeepsStrangeHosts(Flawed):
    """The client's Host is passed on, whatever the servers bear."""

    def headers(self, request: Request, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return headers


class TellsNobody(Flawed):
    """Nothing tells a server that somebody asks on behalf of another."""

    def headers(self, request: Request, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return headers
