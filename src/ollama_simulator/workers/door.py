"""Where workers connect to: a free port of this machine, and nobody comes in without a key.

It must not import the fleet or anything above.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Iterator
from typing import Self

from ollama_simulator.ports import HOST
from ollama_simulator.workers.line import Hungup, Line
from ollama_simulator.workers.messages import FromWorker, Hello

SOON_S = 5.0
"""Seconds in which who connects must tell a key."""
FIRST_MOST = 1024
"""Bytes of the message in which it stands."""


class Door:
    """Lets workers in, who were given keys."""

    def __init__(self) -> None:
        self._expected: dict[str, asyncio.Future[Line | None]] = {}
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._came, HOST, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no longer."""
        self._server.close()

    @contextlib.contextmanager
    def expecting(self) -> Iterator[tuple[bytes, "asyncio.Future[Line | None]"]]:
        """What a worker is to read on its standard input, and its line when it comes."""
        key = secrets.token_hex(32)
        coming: asyncio.Future[Line | None] = asyncio.get_running_loop().create_future()
        self._expected[key] = coming
        port = self._server.sockets[0].getsockname()[1]
        try:
            yield f"{port} {key}\n".encode(), coming
        finally:
            del self._expected[key]

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer, FromWorker)
        with contextlib.suppress(TimeoutError, Hungup):
            async with asyncio.timeout(SOON_S):
                hello = await line.receive(FIRST_MOST)
            coming = self._expected.get(hello.key) if isinstance(hello, Hello) else None
            if coming is not None and not coming.done():
                coming.set_result(line)
                return
        await line.close()
