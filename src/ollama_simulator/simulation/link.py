"""What a fleet can be asked to do, wherever it is.

Rules of this file:

1. Both links do the same, and raise the same errors: `UnknownServer`, `PortTaken`, `Unsupported`,
   `ValueError`. What is wanted was checked before (`wishes`).
2. Servers are named by their names, or by `all`.

It must not import the fleet's insides: those are the links'.
"""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ollama_simulator.control.views import ActiveRule, ServerInfo
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.rule import Rule
from ollama_simulator.model import Model
from ollama_simulator.records import Record
from ollama_simulator.script import Script

Names = Sequence[str] | str
"""Names of servers, or `all`."""


class Place(msgspec.Struct, frozen=True):
    """Where a server is."""

    name: str
    port: int
    url: str


class Read(msgspec.Struct, frozen=True):
    """A part of the journal, up to its end."""

    records: Sequence[Record]
    next: int
    """How many records were ever added: where the next reading begins."""
    missed: int = 0
    """How many were asked for that are not kept any more."""


class Link(Protocol):
    """A fleet, here or elsewhere."""

    seed: int
    control_url: str | None
    """Where its control API is served."""
    ended: bool
    """Whether it is over, so that nothing more can happen."""

    @property
    def places(self) -> Mapping[str, Place]:
        """Its servers by their names, in their order, as far as is known."""

    async def refresh(self) -> None:
        """Learn which servers there are."""

    async def names(self) -> Collection[str]:
        """The names of all servers that there are or were, as far as is known."""

    async def add(self, fields: Mapping[str, Any], port: int) -> str:
        """Start a server with these settings; 0 takes a free port. Returns its name."""

    async def remove(self, name: str) -> None:
        """End a server."""

    async def change(self, name: str, fields: Mapping[str, Any]) -> None:
        """Give a server other settings."""

    async def restart(self, name: str, seconds: float | None) -> None:
        """Restart servers."""

    async def inject(self, names: Names, rule: Rule) -> int:
        """Give servers a rule. Returns its number."""

    async def heal(self, names: Names, rule: int | None) -> int:
        """End a rule of servers, or all that is wrong with them. Returns how many rules ended."""

    async def behave(self, name: str, behavior: Fault) -> None:
        """Set the behaviour of servers."""

    async def install(self, name: str, models: Sequence[Model]) -> None:
        """Replace the models of servers."""

    async def load(self, name: str, model: str | None) -> None:
        """Set the model in the memory of servers."""

    async def script(self, name: str, scripts: Sequence[Script]) -> None:
        """Replace the scripts of servers."""

    async def clear_cache(self, name: str) -> None:
        """Empty the KV cache of servers."""

    async def cancel(self, name: str) -> int:
        """Reset the running requests of a server. Returns how many."""

    async def reset(self, clear_counters: bool) -> None:
        """Return to the start."""

    async def infos(self) -> list[ServerInfo]:
        """How every server stands."""

    async def info(self, name: str) -> ServerInfo:
        """How a server stands."""

    async def rules(self, names: Names) -> list[ActiveRule]:
        """The rules of servers, one that several have told once."""

    async def count(self) -> int:
        """How many records were ever added to the journal."""

    async def read(self, since: int) -> Read:
        """The records from a place on that are kept."""

    def follow(self, since: int) -> AsyncGenerator[Sequence[Record], None]:
        """The records from a place on, as they come."""
