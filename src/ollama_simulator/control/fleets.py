"""Control routes for the fleet as a whole, and for the servers that it has.

Rules of this file:

1. A server is written as a table of `[[servers]]` in a fleet's file (`control.tables`).

It must not import the servers' insides.
"""

from typing import Annotated, Any

import msgspec

from ollama_simulator import __version__
from ollama_simulator.control import body, tables
from ollama_simulator.control.naming import one, several
from ollama_simulator.control.operation import Call, Example, Table
from ollama_simulator.control.problems import Problem
from ollama_simulator.control.views import (
    FleetInfo,
    ServerInfo,
    Servers,
    fleet_info,
    server_info,
)
from ollama_simulator.control.web import document
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.rule import complaint
from ollama_simulator.fleet_types import plain

operation = Table("Fleet")
S1 = Example(path={"name": "s1"})


class Restart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a server restarts."""

    seconds: Annotated[float, msgspec.Meta(ge=0, le=1e9)] | None = None
    """For how long it is down, by the fleet's clock; null for what its settings say."""


@operation("GET", "/fleet", gives=FleetInfo)
async def get_fleet(call: Call) -> FleetInfo:
    """The fleet as a whole."""
    return fleet_info(call.fleet, __version__)


@operation("GET", "/servers", gives=Servers)
async def list_servers(call: Call) -> Servers:
    """Every server, as it is now."""
    return Servers(
        [server_info(call.fleet, each, call.host) for each in call.fleet.servers.values()]
    )


@operation(
    "POST",
    "/servers",
    takes=tables.new_server,
    needs_body=False,
    gives=ServerInfo,
    status=201,
    problems=("PortTaken", "Unsupported"),
    examples=(
        Example(),
        Example(body={"num_parallel": 2, "behavior": {"type": "Hang"}}),
    ),
)
async def add_server(call: Call) -> Any:
    """Add a server.

    It gets the next name that was never used. `POST /reset` removes it.
    """
    table = plain(tables.read(call, tables.new_server()))
    for number, each in enumerate(table.rules):
        if wrong := complaint(each):
            raise body.bad(("rules", number, wrong[0]), wrong[1])
    server = await call.fleet.add(table.settings, port=table.port)
    try:
        if table.behavior != Normal():
            await server.behave(table.behavior)
        for each in table.rules:
            await call.fleet.inject(server.name, each)
    except Exception:
        await call.fleet.remove(server.name)
        raise
    return document(
        server_info(call.fleet, server, call.host), 201, {"Location": f"/servers/{server.name}"}
    )


@operation("GET", "/servers/{name}", gives=ServerInfo, problems=("UnknownServer",), examples=(S1,))
async def get_server(call: Call) -> ServerInfo:
    """One server, as it is now."""
    return server_info(call.fleet, one(call), call.host)


@operation(
    "PATCH",
    "/servers/{name}",
    takes=tables.ChangedServer,
    gives=ServerInfo,
    problems=("UnknownServer",),
    examples=(Example(path={"name": "s1"}, body={"num_parallel": 4}),),
)
async def change_server(call: Call) -> ServerInfo:
    """Give a server other settings.

    Those that are not given stay. Its process restarts with them in no time: connections are
    reset and what was in memory is lost. `POST /reset` brings back those of the start.
    """
    server = one(call)
    settings = tables.settings_of(tables.read(call, tables.ChangedServer, server.settings))
    await call.fleet.change(server.name, settings)
    return server_info(call.fleet, server, call.host)


@operation(
    "DELETE",
    "/servers/{name}",
    status=204,
    problems=("UnknownServer", "Conflict"),
    examples=(Example(path={"name": "s3"}),),
)
async def remove_server(call: Call) -> None:
    """Remove a server.

    Its process ends, and its port is free. `POST /reset` brings back one of the start.
    """
    server = one(call)
    if server.settings.helper:
        raise Problem("Conflict", f"{server.name} has a helper, which ends only with its fleet")
    await call.fleet.remove(server.name)


@operation(
    "POST",
    "/servers/{name}/restart",
    takes=Restart,
    needs_body=False,
    gives=(ServerInfo, Servers),
    problems=("UnknownServer",),
    examples=(S1, Example(path={"name": "all"}, body={"seconds": 0.5})),
    several=True,
)
async def restart_server(call: Call) -> ServerInfo | Servers:
    """Restart a server, several (`s1,s2`) or `all`.

    Connections are reset and what was in memory is lost; until it is back, connections are
    refused. The answer comes when it is down: of one server, or a list of several.
    """
    servers = several(call)
    wish = call.body(Restart, empty=Restart())
    for server in servers:
        await server.restart(seconds=wish.seconds)
    shown = [server_info(call.fleet, server, call.host) for server in servers]
    return shown[0] if call.path["name"] == servers[0].name else Servers(shown)
