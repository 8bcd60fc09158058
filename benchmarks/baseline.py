"""A bare server on llhttp and uvloop: what HTTP alone costs on this machine.

It reads requests with the parser that Node uses, looks at their paths, and writes bytes that were
made before: no journal, no engine, no fault. What the simulator costs is told as a multiple of
this. It has at most 60 lines of code.

It must not import anything of the package.
"""

import asyncio
from typing import Any, NamedTuple

import httptools

AT_ONCE = 64
"""Chunks of an unpaced stream after which other connections have their turn."""


class Bytes(NamedTuple):
    """What is written."""

    tags: bytes
    """The answer to `GET /api/tags`."""
    first: bytes
    """The head of a stream, and its first chunk."""
    chunk: bytes
    """Each further chunk but the last."""
    last: bytes
    """The last one, and the terminator."""


class Bare(asyncio.Protocol):
    """One connection."""

    def __init__(self, written: Bytes, rate: float | None, tokens: int, clock: Any) -> None:
        """A stream has so many `tokens`, at a `rate` in a second or, for None, at once. The `clock`
        tells the time in seconds, and keeps how late tokens were."""
        self._written, self._rate, self._tokens, self._clock = written, rate, tokens, clock
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._left, self._due, self._url, self._full = 0, 0.0, b"", False
        self._transport: Any

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.set_write_buffer_limits(high=0)  # each chunk is a write of its own

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._left = 0

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        if self._rate is None:
            self._burst()

    def on_url(self, url: bytes) -> None:
        """Called by the parser."""
        self._url = url

    def on_message_complete(self) -> None:
        """Called by the parser: answer."""
        if self._url == b"/api/tags":
            self._transport.write(self._written.tags)
            return
        self._transport.write(self._written.first)
        self._left, self._due = self._tokens - 1, self._clock.now()
        self._burst() if self._rate is None else self._wait()

    def _burst(self) -> None:
        for _ in range(min(AT_ONCE, self._left)):
            if self._full:
                return
            self._say()
        if self._left:
            self._loop.call_soon(self._burst)

    def _wait(self) -> None:
        self._due += 1 / (self._rate or 1)
        self._loop.call_at(self._due, self._step)

    def _step(self) -> None:
        if self._left:  # else the client has left
            self._say()
            # uvloop's timers are exact to a millisecond, and may be early.
            self._clock.lateness.add(max(self._clock.now() - self._due, 0.0))
        if self._left:
            self._wait()

    def _say(self) -> None:
        self._transport.write(self._written.chunk)
        self._left -= 1
        if not self._left:
            self._transport.write(self._written.last)
