"""A server and its rules, for those who await: the one implementation of each method.

Rules of this file:

1. What is wanted is checked here, before a link is asked.
2. Where a server is, is known without asking; everything else is asked each time.

It must not import the local or the remote link, or anything above.
"""

from types import TracebackType
from typing import Self, Unpack

from ollama_simulator.control.views import ActiveRule, ServerInfo
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.rule import Rule
from ollama_simulator.model import Model
from ollama_simulator.records import Struck
from ollama_simulator.script import Script
from ollama_simulator.simulation import wishes
from ollama_simulator.simulation.attempts import Attempt
from ollama_simulator.simulation.journal import AsyncJournal
from ollama_simulator.simulation.link import Link, Place
from ollama_simulator.simulation.wishes import AllFields, Conditions


class AsyncInjected:
    """The handle of a rule that was set. As a context manager it is healed at the end of the
    block."""

    def __init__(self, link: Link, id: int, rule: Rule, servers: tuple[str, ...]) -> None:
        self._link = link
        self.id = id
        """Its number in the fleet."""
        self.rule = rule
        """With its conditions."""
        self.servers = servers
        """The names of the servers that it was set on."""
        self._matched = 0

    @property
    async def struck(self) -> int:
        """How often its fault changed something, on all of its servers; known when it has ended,
        too."""
        seen = (await self._link.read(0)).records
        return sum(isinstance(each, Struck) and each.rule == self.id for each in seen)

    @property
    async def matched(self) -> int:
        """How many requests fitted it, on all of its servers; when it has ended, how many had
        fitted when it was last asked or healed by this handle."""
        there = self._there()
        for active in await self._link.rules(there) if there else []:
            if active.id == self.id:
                self._matched = active.matched
        return self._matched

    async def heal(self) -> int:
        """End it. Returns on how many servers it was in force still."""
        await self.matched
        there = self._there()
        return await self._link.heal(there, self.id) if there else 0

    def _there(self) -> list[str]:
        return [name for name in self.servers if name in self._link.places]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.heal()

    def __repr__(self) -> str:
        return f"<rule {self.id} on {', '.join(self.servers)}: {self.rule}>"


class AsyncServer:
    """A simulated Ollama server."""

    def __init__(self, link: Link, place: Place) -> None:
        self._link = link
        self._place = place
        self.journal = AsyncJournal(link, server=place.name)
        """What happened on this server."""

    @property
    def name(self) -> str:
        """Its name: `s1`, `s2`, …"""
        return self._place.name

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._place.port

    @property
    def url(self) -> str:
        """Where it is, without a path: `http://127.0.0.1:11501`."""
        return self._place.url

    async def inject(self, fault: Fault | Rule, **conditions: Unpack[Conditions]) -> AsyncInjected:
        """Give it a rule: a fault, and the requests that it strikes. Without conditions it strikes
        every request until it is healed.

        Args:
            fault: A fault, or a whole rule.
            conditions: The fields of `Rule` but for its fault.

        Returns:
            The handle of the rule.

        Raises:
            TypeError: There is no such condition, or it is no fault.
            ValueError: A condition, or a field of the fault, can't be so.
            Unsupported: This system can't do what the fault wants.
        """
        rule = wishes.rule(fault, conditions)
        id = await self._link.inject([self.name], rule)
        return AsyncInjected(self._link, id, rule, (self.name,))

    async def behave(self, behavior: Fault) -> None:
        """Have it behave like this from now on. This takes the place of its rules.

        Raises:
            TypeError: It is no fault.
            ValueError: A field of it can't be so.
            Unsupported: This system can't do what it wants.
        """
        await self._link.behave(self.name, wishes.fault(behavior))

    async def heal(self) -> int:
        """End all of its rules and have it behave normally. Returns how many rules ended."""
        return await self._link.heal([self.name], None)

    @property
    async def rules(self) -> list[ActiveRule]:
        """Its rules, in the order in which they are asked."""
        return await self._link.rules([self.name])

    @property
    async def requests(self) -> list[Attempt]:
        """The requests that it got, in the order of their coming, as the journal has them."""
        return await self.journal.attempts()

    @property
    async def models(self) -> list[str]:
        """The names of the models that are installed."""
        return list((await self.info()).installed)

    async def install(self, *models: Model | str) -> None:
        """Have exactly these models installed.

        Args:
            models: Models, or names of models that are like the test model otherwise.

        Raises:
            ValueError: One of them can't be, or has no proper name, or two have the same.
        """
        await self._link.install(self.name, wishes.models(models))

    async def load(self, model: str | None) -> None:
        """Have a model in memory and no other, at once; None for none.

        Raises:
            ValueError: That is no name of a model.
        """
        await self._link.load(self.name, wishes.model_name(model))

    async def script(self, *scripts: Script) -> None:
        """Have exactly these scripts say what it answers; none leaves that to the engine.

        Raises:
            ValueError: One of them can't be.
        """
        await self._link.script(self.name, wishes.scripts(scripts))

    async def clear_cache(self) -> None:
        """Empty its KV cache."""
        await self._link.clear_cache(self.name)

    async def cancel(self) -> int:
        """Reset the connections of its running requests. Returns how many there were."""
        return await self._link.cancel(self.name)

    async def restart(self, seconds: float | None = None) -> None:
        """End its process and start it again: connections are reset and then refused, and what was
        in memory is lost. Returns when it is down; `Restarted` in the journal tells when it is
        there again.

        Args:
            seconds: How long it is down, by the fleet's clock; None for what its settings say.

        Raises:
            ValueError: No server can be down so long.
        """
        await self._link.restart(self.name, wishes.seconds(seconds))

    async def change(self, **fields: Unpack[AllFields]) -> None:
        """Give it other settings; its process restarts with them in no time.

        Args:
            fields: The fields of `Settings` that change.

        Raises:
            TypeError: There is no such setting.
            ValueError: A setting can't be so.
        """
        wishes.known_settings(fields)
        await self._link.change(self.name, fields)

    async def info(self) -> ServerInfo:
        """How it stands: door, queue, slots, models, memory, rules, settings."""
        return await self._link.info(self.name)

    def __repr__(self) -> str:
        return f"<server {self.name} at {self.url}>"
