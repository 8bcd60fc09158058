"""A fleet, for those who await: the one implementation of each method.

Rules of this file:

1. What is wanted is checked here, before a link is asked.
2. Which servers there are is known without asking; everything else is asked each time.

It must not import the local or the remote link, or anything above.
"""

from collections.abc import Iterator, Sequence
from typing import Unpack

from ollama_simulator.control.views import ServerInfo
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.rule import Rule
from ollama_simulator.fleet import ALL, UnknownServer
from ollama_simulator.simulation import wishes
from ollama_simulator.simulation.journal import AsyncJournal
from ollama_simulator.simulation.link import Link, Names
from ollama_simulator.simulation.server import AsyncInjected, AsyncServer
from ollama_simulator.simulation.wishes import AllFields, Conditions
from ollama_simulator.simulation.words import near


class AsyncFleet:
    """A fleet of simulated Ollama servers.

    It is a collection of its servers, by name or by number: `fleet["s1"]`, `fleet[0]`.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._servers: dict[str, AsyncServer] = {}
        self.journal = AsyncJournal(link)
        """What happened."""

    # --- its servers --------------------------------------------------------------------------

    @property
    def servers(self) -> list[AsyncServer]:
        """Its servers, in their order."""
        for name, place in self._link.places.items():
            known = self._servers.get(name)
            if known is None or known.url != place.url:
                self._servers[name] = AsyncServer(self._link, place)
        return [self._servers[name] for name in self._link.places]

    def __getitem__(self, which: str | int) -> AsyncServer:
        """The server of a name, or the so-manieth, from 0.

        Raises:
            UnknownServer: There is none; it is a `LookupError`.
        """
        servers = self.servers
        names = [server.name for server in servers]
        if isinstance(which, int) and -len(servers) <= which < len(servers):
            return servers[which]
        if which in names:
            return self._servers[str(which)]
        there = ", ".join(names) or "none"
        hint = near(which, names) if isinstance(which, str) else ""
        raise UnknownServer(f"no server {which!r}{hint}; there are {there}")

    def __iter__(self) -> Iterator[AsyncServer]:
        return iter(self.servers)

    def __len__(self) -> int:
        return len(self._link.places)

    def __contains__(self, which: object) -> bool:
        return which in self._link.places or which in self.servers

    @property
    def urls(self) -> list[str]:
        """Where its servers are, in their order."""
        return [place.url for place in self._link.places.values()]

    @property
    def seed(self) -> int:
        """What its texts and chances depend on."""
        return self._link.seed

    @property
    def control_url(self) -> str | None:
        """Where its control API is served; None if it isn't."""
        return self._link.control_url

    async def refresh(self) -> None:
        """Learn of servers that others added or removed."""
        await self._link.refresh()

    async def add(self, *, port: int = 0, **fields: Unpack[AllFields]) -> AsyncServer:
        """Start another server. It gets the next name.

        Args:
            port: Where it listens; 0 for a free port.
            fields: Its settings, fields of `Settings`; the rest is as usual.

        Raises:
            TypeError: There is no such setting.
            ValueError: A setting can't be so.
            PortTaken: Another program has the port.
        """
        wishes.known_settings(fields)
        return self[await self._link.add(fields, wishes.port(port))]

    async def remove(self, which: str | int | AsyncServer) -> None:
        """End a server's process and give its port back.

        Raises:
            UnknownServer: There is none.
            ValueError: It has a helper, which ends only with its fleet.
        """
        server = which if isinstance(which, AsyncServer) else self[which]
        await self._link.remove(server.name)

    # --- what they do -------------------------------------------------------------------------

    async def inject(
        self,
        fault: Fault | Rule,
        servers: str | Sequence[str] | None = None,
        **conditions: Unpack[Conditions],
    ) -> AsyncInjected:
        """Give every server a rule, or some of them.

        Args:
            fault: A fault, or a whole rule.
            servers: The names of the servers, or that of one; None for all.
            conditions: The fields of `Rule` but for its fault. With `shared=True` the servers
                count together.

        Returns:
            The handle of the rule.

        Raises:
            UnknownServer: One of them isn't there.
            TypeError, ValueError, Unsupported: As for a server's `inject`; `servers` is empty.
        """
        rule = wishes.rule(fault, conditions)
        wished = [servers] if isinstance(servers, str) else servers
        names = [server.name for server in self] if wished is None else list(wished)
        if not names:
            raise ValueError("servers: a rule is set on one at least")
        for name in names:
            self[name]
        wanted: Names = ALL if servers is None else names
        return AsyncInjected(self._link, await self._link.inject(wanted, rule), rule, tuple(names))

    async def behave(self, behavior: Fault) -> None:
        """Have every server behave like this from now on. This takes the place of all rules.

        Raises:
            TypeError, ValueError, Unsupported: As for a server's `behave`.
        """
        await self._link.behave(ALL, wishes.fault(behavior))

    async def heal(self) -> int:
        """End all rules and have every server behave normally. Returns how many rules ended, on
        each server that had them."""
        return await self._link.heal(ALL, None)

    async def reset(self, *, clear_counters: bool = False) -> None:
        """Return to the state of the start: servers, settings, models, scripts, no rules, nothing
        in memory. The journal stays.

        Args:
            clear_counters: Whether to count anew what `/metrics` and `/status` tell.

        Raises:
            PortTaken: A server of the start can't come back.
        """
        await self._link.reset(clear_counters)

    async def restart(self, seconds: float | None = None) -> None:
        """Restart every server at once, as a server's `restart`."""
        await self._link.restart(ALL, wishes.seconds(seconds))

    async def info(self) -> list[ServerInfo]:
        """How every server stands, in their order."""
        return await self._link.infos()

    def __repr__(self) -> str:
        return f"<fleet of {len(self)}: {', '.join(self.urls)}>"
