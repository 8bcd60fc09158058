"""Many simulated servers: one clock, one seed, one journal.

Rules of this file:

1. A fleet is used as `async with`: its ports are taken on entry and given back on exit.
2. Every task of every server lives in the fleet's task group and ends with it.
3. Servers are named s1, s2, … in the order of their ports; one that comes later gets the next
   name. No name is used twice.
4. Servers come and go one after the other: who adds, removes or resets waits for whoever does.

It must not import the control API or anything above.

Longer than 300 lines because it is the list of what can be done to a fleet, a few lines each.
"""

import asyncio
import itertools
import socket
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import msgspec

from ollama_simulator import records
from ollama_simulator.clock import Clock, WallClock
from ollama_simulator.directory import ALL as ALL
from ollama_simulator.directory import Directory
from ollama_simulator.directory import UnknownServer as UnknownServer
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rule import Rule, complaint
from ollama_simulator.journal import Journal
from ollama_simulator.model import Model
from ollama_simulator.net import kernel
from ollama_simulator.net.listener import Listener
from ollama_simulator.net.room import Room
from ollama_simulator.ports import HOST as HOST
from ollama_simulator.ports import alone, with_helper
from ollama_simulator.rules import Active, Counts
from ollama_simulator.script import Script
from ollama_simulator.server import SimServer
from ollama_simulator.settings import KvType, Settings
from ollama_simulator.shortage import Shortage


class BadRule(ValueError):
    """A rule that can't be meant. The text names the field."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why


class Share(msgspec.Struct, kw_only=True):
    """What a fleet is told that has some of the servers of a larger one."""

    journal: Journal
    """Where it records."""
    worker: int | None = None
    """Which part of the larger one it is, from 1."""
    names: Sequence[str] = ()
    """What its servers are called, in the order of their ports; s1, s2, … without."""
    exchanges: Iterator[int] = msgspec.field(default_factory=lambda: itertools.count(1))
    """The numbers of its requests: others have other ones."""


class Fleet(Directory[SimServer]):
    """Simulated servers in this process."""

    def __init__(
        self,
        ports: Sequence[int] = (0,),
        *,
        seed: int = 0,
        clock: Clock | None = None,
        records: int | None = None,
        settings: Settings | Sequence[Settings] | None = None,
        host: str = HOST,
        share: Share | None = None,
    ) -> None:
        """One server for each port; 0 takes a free one. `records` limits the journal.

        `settings` are those of all servers, or of each in the order of the ports. `host` is the
        address that all of them listen on. `share` tells what this is a part of, if it is.
        """
        if settings is None or isinstance(settings, Settings):
            settings = [settings or Settings()] * len(ports)
        if len(settings) != len(ports):
            raise ValueError(f"{len(ports)} ports, but settings for {len(settings)} servers")
        share = share or Share(journal=Journal(records))
        super().__init__(seed=seed, clock=clock or WallClock(), host=host, journal=share.journal)
        self._settings = tuple(settings)
        self.helpers: dict[int, socket.socket] = {}
        """The ports of the servers' helpers, by those of the servers. Nobody listens on them until
        they are served (`control.serve.helping`)."""
        self._ports = tuple(ports)
        self.worker = share.worker
        """The number of the worker whose servers these are; None for a fleet of one process."""
        self._group: asyncio.TaskGroup
        self._room: Room
        self._exchanges = share.exchanges
        self._called = share.names
        self.next_name = 1
        """The number in the name of the server that comes next."""
        self.next_rule = 1
        """The number of the rule that is set next."""
        self._moving = asyncio.Lock()
        self._born: dict[str, tuple[int, Settings]] = {}
        """The servers of the start, by name."""
        self._behaviors: Mapping[str, Fault] = {}
        self._rules: Sequence[tuple[Iterable[str], Rule]] = ()

    async def __aenter__(self) -> Self:
        """Take the ports and listen. Raises `PortTaken`; then none is taken."""
        with ExitStack() as undo:
            host = self.host
            sockets: list[socket.socket] = []
            for port, settings in zip(self._ports, self._settings, strict=True):
                sock, helper = with_helper(host, port) if settings.helper else alone(host, port)
                sockets.append(sock)
                undo.callback(sock.close)
                if helper is not None:
                    self.helpers[sock.getsockname()[1]] = helper
                    undo.callback(helper.close)
            undo.pop_all()
        self.started_ns = self.clock.wall_ns()
        short = Shortage(self.journal, self.clock, "descriptors")
        self._room = Room(short.begin, short.end)
        self._group = asyncio.TaskGroup()
        await self._group.__aenter__()
        for index, (sock, settings) in enumerate(zip(sockets, self._settings, strict=True)):
            name = self._called[index] if self._called else self._name()
            server = self._start(name, sock, settings)
            self._born[server.name] = server.listener.port, settings
        return self

    def _name(self) -> str:
        self.next_name += 1
        return f"s{self.next_name - 1}"

    def _start(self, name: str, sock: socket.socket, settings: Settings) -> SimServer:
        server = SimServer(
            name,
            clock=self.clock,
            seed=self.seed,
            journal=self.journal,
            number=self._exchanges.__next__,
            settings=settings,
            place=int(name.removeprefix("s")),
        )
        if name not in self.names:
            self.names.append(name)
        server.listener = Listener(
            server, self.clock, sock, self._spawn, self._room, settings.limits
        )
        server.listener.start()
        self.servers[server.listener.port] = server
        return server

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

    def expire(self) -> None:
        """Have it recorded which models have left memory by now."""
        for server in self.servers.values():
            server.memory.expire()

    # --- servers that come and go -------------------------------------------------------------

    async def add(self, settings: Settings | None = None, *, port: int = 0) -> SimServer:
        """Start another server; 0 takes a free port. Raises `PortTaken`, and `ValueError` if it
        should have a helper: those are there from the start."""
        async with self._moving:
            return self._add(self._name(), settings or Settings(), port)

    def _add(self, name: str, settings: Settings, port: int) -> SimServer:
        if settings.helper:
            raise ValueError("helper: only a server of the start can have one")
        server = self._start(name, kernel.listen(self.host, port), settings)
        server.see(records.ServerAdded, port=server.listener.port)
        return server

    async def remove(self, name: str) -> None:
        """End a server's process and give its port back. Raises `UnknownServer`, and `ValueError`
        if it has a helper."""
        async with self._moving:
            await self._remove(self.named(name))

    async def _remove(self, server: SimServer) -> None:
        if server.settings.helper:
            raise ValueError(f"{server.name} has a helper, which ends only with its fleet")
        port = server.listener.port
        del self.servers[port]
        await server.close()
        server.see(records.ServerRemoved, port=port)

    async def change(self, name: str, settings: Settings) -> None:
        """Give a server other settings; its process restarts with them in no time. Raises
        `UnknownServer`, and `ValueError` if it should get a helper or lose it."""
        server = self.named(name)
        before = server.settings
        if settings.helper != before.helper:
            raise ValueError("helper: only a server of the start can have one, and keeps it")
        fields = msgspec.structs.fields(Settings)
        other = tuple(
            field.name
            for field in fields
            if getattr(before, field.name) != getattr(settings, field.name)
        )
        if other:
            server.see(records.Changed, fields=other)
            await server.change(settings)

    # --- what they do -------------------------------------------------------------------------

    async def behave(self, port: int | None, behavior: Fault) -> None:
        """Set a behaviour on one server, or on all. It takes the place of their rules."""
        for server in self.select(port):
            await server.behave(behavior)

    async def inject(self, servers: str | Iterable[str], rule: Rule) -> int:
        """Give a rule to the servers of these names, or to `all`. Returns its number.

        Raises `UnknownServer`, `BadRule`, and as `SimServer.behave`; then nobody has it.
        """
        if wrong := complaint(rule):
            raise BadRule(*wrong)
        chosen = self.among(servers)
        number, now = self.next_rule, self.clock.now()
        self.next_rule += 1
        together = Counts() if rule.shared else None
        given: list[SimServer] = []
        try:
            for server in chosen:
                await server.inject(Active(number, rule, now, together))
                given.append(server)
        except Exception:
            for server in given:
                await server.heal(number, "refused")
            raise
        return number

    async def heal(self, servers: str | Iterable[str] = ALL, rule: int | None = None) -> int:
        """End a rule on the servers of these names, or on `all`. Without its number, end all of
        their rules and have them behave normally. Returns how many rules ended."""
        ended = 0
        for server in self.among(servers):
            ended += await server.heal(rule)
            if rule is None:
                await server.behave(Normal())
        return ended

    async def begin(
        self, behaviors: Mapping[str, Fault], rules: Sequence[tuple[Iterable[str], Rule]] = ()
    ) -> None:
        """Have servers of the start, by name, behave like this and have these rules: now, and
        after each reset. Raises as `inject` and `behave`."""
        self._behaviors, self._rules = behaviors, rules
        await self._begin()

    def continue_from(
        self,
        born: Mapping[str, tuple[int, Settings]],
        behaviors: Mapping[str, Fault],
        rules: Sequence[tuple[Iterable[str], Rule]],
    ) -> None:
        """Have had another start, to which a reset returns: servers by name with their ports and
        settings, and what `begin` takes. Nothing changes now."""
        self._born = dict(born)
        self._behaviors, self._rules = behaviors, rules

    async def _begin(self) -> None:
        for name, behavior in self._behaviors.items():
            await self.named(name).behave(behavior)
        for names, rule in self._rules:
            await self.inject(names, rule)

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
        """Return every server to the state of the start, and have exactly the servers of the
        start; counters only when asked. Raises `PortTaken` if one of them can't come back."""
        async with self._moving:
            for server in [*self.servers.values()]:
                if server.name not in self._born:
                    await self._remove(server)
            for server in self.servers.values():
                await self.change(server.name, self._born[server.name][1])
                await server.reset()
            there = {server.name for server in self.servers.values()}
            for name, (port, settings) in self._born.items():
                if name not in there:
                    self._add(name, settings, port)
            order = [port for port, _ in self._born.values()]
            self.servers = {port: self.servers[port] for port in order}
            await self._begin()
        if clear_counters:
            self.journal.clear_counters()
