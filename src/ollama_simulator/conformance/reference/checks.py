"""Asks a server for its health, again and again.

Rules of this file:

1. A server is well if it answers `GET /api/version` with 200 in time. Nothing else counts.

It must not import the relay.
"""

from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import Balancer
from ollama_simulator.net.client import Broken, Client

PATH = "/api/version"
LONGEST_S = 1.0
"""Within this an answer must have begun."""


async def keep_checking(balancer: Balancer, backend: Backend) -> None:
    """Check one server until cancelled, as often as the option says."""
    clock = balancer.clock
    while True:
        balancer.checked(backend, well=await is_well(backend))
        await clock.sleep_until(clock.now() + balancer.options.check)


async def is_well(backend: Backend) -> bool:
    """Whether a server says that it is."""
    try:
        async with await Client.connect(backend.host, backend.port, LONGEST_S) as client:
            host = f"{backend.host}:{backend.port}"
            await client.ask("GET", PATH, [("Host", host), ("Connection", "close")])
            return (await client.head(LONGEST_S)).status == 200
    except Broken:
        return False
