"""Flaws of balancers that know of models: what they don't read, don't update, or list wrongly.

It must not import the scenarios.
"""

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any, ClassVar

from ollama_simulator.acts import Act
from ollama_simulator.conformance.flaws.flaw import FlawedPlan, FlawedRelay
from ollama_simulator.conformance.reference import listing
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import text
from ollama_simulator.conformance.reference.relay import Relay
from ollama_simulator.conformance.reference.wish import Conversation, Wish
from ollama_simulator.names import Name
from ollama_simulator.net.request import Request

# --- who has it -------------------------------------------------------------------------------


class IgnoresModels(FlawedPlan):
    """Every server is asked for every model."""

    def having(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        return backends


class ReadsChatOnly(FlawedPlan):
    """The model is read from requests to /api/chat alone."""

    def having(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        return super().having(backends, asked) if asked.path == "/api/chat" else backends


class ComparesNamesLiterally(FlawedPlan):
    """A model is only found by the spelling that its server lists it under."""

    def having(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        if asked.model is None:
            return backends
        return [
            backend
            for backend in backends
            if any(
                entry["name"] == asked.spelled
                for entry in (self.servers[backend].installed or {}).values()
            )
        ]


class IgnoresTags(FlawedPlan):
    """Models that differ by their tags alone are one."""

    def having(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        if asked.model is None:
            return backends
        wanted = asked.model[:3]
        return [
            backend
            for backend in backends
            if any(name[:3] == wanted for name in self.servers[backend].installed or {})
        ]


class KeepsFirstList(FlawedPlan):
    """What servers have is asked again and again, and what they told first stays."""

    told: dict[Backend, set[Name]]

    async def look(self) -> None:
        await super().look()
        if "told" not in self.__dict__:
            self.told = {
                backend: set(known.installed or {}) for backend, known in self.servers.items()
            }

    def having(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        return [each for each in backends if asked.model in self.told[each]]


class MissingWithoutAWord(FlawedPlan):
    """Who asks for a model that nobody has is told so without its name."""

    def own(self, request: Request, asked: Wish) -> list[Act] | None:
        if asked.model is not None and not self.anybody_has(asked):
            return text(404, "not found")
        return super().own(request, asked)


# --- lists ------------------------------------------------------------------------------------


class AsksOneServer(FlawedPlan):
    """The list of models is that of one server."""

    def union(self) -> list[dict[str, Any]]:
        return listing.union(list(self.servers.values())[:1])


class ListsDoubles(FlawedPlan):
    """A model that several servers have is listed several times."""

    def union(self) -> list[dict[str, Any]]:
        servers = self.servers.values()
        return [entry for known in servers for entry in (known.installed or {}).values()]


class ListsNamesOnly(FlawedPlan):
    """The list has names, and nothing else of what servers tell."""

    def union(self) -> list[dict[str, Any]]:
        return [{"name": entry["name"], "model": entry["name"]} for entry in super().union()]


class ListsByName(FlawedPlan):
    """Of different models under one name only the first is listed."""

    def union(self) -> list[dict[str, Any]]:
        return list({entry["name"]: entry for entry in reversed(super().union())}.values())


class AllOrNothing(FlawedPlan):
    """While a server does not tell what it has, nothing is told of any."""

    silent = False

    async def look(self) -> None:
        await super().look()
        told = [
            await known.told(known.backend.port, "/api/tags") for known in self.servers.values()
        ]
        self.silent = None in told

    def union(self) -> list[dict[str, Any]]:
        return [] if self.silent else super().union()


# --- memory and conversations -----------------------------------------------------------------


class Edits(Relay):
    """A relay that changes fields of the requests that it passes on."""

    changes: ClassVar[dict[str, Any]] = {}

    async def relay(self) -> AsyncGenerator[Act, None]:
        self.body = await self.request.body.read()
        with contextlib.suppress(ValueError):
            document = json.loads(self.body)
            self.body = json.dumps(document | self.changes).encode()
        async for act in super().relay():
            yield act


class UnloadsAfterwards(Edits, FlawedRelay):
    """Each request says that its model is not needed any more when it is answered."""

    changes: ClassVar[dict[str, Any]] = {"keep_alive": 0}


class KeepsForEver(Edits, FlawedRelay):
    """Each request says that its model stays in memory for ever."""

    changes: ClassVar[dict[str, Any]] = {"keep_alive": -1}


class DropsOptions(Edits, FlawedRelay):
    """The options of a request are not passed on."""

    changes: ClassVar[dict[str, Any]] = {"options": {}}


class BusyEvicts(FlawedPlan):
    """A conversation whose server is busy for once is no conversation any more."""

    def continuing(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        said = asked.conversation
        if said is None:
            return []
        held = {
            backend
            for backend, known in self.servers.items()
            if known.conversation is not None and said.goes_on(known.conversation)
        }
        if held and not held.intersection(backends):
            self.evicted().add(begin(said))
        return [] if begin(said) in self.evicted() else super().continuing(backends, asked)

    def evicted(self) -> set[str]:
        """The conversations that have no server any more."""
        found: set[str] = self.__dict__.setdefault("_evicted", set())
        return found


class PinsForEver(FlawedPlan):
    """A conversation is asked where it began, be that server dead or alive."""

    def having(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        pins: dict[str, Backend] = self.__dict__.setdefault("_pins", {})
        found = super().having(backends, asked)
        if asked.conversation is None or not found:
            return found
        pin = pins.setdefault(begin(asked.conversation), self.pick(found, asked))
        return [backend for backend in found if backend is pin]


class SpreadsConversations(FlawedPlan):
    """A conversation goes to a server that does not have it, so that all have something to do."""

    def pick(self, backends: list[Backend], asked: Wish) -> Backend:
        holders = self.continuing(backends, asked)
        return super().pick([each for each in backends if each not in holders] or backends, asked)


def begin(said: Conversation) -> str:
    """What tells one conversation from others: its first five messages."""
    return repr(said.messages[:5])
