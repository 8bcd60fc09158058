"""Which servers a path of the control API means.

It must not import the servers' insides.
"""

from ollama_simulator.control.operation import Call
from ollama_simulator.control.problems import Problem
from ollama_simulator.fleet import ALL
from ollama_simulator.server import SimServer


def one(call: Call) -> SimServer:
    """The one server that is named. Raises `UnknownServer` or `Problem`."""
    name = call.path["name"]
    if name == ALL or "," in name:
        raise Problem("UnknownServer", f"{name!r} is not one server, and here one is meant")
    return call.fleet.named(name)


def several(call: Call) -> list[SimServer]:
    """Those that are named, separated by commas, or every one for `all`. Raises
    `UnknownServer`."""
    name = call.path["name"]
    return call.fleet.among(ALL if name == ALL else name.split(","))


def names(servers: list[SimServer]) -> tuple[str, ...]:
    """Their names."""
    return tuple(server.name for server in servers)
