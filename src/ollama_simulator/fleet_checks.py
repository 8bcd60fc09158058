"""What no type can say of a fleet's file: variables, ports and names that can't be meant.

It must not import the fleet or anything above.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ollama_simulator.clock import FASTEST, SLOWEST
from ollama_simulator.complaints import about_models
from ollama_simulator.environment import KNOWN, Invalid, doubt, settings_in
from ollama_simulator.faults.rule import complaint
from ollama_simulator.fleet_types import Server
from ollama_simulator.mistakes import Mistake, instead
from ollama_simulator.places import Place
from ollama_simulator.settings import HELPER_OFFSET, Settings


def about(
    document: dict[str, Any], servers: list[tuple[int, Server]], fleet: Any
) -> Iterator[Mistake]:
    """What no type can say of a document."""
    if not SLOWEST <= fleet.clock_speed <= FASTEST:
        words = f"time can't go {fleet.clock_speed:g} times as fast"
        yield Mistake(("clock_speed",), f"{words}; a millionth to a million can be")
    for place, table in _tables(document):
        for name, wrong in variables(table):
            if isinstance(wrong, str):
                yield Mistake((*place, "environment", name), wrong)
    yield from _about_servers(servers, fleet.control_port)


def _about_servers(
    servers: list[tuple[int, Server]], control_port: int | None
) -> Iterator[Mistake]:
    everybody = [server for _, server in servers]
    taken: dict[int, int] = {}
    for index, server in servers:
        place = ("servers", index)
        if server.port > 65535:
            yield Mistake((*place, "count"), f"there is no port {server.port}")
        elif server.port and server.port in taken:
            yield Mistake((*place, "port"), f"{server.port} stands twice")
        elif server.port and server.port == control_port:
            yield Mistake((*place, "port"), f"{server.port} is the control port, too")
        elif clash := about_helper(server, everybody, control_port):
            yield Mistake((*place, "helper"), clash)
        taken[server.port] = index
        for number, rule in enumerate(server.rules):
            if why := complaint(rule):
                yield Mistake((*place, "rules", number, why[0]), why[1])
        if wrong := about_models(server.installed_models or ()):
            where = re.findall(r"\[(\d+)\]|\.(\w+)", wrong[0])
            inner = tuple(name or int(number) for number, name in where)
            yield Mistake((*place, "installed_models", *inner), wrong[1])


def about_helper(server: Server, servers: Iterable[Server], control_port: int | None) -> str | None:
    """What is wrong with the port of a server's helper, in words; None if nothing is."""
    port = server.port + HELPER_OFFSET
    if not (server.helper and server.port):
        return None
    if port > 65535:
        return f"there is no port {port} for the helper of {server.port}"
    if port == control_port:
        return f"{port}, the port of the helper of {server.port}, is the control port, too"
    if any(other.port == port for other in servers):
        return f"{port}, the port of the helper of {server.port}, is a server's, too"
    return None


def variables(table: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Each variable of a table, with the fields that it sets, or what is wrong with it."""
    for name, value in table.get("environment", {}).items():
        try:
            fields = settings_in({name: str(value)})
            msgspec.convert(fields, Settings)
        except Invalid as invalid:
            if name in KNOWN:
                yield name, str(invalid).removeprefix(f"{name}: ")
            else:
                yield name, f"no variable of Ollama's; {instead(name, KNOWN)}"
        except msgspec.ValidationError as error:
            yield name, str(error).partition(" - at ")[0]
        else:
            yield name, fields


def doubts(document: dict[str, Any]) -> Iterator[Mistake]:
    """What can be meant, but hardly is."""
    for place, table in _tables(document):
        for name, value in table.get("environment", {}).items():
            if words := doubt(name, str(value)):
                yield Mistake((*place, "environment", name), words)
    workers = document.get("workers", 1)
    if workers > (servers := sum(table.get("count", 1) for table in document["servers"])):
        yield Mistake(
            ("workers",), f"of {workers} processes for {servers} server(s) some have none"
        )


def _tables(document: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    yield ("defaults",), document.get("defaults", {})
    for index, table in enumerate(document["servers"]):
        yield ("servers", index), table
