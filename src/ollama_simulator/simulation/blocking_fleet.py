"""A fleet, for those who don't await.

Rules of this file:

1. It has the methods of `fleet.AsyncFleet`, with the same signatures and descriptions, and
   forwards each; a test compares them.

It must not import the local or the remote link.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Unpack

from ollama_simulator.control.views import ServerInfo
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.rule import Rule
from ollama_simulator.simulation.blocking_journal import Journal
from ollama_simulator.simulation.blocking_server import Injected, Server
from ollama_simulator.simulation.fleet import AsyncFleet
from ollama_simulator.simulation.server import AsyncServer
from ollama_simulator.simulation.thread import Thread
from ollama_simulator.simulation.wishes import AllFields, Conditions


class Fleet:
    """A fleet of simulated Ollama servers.

    It is a collection of its servers, by name or by number: `fleet["s1"]`, `fleet[0]`.
    """

    def __init__(self, core: AsyncFleet, thread: Thread[Any]) -> None:
        self._core = core
        self._thread = thread
        self._servers: dict[AsyncServer, Server] = {}
        self.journal = Journal(core.journal, thread)
        """What happened."""

    @property
    def servers(self) -> list[Server]:
        """Its servers, in their order."""
        return [self._server(server) for server in self._core.servers]

    def _server(self, core: AsyncServer) -> Server:
        return self._servers.setdefault(core, Server(core, self._thread))

    def __getitem__(self, which: str | int) -> Server:
        """The server of a name, or the so-manieth, from 0.

        Raises:
            UnknownServer: There is none; it is a `LookupError`.
        """
        return self._server(self._core[which])

    def __iter__(self) -> Iterator[Server]:
        return iter(self.servers)

    def __len__(self) -> int:
        return len(self._core)

    def __contains__(self, which: object) -> bool:
        return which in self.servers if isinstance(which, Server) else which in self._core

    @property
    def urls(self) -> list[str]:
        """Where its servers are, in their order."""
        return self._core.urls

    @property
    def seed(self) -> int:
        """What its texts and chances depend on."""
        return self._core.seed

    @property
    def control_url(self) -> str | None:
        """Where its control API is served; None if it isn't."""
        return self._core.control_url

    def refresh(self) -> None:
        """Learn of servers that others added or removed."""
        self._thread.call(self._core.refresh())

    def add(self, *, port: int = 0, **fields: Unpack[AllFields]) -> Server:
        """Start another server. It gets the next name.

        Args:
            port: Where it listens; 0 for a free port.
            fields: Its settings, fields of `Settings`; the rest is as usual.

        Raises:
            TypeError: There is no such setting.
            ValueError: A setting can't be so.
            PortTaken: Another program has the port.
        """
        return self._server(self._thread.call(self._core.add(port=port, **fields)))

    def remove(self, which: str | int | Server) -> None:
        """End a server's process and give its port back.

        Raises:
            UnknownServer: There is none.
            ValueError: It has a helper, which ends only with its fleet.
        """
        name = which.name if isinstance(which, Server) else which
        self._thread.call(self._core.remove(name))

    def inject(
        self,
        fault: Fault | Rule,
        servers: str | Sequence[str] | None = None,
        **conditions: Unpack[Conditions],
    ) -> Injected:
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
        return Injected(
            self._thread.call(self._core.inject(fault, servers, **conditions)), self._thread
        )

    def behave(self, behavior: Fault) -> None:
        """Have every server behave like this from now on. This takes the place of all rules.

        Raises:
            TypeError, ValueError, Unsupported: As for a server's `behave`.
        """
        self._thread.call(self._core.behave(behavior))

    def heal(self) -> int:
        """End all rules and have every server behave normally. Returns how many rules ended, on
        each server that had them."""
        return self._thread.call(self._core.heal())

    def reset(self, *, clear_counters: bool = False) -> None:
        """Return to the state of the start: servers, settings, models, scripts, no rules, nothing
        in memory. The journal stays.

        Args:
            clear_counters: Whether to count anew what `/metrics` and `/status` tell.

        Raises:
            PortTaken: A server of the start can't come back.
        """
        self._thread.call(self._core.reset(clear_counters=clear_counters))

    def restart(self, seconds: float | None = None) -> None:
        """Restart every server at once, as a server's `restart`."""
        self._thread.call(self._core.restart(seconds))

    def info(self) -> list[ServerInfo]:
        """How every server stands, in their order."""
        return self._thread.call(self._core.info())

    def __repr__(self) -> str:
        return repr(self._core)
