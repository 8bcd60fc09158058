"""A listening socket with a door, and the connections that came through it.

Rules of this file:

1. The door is real: SHUT means that the kernel refuses, FROZEN that nothing is read or written.
2. A port is never given away: a shut door keeps it, bound and not listening.
3. A connection's task dies before its descriptor is closed.

It must not import anything but layer 0 and its own package.
"""

import asyncio
import functools
import socket
from collections.abc import Callable, Coroutine
from typing import Any, assert_never

from ollama_simulator.acts import Door, How
from ollama_simulator.clock import Clock
from ollama_simulator.limits import USUAL, Limits
from ollama_simulator.net import kernel
from ollama_simulator.net.acceptor import Acceptor
from ollama_simulator.net.connection import Connection
from ollama_simulator.net.request import Request
from ollama_simulator.net.room import Room
from ollama_simulator.net.service import Answering, Service

Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
"""Starts a task in somebody's task group."""


class Listener:
    """Listens on one port for one service."""

    def __init__(
        self,
        service: Service,
        clock: Clock,
        sock: socket.socket,
        spawn: Spawn,
        room: Room | None = None,
        limits: Limits = USUAL,
    ) -> None:
        """Take over a listening socket. `spawn` starts tasks that the caller's group owns. `room`
        is shared with the other listeners of the process."""
        self.clock = clock
        self.limits = limits
        """What is borne of clients that connect from now on."""
        self.door = Door.OPEN
        self.host, self.port = sock.getsockname()[:2]
        self._service = service
        self.quick = service.quick
        self.spawn = spawn
        """Starts a task that ends with the others of this listener's owner."""
        self._sock = sock
        self._room = room or Room()
        self._acceptor: Acceptor | None = None
        self._closed = False
        self._connections: set[Connection] = set()
        self.accepted = 0
        """The number of the last connection."""
        self._fillers: list[socket.socket] = []

    def start(self) -> None:
        """Begin to accept."""
        self._acceptor = Acceptor(self._sock, self._accepted, self._room)
        self._acceptor.start()

    async def move(self, door: Door) -> None:
        """Set the door; returns when it stands there.

        OPEN: everything goes on. DEAF: connecting takes for ever, connections go on (Linux
        only). FROZEN: nothing is accepted, read or written. SHUT: connections are refused by
        the kernel, idle ones get FIN, busy ones end after their answer.
        Raises `PortTaken` if another program took the port; a door that can't be opened stays
        then, and one that was being shut is shut.
        """
        if door is self.door:
            return
        if self.door is Door.OPEN:
            await self._stop_accepting()
        self._leave()
        self.door = door
        match door:
            case Door.OPEN:
                self.start()
            case Door.DEAF:
                self._fillers = await kernel.deafen(self._sock)
            case Door.FROZEN:
                for connection in self._connections:
                    connection.freeze()
            case Door.SHUT:
                self._sock.close()
                for connection in self._connections:
                    connection.retire()
                self._sock = kernel.reserve(self.host, self.port, again=True)
            case _:
                assert_never(door)

    def _leave(self) -> None:
        """Undo what the present door does; then it is as good as open, but nobody accepts."""
        if self.door in (Door.DEAF, Door.SHUT):
            if self._sock.fileno() < 0:
                # The port was lost in the instant of shutting; it may be free again.
                self._sock = kernel.reserve(self.host, self.port, again=True)
            kernel.start_listening(self._sock)
        for filler in self._fillers:
            filler.close()
        self._fillers.clear()
        if self.door is Door.FROZEN:
            for connection in self._connections:
                connection.thaw()

    async def drop(self) -> None:
        """Reset every connection, as the end of a process that had not read all does. Returns
        when all are gone."""
        while self._connections:
            for connection in tuple(self._connections):
                # What waits behind the answer in progress is never asked.
                connection.retire()
                connection.abort()
            await self.clock.breathe()

    async def close(self) -> None:
        """Give the port back and end every connection, as a process that ends does."""
        self._closed = True
        await self._stop_accepting()
        for sock in (self._sock, *self._fillers):
            sock.close()
        for connection in tuple(self._connections):
            connection.thaw()
            connection.abort(How.FIN)

    async def _stop_accepting(self) -> None:
        if self._acceptor is not None:
            await self._acceptor.stop()
            self._acceptor = None

    def _accepted(self, client: socket.socket) -> None:
        self.accepted += 1
        self.spawn(self._admit(client, self.accepted))

    async def _admit(self, client: socket.socket, number: int) -> None:
        make = functools.partial(Connection, self, number, self._begin)
        try:
            await asyncio.get_running_loop().connect_accepted_socket(make, client)
        except OSError:
            # The client has gone already, so far that the kernel knows nothing of it any more.
            client.close()

    def _begin(self, connection: Connection) -> None:
        self.spawn(self._serve(connection))

    async def _serve(self, connection: Connection) -> None:
        try:
            await connection.serve()
        except Exception as error:
            self._service.failed(error)

    # --- called by connections --------------------------------------------------------------

    def answer(self, request: Request) -> Answering:
        """Pass a request on to the service."""
        return self._service.answer(request)

    def connected(self, connection: Connection, peer: str) -> None:
        """Remember a connection."""
        self._connections.add(connection)
        self._service.connected(connection.number, peer)
        # It may have been accepted in the instant before the door moved, or all ended.
        most = self.limits.connections
        if self._closed or (most and len(self._connections) > most):
            connection.abort()
        elif self.door is Door.FROZEN:
            connection.freeze()
        elif self.door is Door.SHUT:
            connection.retire()

    def disconnected(self, connection: Connection, by: str, how: How) -> None:
        """Forget a connection."""
        self._connections.discard(connection)
        self._service.disconnected(connection.number, by, how)
