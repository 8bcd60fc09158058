"""Many simulated servers: one clock, one seed, one journal.

Rules of this file:

1. A fleet is used as `async with`: its ports are taken on entry and given back on exit.
2. Every task of every server lives in the fleet's task group and ends with it.
3. Servers are named s1, s2, … in the order of their ports.

It must not import the control API or anything above.
"""

import asyncio
import itertools
import socket
from collections.abc import Coroutine, Iterable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from ollama_simulator.clock import Clock, WallClock
from ollama_simulator.faults.fault import Fault
from ollama_simulator.journal import Journal
from ollama_simulator.model import Model
from ollama_simulator.net import kernel
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.net.listener import Listener
from ollama_simulator.script import Script
from ollama_simulator.server import SimServer
from ollama_simulator.settings import HELPER_OFFSET, KvType, Settings

HOST = "127.0.0.1"
TRIES = 100
"""How often a free port is looked for that has a free one so much higher."""


class UnknownServer(LookupError):
    """There is no server on this port. The text names those there are."""


class Fleet:
    """Simulated servers in this process."""

    def __init__(
        self,
        ports: Sequence[int] = (0,),
        *,
        seed: int = 0,
        clock: Clock | None = None,
        records: int | None = None,
        settings: Settings | Sequence[Settings] | None = None,
    ) -> None:
        """One server for each port; 0 takes a free one. `records` limits the journal.

        `settings` are those of all servers, or of each in the order of the ports.
        """
        if settings is None or isinstance(settings, Settings):
            settings = [settings or Settings()] * len(ports)
        if len(settings) != len(ports):
            raise ValueError(f"{len(ports)} ports, but settings for {len(settings)} servers")
        self._settings = tuple(settings)
        self.journal = Journal(records)
        self.clock: Clock = clock or WallClock()
        self.servers: dict[int, SimServer] = {}
        """The servers by their ports, in the order given."""
        self.helpers: dict[int, socket.socket] = {}
        """The ports of the servers' helpers, by those of the servers. Nobody listens on them until
        they are served (`control.serve.helping`)."""
        self._ports = tuple(ports)
        self.seed = seed
        self._group: asyncio.TaskGroup

    async def __aenter__(self) -> Self:
        """Take the ports and listen. Raises `PortTaken`; then none is taken."""
        numbers = itertools.count(1)
        with ExitStack() as undo:
            sockets: list[socket.socket] = []
            for port, settings in zip(self._ports, self._settings, strict=True):
                sock, helper = _with_helper(port) if settings.helper else _alone(port)
                sockets.append(sock)
                undo.callback(sock.close)
                if helper is not None:
                    self.helpers[sock.getsockname()[1]] = helper
                    undo.callback(helper.close)
            undo.pop_all()
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        for index, sock in enumerate(sockets, 1):
            server = SimServer(
                f"s{index}",
                clock=self.clock,
                seed=self.seed,
                journal=self.journal,
                number=lambda: next(numbers),
                settings=self._settings[index - 1],
            )
            server.listener = Listener(server, self.clock, sock, self._spawn)
            server.listener.start()
            self.servers[server.listener.port] = server
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every connection, as a process that ends does, and give the ports back."""
        for server in self.servers.values():
            await server.close()
        for helper in self.helpers.values():
            helper.close()
        await self._group.__aexit__(None, None, None)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        return self._group.create_task(coroutine)

    @property
    def ports(self) -> tuple[int, ...]:
        """The real ports, in the order given."""
        return tuple(self.servers)

    def server(self, port: int) -> SimServer:
        """The server on a port. Raises `UnknownServer`."""
        try:
            return self.servers[port]
        except KeyError:
            there = ", ".join(map(str, self.servers))
            raise UnknownServer(f"no server on port {port}; there are {there}") from None

    def select(self, port: int | None) -> Iterable[SimServer]:
        """The server on a port, or all of them for None. Raises `UnknownServer`."""
        return self.servers.values() if port is None else (self.server(port),)

    async def behave(self, port: int | None, behavior: Fault) -> None:
        """Set a behaviour on one server, or on all."""
        for server in self.select(port):
            await server.behave(behavior)

    async def restart(
        self,
        port: int | None,
        kv_cache_type: KvType | None = None,
        *,
        seconds: float | None = None,
    ) -> None:
        """End the process of one server, or of all, and start it again, as `SimServer.restart`."""
        for server in self.select(port):
            await server.restart(kv_cache_type, seconds=seconds)

    def install(self, port: int | None, models: Sequence[Model]) -> None:
        """Replace the installed models of one server, or of all."""
        for server in self.select(port):
            server.store.replace(models)

    def script(self, port: int | None, scripts: Sequence[Script]) -> None:
        """Replace the scripts of one server, or of all."""
        for server in self.select(port):
            server.scripts.replace(scripts)

    def load(self, port: int | None, model: str | None) -> None:
        """Set the loaded model of one server, or of all; None for none."""
        for server in self.select(port):
            server.load(model)

    def clear_cache(self, port: int | None) -> None:
        """Empty the KV cache of one server, or of all."""
        for server in self.select(port):
            server.memory.forget()

    async def reset(self, *, clear_counters: bool = False) -> None:
        """Return every server to the state of the start; counters only when asked."""
        for server in self.servers.values():
            await server.reset()
        if clear_counters:
            self.journal.clear_counters()


Sockets = tuple[socket.socket, socket.socket | None]
"""That of a server, and that of its helper."""


def _alone(port: int) -> Sockets:
    return kernel.listen(HOST, port), None


def _with_helper(port: int) -> Sockets:
    """Take a server's port and its helper's. Of free ports, one that has both."""
    with ExitStack() as others:
        for tries_left in reversed(range(TRIES if port == 0 else 1)):
            sock = kernel.listen(HOST, port)
            found: int = sock.getsockname()[1]
            try:
                return sock, kernel.reserve(HOST, found + HELPER_OFFSET)
            except OSError as error:
                # It is kept until the end: else the kernel may offer it again.
                others.callback(sock.close)
                if not tries_left:
                    words = f"{error}; the helper of the server on port {found} needs it"
                    if isinstance(error, PortTaken):
                        raise PortTaken(error.errno, words) from None
                    raise OSError(words) from None
    raise AssertionError("the last try returns or raises")
