"""A fault for one request, which the request itself asks for by a header.

Rules of this file:

1. It is the outermost rule of that one request, and counts nowhere.
2. A header that asks for nothing that can be had is refused with 400, in words that name it.

It must not import the server or anything above.
"""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Reply
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.rule import BadFault, Rule, named
from ollama_simulator.rules import Active

HEADER = "X-Simulator-Fault"


def asked_for(words: str) -> Active:
    """The rule for one request that a header asks for. Raises `BadFault`."""
    fault = named(words)
    if fault.at_the_door():
        name = type(fault).__name__
        raise BadFault(f"{name} works before there is a request: set it as a rule")
    return Active(None, Rule(fault=fault), 0.0)


def refusing(bad: BadFault) -> Handler:
    """Who answers a request whose header asks for nothing that can be had."""

    async def refused(exchange: Exchange) -> AsyncGenerator[Act, None]:
        await exchange.drain()
        for act in exchange.fail(400, f"{HEADER}: {bad}"):
            yield act

    def handler(exchange: Exchange) -> Reply:
        return exchange.stage(refused(exchange))

    return handler
