"""Control routes for scripted answers, beside the seed's.

Rules of this file:

1. Setting the scripts replaces those that were there; `/reset` brings back those of the start.

It must not import the servers' insides: what it does goes through the fleet.
"""

import msgspec

from ollama_simulator.control.body import decode
from ollama_simulator.control.classic import DONE, HINTS, ForPort, chosen, fleet_in, port_in
from ollama_simulator.control.web import Asked, get, post
from ollama_simulator.script import Script


class SetScripts(ForPort, frozen=True, forbid_unknown_fields=True):
    """Replace the scripts."""

    scripts: list[Script]


class ServerScripts(msgspec.Struct, frozen=True):
    """The scripts of one server."""

    port: int
    scripts: list[Script]
    used: list[int]
    """How often each of them was given."""


@post("/scripts")
async def set_scripts(request: Asked) -> dict[str, str]:
    """Replace the scripts of a server, or of every server."""
    wish = decode(await request.whole(), SetScripts, hints=HINTS)
    fleet_in(request).script(chosen(wish), wish.scripts)
    return DONE


@get("/scripts/{port}")
async def scripts(request: Asked) -> ServerScripts:
    """The scripts of a server, and how often each was given."""
    port = port_in(request)
    found = fleet_in(request).server(port).scripts
    return ServerScripts(port, list(found.all), list(found.used))


ROUTES = [set_scripts, scripts]
