"""Routing policies: where a request goes.

Source: engine model 6.3; seed facts, "The balancer's contract" and "Version 1.0.4".

Rules of this file:

1. A policy is one function of a request, the fleet as a balancer sees it, and a source of chance.
   It answers with the number of a server, or None: nobody is free, so the request waits.
2. What it has to remember is in the view: columns that are kept for all policies, or its `notes`.
3. `informed` alone asks for the truth.

It must not import anything but its own package.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import TypeVar

from ollama_simulator.lab.nine_steps import counts, fastest, lowest
from ollama_simulator.lab.request import Request
from ollama_simulator.lab.view import RELIABLE, SECOND_CHANCE, UNRELIABLE, View

Policy = Callable[[Request, View, Random], int | None]
P = TypeVar("P", bound=Policy)

POLICIES: dict[str, Policy] = {}
"""All policies, by their names."""
SPREAD = 0x9E3779B97F4A7C15
"""An odd number near 2**64 divided by the golden ratio: multiplied by it, neighbours are far
apart."""


def policy(function: P) -> P:
    """Give a policy its name: that of the function, with hyphens."""
    name = function.__name__.replace("_", "-")
    if name in POLICIES:
        raise ValueError(f"there is a policy {name!r} already")
    POLICIES[name] = function
    return function


def about(name: str) -> str:
    """What a policy does, in a line: the first one of its docstring."""
    return (POLICIES[name].__doc__ or "").strip().partition("\n")[0]


@policy
def random(request: Request, fleet: View, rng: Random) -> int | None:
    """Any server."""
    servers = fleet.servers()
    return servers[rng.randrange(len(servers))] if servers else None


@policy
def round_robin(request: Request, fleet: View, rng: Random) -> int | None:
    """One server after the other."""
    servers = fleet.servers()
    return servers[fleet.sent % len(servers)] if servers else None


@policy
def least_connections(request: Request, fleet: View, rng: Random) -> int | None:
    """The server with the fewest requests in flight."""
    return fleet.least()


@policy
def first_free(request: Request, fleet: View, rng: Random) -> int | None:
    """The seed's: the first free server, reliable ones before others; else wait, or a 503."""
    free = fleet.free()
    for wanted in (RELIABLE, UNRELIABLE):
        for server in free:
            if fleet.reliability[server] == wanted:
                return server
    for server in free:
        fleet.reliability[server] = UNRELIABLE
    return free[0] if free else None


@policy
def sticky_hash(request: Request, fleet: View, rng: Random) -> int | None:
    """The server that a conversation's hash says, whatever goes on there."""
    servers = fleet.servers()
    mixed = (request.conversation + 1) * SPREAD % 2**64 >> 32
    return servers[mixed * len(servers) >> 32] if servers else None


@policy
def prefix_affinity(request: Request, fleet: View, rng: Random) -> int | None:
    """The server that has most of the prompt; for a new conversation least-connections."""
    home = fleet.home(request)
    return fleet.least() if home is None else home


@policy
def bounded_affinity(request: Request, fleet: View, rng: Random) -> int | None:
    """The same, unless that server has over one request more in flight than the least loaded."""
    home, least = fleet.home(request), fleet.least()
    if home is None or least is None:
        return least
    return home if fleet.in_flight[home] <= fleet.in_flight[least] + 1 else least


@policy
def informed(request: Request, fleet: View, rng: Random) -> int | None:
    """The server whose first token would come first, by what no balancer knows: a yardstick."""
    return min(fleet.servers(), key=lambda i: fleet.truth.ttft(i, request), default=None)


@policy
def nine_step(request: Request, fleet: View, rng: Random) -> int | None:
    """The seed's author's plan for 1.0.4: nine questions, each narrowing what is left."""
    servers = fleet.free()
    if request.model not in fleet.everywhere:
        servers = [i for i in servers if request.model in fleet.installed[i]]
    if not servers:
        return None
    servers = _reliable(servers, fleet)
    servers = lowest(servers, fleet.capability.__getitem__)
    wanted = "q8_0" if request.model in fleet.q8_models else "q16"
    fitting = [i for i in servers if fleet.kv_cache[i] == wanted]
    servers = fitting or servers
    if fitting:
        servers = [i for i in servers if fleet.truth.loaded(i, request.model)] or servers
        servers = _continuing(request, servers, fleet) or servers
    chosen = fastest(servers, fleet.speed.__getitem__)[0]
    if not fitting:
        fleet.switch(chosen, wanted)
    return chosen


def _reliable(servers: list[int], fleet: View) -> list[int]:
    """The reliable ones, else the unreliable ones; if there are neither, all get another chance."""
    for wanted in (RELIABLE, UNRELIABLE):
        if found := [i for i in servers if fleet.reliability[i] == wanted]:
            return found
    for server in servers:
        assert fleet.reliability[server] == SECOND_CHANCE
        fleet.reliability[server] = UNRELIABLE
    return servers


def _continuing(request: Request, servers: Iterable[int], fleet: View) -> list[int]:
    """Those whose last conversation the request goes on with."""
    holders = fleet.holders(request)
    if not holders:
        return []
    found = []
    for server in servers:
        if (messages := holders.get(server)) is None:
            continue
        held = fleet.held[server]
        assert held is not None
        if held[2:] == (request.model, request.num_ctx) and counts(messages, request.messages):
            found.append(server)
    return found
