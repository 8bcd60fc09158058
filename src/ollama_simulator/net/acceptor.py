"""Accepts connections, and can stop at any moment without losing one.

Rules of this file:

1. A connection that the kernel handed over is always passed on, even if accepting stops in
   the same instant.

It must not import anything but its own package.
"""

import asyncio
import socket
from collections.abc import Callable

from ollama_simulator.net.room import Room

AT_ONCE = 64
"""Connections taken in one turn of the event loop, so that others have theirs."""


class Acceptor:
    """Passes the connections of a listening socket on to a callback."""

    def __init__(
        self, sock: socket.socket, accepted: Callable[[socket.socket], None], room: Room
    ) -> None:
        """`accepted` takes each connected socket, non-blocking, and owns it. There is `room` for
        so many."""
        self._sock = sock
        self._accepted = accepted
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._resumed = asyncio.Event()

    def start(self) -> None:
        """Begin."""
        try:
            # Accepting in a callback, and not in a task, leaves nothing to cancel half-way.
            self._loop.add_reader(self._sock, self._take)
        except NotImplementedError:  # Windows' event loop
            self._task = self._loop.create_task(self._run())

    async def stop(self) -> None:
        """End; afterwards nobody touches the listening socket."""
        self._room.forget(self.start)
        self._room.forget(self._resumed.set)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        else:
            self._loop.remove_reader(self._sock)

    def _take(self) -> None:
        for _ in range(AT_ONCE):
            if self._room.full:
                self._pause()
                return
            try:
                client, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._pause()
                return
            self._room.taken(client.fileno())
            client.setblocking(False)
            self._accepted(client)

    def _pause(self) -> None:
        self._loop.remove_reader(self._sock)
        self._room.wait(self.start)

    async def _run(self) -> None:
        while True:
            try:
                client, _ = await self._loop.sock_accept(self._sock)
            except OSError:
                self._resumed.clear()
                self._room.wait(self._resumed.set)
                await self._resumed.wait()
                continue
            self._accepted(client)
