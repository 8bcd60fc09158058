"""How servers behave here: they take large bodies, answer byte for byte, refuse early, compress.

Rules of this file:

1. None of it is registered: these are faults of scenarios, not of servers in general.

It must not import the scenarios or the player.
"""

import zlib
from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Body, End, Framing, Head, Raw, Wait
from ollama_simulator.engine.machine import Pace
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault

DONE = b'{"model":"test-model:latest","response":"enough","done":true,"done_reason":"stop"}'
"""A short answer to whatever was asked."""
JSON = (("Content-Type", "application/json; charset=utf-8"),)
GZIP = 31
"""The window of zlib that means gzip."""


class Swallows(Fault, frozen=True):
    """Read a body without understanding it, and give a short answer."""

    after: float = 0.0
    """Seconds before it begins to read."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Wait, read, answer."""
        if self.after:
            yield Wait(self.after)
        await exchange.drain()
        yield Head(200, JSON)
        yield Body(DONE, flush=False)
        yield End()


class Says(Fault, frozen=True):
    """Bytes in place of an answer, and the end of the connection."""

    parts: tuple[bytes, ...]
    apart: float = 0.0
    """Seconds between one part and the next."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Read the request, then speak."""
        await exchange.drain()
        for number, part in enumerate(self.parts):
            if number and self.apart:
                yield Wait(self.apart)
            yield Raw(part)
        yield End()


class Refuses(Fault, frozen=True):
    """Answer 413 before the body is read, and end the connection."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Answer at once."""
        yield Head(413, (*JSON, ("Connection", "close")))
        yield Body(b'{"error":"too large"}', flush=False)
        yield End()


class Compresses(Fault, frozen=True):
    """Compress the answers of those who bear it, each piece of a stream for itself."""

    tokens_per_sec: float

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Bend the honest answer."""
        exchange.pace = Pace(decode_tps=self.tokens_per_sec)
        coding = exchange.request.header("accept-encoding") or ""
        packer = zlib.compressobj(wbits=GZIP) if "gzip" in coding else None
        async for act in handler(exchange):
            if packer is None:
                yield act
            elif isinstance(act, Head):
                extra = (("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
                yield Head(act.status, (*act.headers, *extra), Framing.CHUNKED)
            elif isinstance(act, Body):
                yield Body(packer.compress(act.data) + packer.flush(zlib.Z_SYNC_FLUSH))
            elif isinstance(act, End):
                yield Body(packer.flush())
                yield act
            else:
                yield act


class CompressedError(Fault, frozen=True):
    """Refuse with 500 and a compressed document, if the client bears that."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Read, then refuse."""
        await exchange.drain()
        document = b'{"error":"' + b"the model failed; " * 20 + b'"}'
        headers: tuple[tuple[str, str], ...] = JSON
        if "gzip" in (exchange.request.header("accept-encoding") or ""):
            packer = zlib.compressobj(wbits=GZIP)
            document = packer.compress(document) + packer.flush()
            headers = (*JSON, ("Content-Encoding", "gzip"))
        yield Head(500, headers, length=len(document))
        yield Body(document)
        yield End()


def chunked(data: bytes, size: int = 65_536) -> bytes:
    """A body in chunks of a size, with its terminator."""
    found = []
    for start in range(0, len(data), size):
        piece = data[start : start + size]
        found += [b"%x\r\n" % len(piece), piece, b"\r\n"]
    return b"".join([*found, b"0\r\n\r\n"])
