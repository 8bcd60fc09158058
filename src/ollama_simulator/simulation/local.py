"""The link to a fleet in this process and event loop.

Rules of this file:

1. It calls one method of the fleet for each wish, and changes nothing else.
2. When the fleet has ended, its journal can still be read, and nothing else be asked.

It must not import the remote link, or anything above.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from ollama_simulator.access import Access
from ollama_simulator.clock import Clock
from ollama_simulator.control.views import ActiveRule, ServerInfo, active_rules, server_info
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.rule import Rule
from ollama_simulator.fleet import ALL, HOST, Fleet
from ollama_simulator.fleet_types import FleetFile
from ollama_simulator.model import Model
from ollama_simulator.net import kernel
from ollama_simulator.records import Record
from ollama_simulator.script import Script
from ollama_simulator.settings import Settings
from ollama_simulator.simulation import wishes
from ollama_simulator.simulation.ended import OVER, Ended
from ollama_simulator.simulation.link import Names, Place, Read
from ollama_simulator.spill import spilling

EVERYWHERE = "0.0.0.0"
"""The address that stands for every one of this machine."""
A_WHILE_S = 3600.0
"""Seconds of silence in a journal, after which one goes on waiting."""


class LocalLink:
    """A fleet in this process."""

    def __init__(self, fleet: Fleet, usual: Settings) -> None:
        """`usual` are the settings of a server that is added, where nothing else is said."""
        self.seed = fleet.seed
        self.control_url: str | None = None
        self.ended = False
        """Whether the fleet has: then only its journal is there still."""
        self._there = fleet
        self._journal = fleet.journal
        self._usual = usual

    @property
    def _fleet(self) -> Fleet:
        if self.ended:
            raise Ended(OVER)
        return self._there

    @property
    def places(self) -> Mapping[str, Place]:
        """Its servers by their names."""
        return {
            server.name: Place(server.name, port, f"http://{_reached(self._there.host)}:{port}")
            for port, server in list(self._there.servers.items())
        }

    async def refresh(self) -> None:
        """There is nothing to learn."""

    async def names(self) -> Collection[str]:
        """The names of all servers that there are or were."""
        return self._there.names

    def _port(self, name: str) -> int | None:
        return None if name == ALL else self._fleet.named(name).listener.port

    async def add(self, fields: Mapping[str, Any], port: int) -> str:
        """Start a server."""
        return (await self._fleet.add(wishes.settings(self._usual, fields), port=port)).name

    async def remove(self, name: str) -> None:
        """End a server."""
        await self._fleet.remove(name)

    async def change(self, name: str, fields: Mapping[str, Any]) -> None:
        """Give a server other settings."""
        before = self._fleet.named(name).settings
        await self._fleet.change(name, wishes.settings(before, fields))

    async def restart(self, name: str, seconds: float | None) -> None:
        """Restart servers."""
        await self._fleet.restart(self._port(name), seconds=seconds)

    async def inject(self, names: Names, rule: Rule) -> int:
        """Give servers a rule."""
        return await self._fleet.inject(names, rule)

    async def heal(self, names: Names, rule: int | None) -> int:
        """End a rule, or all."""
        return await self._fleet.heal(names, rule)

    async def behave(self, name: str, behavior: Fault) -> None:
        """Set a behaviour."""
        await self._fleet.behave(self._port(name), behavior)

    async def install(self, name: str, models: Sequence[Model]) -> None:
        """Replace the models."""
        self._fleet.install(self._port(name), models)

    async def load(self, name: str, model: str | None) -> None:
        """Set the model in memory."""
        self._fleet.load(self._port(name), model)

    async def script(self, name: str, scripts: Sequence[Script]) -> None:
        """Replace the scripts."""
        self._fleet.script(self._port(name), scripts)

    async def clear_cache(self, name: str) -> None:
        """Empty the KV cache."""
        self._fleet.clear_cache(self._port(name))

    async def cancel(self, name: str) -> int:
        """Reset the running requests."""
        return self._fleet.named(name).cancel()

    async def reset(self, clear_counters: bool) -> None:
        """Return to the start."""
        await self._fleet.reset(clear_counters=clear_counters)

    async def infos(self) -> list[ServerInfo]:
        """How every server stands."""
        return [server_info(self._fleet, server) for server in self._fleet.servers.values()]

    async def info(self, name: str) -> ServerInfo:
        """How a server stands."""
        return server_info(self._fleet, self._fleet.named(name))

    async def rules(self, names: Names) -> list[ActiveRule]:
        """The rules of servers."""
        return active_rules(self._fleet, self._fleet.among(names))

    async def count(self) -> int:
        """How many records there were."""
        return self._journal.total

    async def read(self, since: int) -> Read:
        """The records from a place on."""
        return self._read(since)

    def _read(self, since: int) -> Read:
        journal = self._journal
        missed = max(0, journal.dropped - since)
        return Read(journal.read(since), journal.total, missed)

    async def follow(self, since: int) -> AsyncGenerator[Sequence[Record], None]:
        """The records from a place on, as they come."""
        while True:
            read = self._read(since)
            if read.records:
                yield read.records
            else:
                await self._journal.wait_for(Record, A_WHILE_S, since=read.next)
            since = read.next


@contextlib.asynccontextmanager
async def opened(
    described: FleetFile,
    *,
    clock: Clock,
    control_port: int | None,
    let_in: Access,
    usual: Settings,
    kept: int | None = None,
) -> AsyncIterator[LocalLink]:
    """A fleet, and its control API if that has a port, for whom `let_in` says, until the block
    ends. `usual` as for the link; its journal has so many records `kept`, or all. Raises
    `PortTaken`, and `OSError` if the journal's file can't be written."""
    fleet = Fleet(
        described.ports,
        seed=described.seed,
        clock=clock,
        records=kept,
        settings=[server.settings for server in described.servers],
        host=described.host,
    )
    spill = spilling(fleet.journal, described.journal_file, clock, described.journal_file_max)
    async with spill, fleet:
        behaviors = {
            server.name: wanted.behavior
            for server, wanted in zip(fleet.servers.values(), described.servers, strict=True)
            if wanted.behavior != server.behavior
        }
        await fleet.begin(behaviors, [(given.servers, given.rule) for given in described.given])
        link = LocalLink(fleet, usual)
        try:
            async with _controlled(fleet, control_port, let_in) as url:
                link.control_url = url
                yield link
        finally:
            link.ended = True


@contextlib.asynccontextmanager
async def _controlled(
    fleet: Fleet, control_port: int | None, let_in: Access
) -> AsyncIterator[str | None]:
    """Serve the control API if it has a port, and the helpers of servers. Gives its URL."""
    if control_port is None and not fleet.helpers:
        yield None
        return
    # The slowest import of the package, and only for who wants it.
    from ollama_simulator.control.serve import helping, serving

    # What is raised in a group is wrapped, so the port is taken before there is one.
    control = None if control_port is None else kernel.listen(let_in.host, control_port)
    async with asyncio.TaskGroup() as group, contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(helping(fleet, group.create_task))
        if control is None:
            yield None
        else:
            await stack.enter_async_context(serving(fleet, control, group.create_task, let_in))
            yield f"http://{_reached(let_in.host)}:{control.getsockname()[1]}"


def _reached(host: str) -> str:
    """An address of this machine by which one that is listened on is reached."""
    return HOST if host == EVERYWHERE else host
