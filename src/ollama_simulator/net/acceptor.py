"""Accepts connections, and can stop at any moment without losing one.

Rules of this file:

1. A connection that the kernel handed over is always passed on, even if accepting stops in
   the same instant.

It must not import anything but its own package.
"""

import asyncio
import socket
from collections.abc import Callable

AT_ONCE = 64
"""Connections taken in one turn of the event loop, so that others have theirs."""
RETRY_S = 0.05
"""Pause after an accept that failed because descriptors ran out."""


class Acceptor:
    """Passes the connections of a listening socket on to a callback."""

    def __init__(self, sock: socket.socket, accepted: Callable[[socket.socket], None]) -> None:
        """`accepted` takes each connected socket, non-blocking, and owns it."""
        self._sock = sock
        self._accepted = accepted
        self._loop = asyncio.get_running_loop()
        self._retry: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        try:
            # Accepting in a callback, and not in a task, leaves nothing to cancel half-way.
            self._loop.add_reader(self._sock, self._take)
        except NotImplementedError:  # Windows' event loop
            self._task = self._loop.create_task(self._run())

    async def stop(self) -> None:
        """End; afterwards nobody touches the listening socket."""
        if self._retry is not None:
            self._retry.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        else:
            self._loop.remove_reader(self._sock)

    def _take(self) -> None:
        for _ in range(AT_ONCE):
            try:
                client, _ = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                self._loop.remove_reader(self._sock)
                self._retry = self._loop.call_later(RETRY_S, self.start)
                return
            client.setblocking(False)
            self._accepted(client)

    async def _run(self) -> None:
        while True:
            try:
                client, _ = await self._loop.sock_accept(self._sock)
            except OSError:
                await asyncio.sleep(RETRY_S)
                continue
            self._accepted(client)
