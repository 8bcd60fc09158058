"""A server in a thread of its own, asked over raw sockets, and whether it is as it was then."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Literal

from ollama_simulator import records
from ollama_simulator.clock import WallClock
from ollama_simulator.control.views import server_info
from ollama_simulator.fleet import HOST, Fleet
from ollama_simulator.net import kernel
from ollama_simulator.settings import Settings

PATIENCE_S = 10.0
"""Seconds after which something hangs."""
SPEED = 10_000.0
"""So that a model takes no time."""
SILENCE_S = 0.25
"""Seconds of silence after which a client gives up that has ended its side: Ollama leaves such a
one waiting for ever, if its request waits for a model."""
Leaving = Literal["answered", "half", "close", "reset"]
"""How a client leaves: when it has an answer; after having ended its side and read on; at once; or
with a reset."""


class Target:
    """One server, and a client for each exchange of bytes."""

    def __init__(self, fleet: Fleet, loop: asyncio.AbstractEventLoop) -> None:
        self.fleet = fleet
        self.port = fleet.ports[0]
        self._loop = loop
        (self._server,) = fleet.servers.values()

    def ask(
        self, pieces: Sequence[bytes], leaving: Leaving = "half", silence: float = PATIENCE_S
    ) -> bytes:
        """Send bytes, leave, and return what came until then; nothing if nobody reads."""
        with contextlib.closing(socket.create_connection((HOST, self.port), PATIENCE_S)) as sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # It may have ended the connection before all was sent.
            with contextlib.suppress(ConnectionError):
                for piece in pieces:
                    sock.sendall(piece)
                if leaving == "answered":
                    return _rest(sock, enough=b"HTTP/1.1 ")
                if leaving == "half":
                    sock.shutdown(socket.SHUT_WR)
                    sock.settimeout(silence)
                    return _rest(sock)
                if leaving == "reset":
                    kernel.reset_on_close(sock)
        return b""

    def settled(self) -> None:
        """Fail if it is not as it was soon: a connection, a request, a job or a slot is still held,
        or something broke."""
        deadline = time.monotonic() + PATIENCE_S
        while left := self._held():
            assert time.monotonic() < deadline, f"still held: {left}"
            time.sleep(0.002)
        failed = self.fleet.journal.where(records.Failed)
        assert not failed, failed

    def _held(self) -> list[str]:
        async def look() -> list[str]:
            info = server_info(self.fleet, self._server)
            held = {
                "connections": len(self._server.listener._connections),
                "requests": info.active,
                "jobs in the queue": info.queued,
                "slots": sum(slot.busy for slot in info.slots),
            }
            return [f"{count} {name}" for name, count in held.items() if count]

        return asyncio.run_coroutine_threadsafe(look(), self._loop).result(PATIENCE_S)


def _rest(sock: socket.socket, enough: bytes | None = None) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        while more := sock.recv(65536):
            data += more
            if enough is not None and enough in data:
                break
    return data


@contextlib.contextmanager
def targeted(settings: Settings | None = None) -> Iterator[Target]:
    """A server, until the block ends."""
    ready = threading.Event()
    found: list[Target] = []
    over: list[asyncio.Event] = []

    async def run() -> None:
        async with Fleet(
            [0], clock=WallClock(SPEED), settings=settings or Settings(), records=20_000
        ) as fleet:
            over.append(asyncio.Event())
            found.append(Target(fleet, asyncio.get_running_loop()))
            ready.set()
            await over[0].wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert ready.wait(PATIENCE_S)
    (target,) = found
    try:
        yield target
        target.settled()
    finally:
        target._loop.call_soon_threadsafe(over[0].set)
        thread.join(PATIENCE_S)
    assert not thread.is_alive()
