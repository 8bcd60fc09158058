"""Flaws of leaving: what a balancer does, or doesn't, when its client is gone."""

import weakref
from collections.abc import AsyncGenerator
from typing import ClassVar

from ollama_simulator.acts import Act
from ollama_simulator.conformance.flaws.flaw import FlawedRelay
from ollama_simulator.conformance.reference.relay import Again
from ollama_simulator.net.client import Broken, Client
from ollama_simulator.net.client import End as Ended
from ollama_simulator.net.request import BadBody


class _Forgetful(Client):
    """A connection that is given up and never closed."""

    def close(self) -> None:
        self._break(Ended.LEFT, "we left")
        if self._complete:
            super().close()


class ForgetsUpstream(FlawedRelay):
    """When its client leaves, the connection to the server is dropped and never closed."""

    client = _Forgetful


class _Steadfast(Client):
    """A connection that stays until the head of its answer is there, or it breaks."""

    def close(self) -> None:
        if self.over or self._head is not None:
            super().close()


class HoldsUnanswered(FlawedRelay):
    """A client that leaves is noticed when its answer begins, or when the server was silent for
    too long."""

    client = _Steadfast


class RetriesForNobody(HoldsUnanswered):
    """A request that was not answered in time is sent to the next server, though its client has
    left."""

    def abandoned(self) -> bool:
        return False

    async def unanswered(self, broken: Broken) -> AsyncGenerator[Act, None]:
        if self.request.left is not None and not self.last_try():
            raise Again
        async for act in super().unanswered(broken):
            yield act


class _Listed(Client):
    """A connection that is on a list."""

    every: ClassVar[weakref.WeakSet["_Listed"]] = weakref.WeakSet()

    def __init__(self) -> None:
        super().__init__()
        self.every.add(self)


class LeaversTakeAll(FlawedRelay):
    """A client that leaves ends the requests of all others."""

    client = _Listed

    async def finish(self, outcome: str) -> None:
        if outcome == "left" or self.request.left is not None:
            for upstream in list(_Listed.every):
                upstream.close()
        await super().finish(outcome)


class SendsHalves(FlawedRelay):
    """A request that its client broke off is sent on as if it were whole."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        found = []
        try:
            async for data in self.request.body.chunks():
                found.append(data)
        except BadBody:
            self.body = b"".join(found)
        else:
            self.body = b"".join(found)
        async for act in super().relay():
            yield act


class AsksForLeavers(HoldsUnanswered):
    """A request that waits for a server is sent to it, though its client has left meanwhile."""

    def abandoned(self) -> bool:
        return False
