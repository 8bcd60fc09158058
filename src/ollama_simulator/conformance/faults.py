"""How scenarios aim a fault: at the requests that generate, at some turns, at one server.

Rules of this file:

1. Health checks are never hit unless that is the point: a balancer that asks for `/api/version`
   must not learn from there what the scenario wants it to learn from answers.

It must not import the scenarios or the player.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ollama_simulator.acts import Reply
from ollama_simulator.conformance.dialect import PATHS
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault

EMBEDDING = frozenset({"/api/embed", "/api/embeddings", "/v1/embeddings"})


def generates(exchange: Exchange) -> bool:
    """Whether a request wants a model's work."""
    request = exchange.request
    path = request.target.partition("?")[0]
    return request.method == "POST" and path in PATHS | EMBEDDING


class Aimed(Fault, frozen=True):
    """A fault for those requests that fit; all others are answered well."""

    fault: Any
    fits: Callable[[Exchange], bool] = generates

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Bend, or don't."""
        return self.fault.around(exchange, handler) if self.fits(exchange) else handler(exchange)


class Turns(Fault, frozen=True):
    """The first requests of a fleet that generate get a fault each, in the order in which they
    come to whatever server; all later ones are answered well."""

    left: list[Any]

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Take the next fault, if there is one."""
        if self.left and generates(exchange):
            fault = self.left.pop(0)
            return fault.around(exchange, handler) if fault is not None else handler(exchange)
        return handler(exchange)


class Chosen(msgspec.Struct):
    """Which server is the one."""

    name: str | None = None


class First(Fault, frozen=True):
    """A fault for the server that is asked first to generate: whichever the balancer likes best.
    All its requests that generate suffer; the other servers are sound."""

    fault: Any
    me: str
    chosen: Chosen

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Be the one, if nobody was before."""
        if not generates(exchange):
            return handler(exchange)
        if self.chosen.name is None:
            self.chosen.name = self.me
        if self.chosen.name != self.me:
            return handler(exchange)
        bent: Reply = self.fault.around(exchange, handler)
        return bent
