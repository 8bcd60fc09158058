"""Servers of a fleet by their ports and names, be they in this process or in others.

It must not import the fleet or anything above.
"""

from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar

from ollama_simulator.clock import Clock
from ollama_simulator.journal import Journal

ALL = "all"
"""What stands for every server, where names of servers are asked for."""


class UnknownServer(LookupError):
    """There is no server on this port, or of this name. The text names those there are."""


class Named(Protocol):
    """A server, as far as it is looked up."""

    @property
    def name(self) -> str:
        """Its name in the fleet."""


S = TypeVar("S", bound=Named)


class Directory(Generic[S]):
    """What a fleet is by itself, and which servers it has."""

    def __init__(self, *, seed: int, clock: Clock, host: str, journal: Journal) -> None:
        self.seed = seed
        self.clock = clock
        self.host = host
        self.journal = journal
        self.servers: dict[int, S] = {}
        """The servers by their ports, in the order given."""
        self.names: list[str] = []
        """Every name that a server has or had, in the order of their coming."""
        self.started_ns = 0
        """When it was entered, in nanoseconds since 1970, by its clock."""

    @property
    def ports(self) -> tuple[int, ...]:
        """The real ports, in the order given."""
        return tuple(self.servers)

    def server(self, port: int) -> S:
        """The server on a port. Raises `UnknownServer`."""
        try:
            return self.servers[port]
        except KeyError:
            there = ", ".join(map(str, self.servers))
            raise UnknownServer(f"no server on port {port}; there are {there}") from None

    def select(self, port: int | None) -> Iterable[S]:
        """The server on a port, or all of them for None. Raises `UnknownServer`."""
        return self.servers.values() if port is None else (self.server(port),)

    def named(self, name: str) -> S:
        """The server of a name. Raises `UnknownServer`."""
        for server in self.servers.values():
            if server.name == name:
                return server
        there = ", ".join(server.name for server in self.servers.values())
        raise UnknownServer(f"no server {name!r}; there are {there}")

    def among(self, names: str | Iterable[str]) -> list[S]:
        """The servers of these names, or every one for `all`. Raises `UnknownServer`."""
        if names == ALL:
            return list(self.servers.values())
        names = [names] if isinstance(names, str) else names
        return [self.named(name) for name in dict.fromkeys(names)]

    def expire(self) -> None:
        """Have it recorded which models have left memory by now: that is noticed only when
        somebody looks."""

    async def settle(self) -> None:
        """Have everything in the journal that has happened until now: what other processes
        recorded comes a little later."""
