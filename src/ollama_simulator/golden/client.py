"""A client that sees every byte: the answers of one connection, as they are framed.

Rules of this file:

1. Nothing of the simulator's own reading or writing of HTTP is used: it is what is judged.
2. An answer that doesn't come, or not whole, is an answer too.

It must not import anything of this package but `clock` and `recording`.
"""

import asyncio
import contextlib
import re
from collections.abc import Sequence
from types import TracebackType
from typing import Self, cast

from ollama_simulator.clock import WallClock
from ollama_simulator.golden.recording import Header, Reply

LIMIT = 64 * 1024 * 1024
"""Longest line or body that is read."""

PATIENCE_S = 20.0
"""How long an answer may take that is to come."""

_BODILESS = (100, 204, 304)


class Cut(Exception):
    """An answer was not read to its end; the text is the word for how it ended."""


class Connection:
    """One connection to a server. Used as `async with`."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._port = port
        self._host = host
        self._clock = WallClock()
        self._sent = 0.0
        self.first_ms: float | None = None
        """Milliseconds from the last write to the first byte of the first answer."""
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(
            self._host, self._port, limit=LIMIT
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def send(self, data: bytes) -> None:
        """Write. A server that hangs up meanwhile is heard when its answer is read."""
        self._sent = self._clock.now()
        with contextlib.suppress(OSError):
            self._writer.write(data)
            # The answer may come, and the server stop reading, before everything is written.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._writer.drain()

    async def pause(self, seconds: float) -> None:
        """Do nothing for a while."""
        await self._clock.sleep_until(self._clock.now() + seconds)

    def turn_deaf(self) -> None:
        """Read nothing from now on, so that the server can write no more at some time."""
        cast(asyncio.Transport, self._writer.transport).pause_reading()

    async def half_close(self, after_s: float = 0.0) -> None:
        """Shut the sending side down after a while."""
        await self.pause(after_s)
        with contextlib.suppress(OSError):
            self._writer.write_eof()

    async def reply(self, method: str, patience: float = PATIENCE_S) -> Reply:
        """Read the next answer, which was asked for with this method."""
        seen = _Seen()
        ended = "complete"
        try:
            async with asyncio.timeout(patience):
                await self._read(method, seen)
        except TimeoutError:
            ended = "timeout"
        except (EOFError, Cut):
            ended = "fin-without-terminator"
        except OSError:
            ended = "reset"
        except ValueError:
            ended = "malformed"
        return Reply(
            seen.status_line,
            tuple(seen.headers),
            seen.framing,
            tuple(seen.chunks),
            bytes(seen.body),
            ended,
        )

    async def some(self) -> bytes:
        """Wait for the first bytes of an answer."""
        return await self._reader.read(65536)

    @property
    def passed_ms(self) -> float:
        """Milliseconds since the last write."""
        return (self._clock.now() - self._sent) * 1000

    async def after(self, patience: float) -> str:
        """What the socket does after the last answer, within so many seconds."""
        try:
            async with asyncio.timeout(patience):
                more = await self._reader.read(65536)
        except TimeoutError:
            return "open"
        except OSError:
            return "closed"
        return f"more bytes: {more[:80]!r}" if more else "closed"

    async def _line(self) -> bytes:
        line = await self._reader.readuntil(b"\r\n")
        return line[:-2]

    async def _read(self, method: str, seen: "_Seen") -> None:
        seen.status_line = (await self._line()).decode("latin-1")
        if self.first_ms is None:
            self.first_ms = self.passed_ms
        while line := await self._line():
            name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
            seen.headers.append((name, value.removeprefix(" ") if colon else "(no colon)"))
        known = {name.lower(): value for name, value in seen.headers}
        status = seen.status_line.split(" ")[1:2]
        if method == "HEAD" or status in [[str(code)] for code in _BODILESS]:
            return
        if known.get("transfer-encoding", "").lower() == "chunked":
            seen.framing = "chunked"
            await self._chunks(seen)
        elif "content-length" in known:
            seen.framing = "content-length"
            await self._exactly(int(known["content-length"]), seen.body)
        else:
            seen.framing = "close"
            while piece := await self._reader.read(65536):
                seen.body += piece

    async def _chunks(self, seen: "_Seen") -> None:
        while size := _size(await self._line()):
            chunk = bytearray()
            try:
                await self._exactly(size, chunk)
            finally:
                if chunk:
                    seen.chunks.append(bytes(chunk))
                    seen.body += chunk
            if await self._reader.readexactly(2) != b"\r\n":
                raise Cut
        while trailer := await self._line():
            seen.headers.append(("(trailer)", trailer.decode("latin-1")))

    async def _exactly(self, size: int, into: bytearray) -> None:
        while len(into) < size:
            piece = await self._reader.read(size - len(into))
            if not piece:
                raise Cut
            into += piece


def _size(line: bytes) -> int:
    """The size of a chunk. Raises `ValueError`."""
    if not re.fullmatch(rb"[0-9a-f]+", line):
        raise ValueError(f"{line!r} is not the size of a chunk")
    return int(line, 16)


class _Seen:
    """What has come of an answer so far."""

    def __init__(self) -> None:
        self.status_line: str | None = None
        self.headers: list[Header] = []
        self.framing = "none"
        self.chunks: list[bytes] = []
        self.body = bytearray()


async def fetch(
    port: int, method: str, path: str, body: bytes = b"", headers: Sequence[Header] = ()
) -> Reply:
    """One ordinary request on a connection of its own."""
    async with Connection(port) as connection:
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost:11434"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        await connection.send("\r\n".join([*lines, "", ""]).encode() + body)
        return await connection.reply(method)
