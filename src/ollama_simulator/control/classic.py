"""The seed's control routes, on the fleet's methods.

Rules of this file:

1. A route reads, calls one method of the fleet, and answers. What is wrong with a request
   is found before anything is changed.
2. The content type of a request does not matter: `curl -d` sends none that is true.
3. `Set behaviour` replaces what the server did before, at once, for requests to come.

Source: the seed's document, section "Control API", and its unwritten details.

It must not import the servers' insides.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ollama_simulator import names
from ollama_simulator.complaints import about_models
from ollama_simulator.control.body import BadBody, decode
from ollama_simulator.control.web import Asked, get, post
from ollama_simulator.faults import fault
from ollama_simulator.fleet import Fleet
from ollama_simulator.model import Model
from ollama_simulator.once import once

Port = Annotated[int, Meta(ge=1, le=65535)]


class AllPorts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`{"all": true}`: every server."""

    all: bool


class ForPort(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A wish for one server or for all."""

    port: Port | AllPorts


class SetModels(ForPort, frozen=True, forbid_unknown_fields=True):
    """Replace the installed models."""

    models: list[Model]


class SetLoadedModel(ForPort, frozen=True, forbid_unknown_fields=True):
    """Set the loaded model."""

    model: str | None


class Reset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Return to the start."""

    clear_counters: bool = False


class ServerStatus(msgspec.Struct, frozen=True):
    """One server in `/status`."""

    port: int
    behavior: str
    accepting_connections: bool
    installed_models: list[str]
    loaded_model: str | None
    request_count: int
    active_request_count: int


HINTS = {"$.port": 'the port of a server, or {"all": true}'}
DONE = {"status": "ok"}


def fleet_in(request: Asked) -> Fleet:
    """The fleet that is controlled."""
    fleet: Fleet = request.app.state.fleet
    return fleet


def chosen(wish: ForPort) -> int | None:
    """The port that is meant, or None for all. Raises `BadBody`."""
    if isinstance(wish.port, AllPorts):
        if not wish.port.all:
            raise BadBody(f"$.port.all is false; $.port must be {HINTS['$.port']}")
        return None
    return wish.port


@get("/status")
async def status(request: Asked) -> dict[str, list[ServerStatus]]:
    """Every server's state, ordered by port."""
    fleet = fleet_in(request)
    return {
        "servers": [
            ServerStatus(
                port=port,
                behavior=type(server.behavior).__name__,
                accepting_connections=server.accepting,
                installed_models=server.store.names,
                loaded_model=server.loaded_model,
                request_count=fleet.journal.requests[server.name],
                active_request_count=server.active,
            )
            for port, server in sorted(fleet.servers.items())
        ]
    }


@post("/behavior")
async def set_behavior(request: Asked) -> dict[str, str]:
    """Set how a server, or every server, behaves from now on."""
    behaviors = fault.known()
    hints = HINTS | {
        **fault.choices("$.behavior"),
        "$.behavior": "an object of a behaviour's fields, whose `type` names it",
        "$.behavior.type": f"one of {', '.join(behaviors)}",
        "$.behavior.content_type": "printable Latin-1 characters",
    }
    wish: Any = decode(await request.whole(), _set_behavior(), hints=hints)
    await fleet_in(request).behave(chosen(wish), wish.behavior)
    return DONE


@post("/models")
async def set_models(request: Asked) -> dict[str, str]:
    """Replace the installed models of a server, or of every server."""
    wish = decode(await request.whole(), SetModels, hints=HINTS)
    if wrong := about_models(wish.models):
        raise BadBody(f"{wrong[1]} - at `$.models{wrong[0]}`")
    fleet_in(request).install(chosen(wish), wish.models)
    return DONE


@post("/loaded-model")
async def set_loaded_model(request: Asked) -> dict[str, str]:
    """Set which model is "hot" (loaded in VRAM); null for none."""
    wish = decode(await request.whole(), SetLoadedModel, hints=HINTS)
    if wish.model is not None and not names.valid(wish.model):
        raise BadBody(f"{wish.model!r} is no model name - at `$.model`")
    fleet_in(request).load(chosen(wish), wish.model)
    return DONE


@post("/reset")
async def reset(request: Asked) -> dict[str, str]:
    """Return every server to its state at the start; the counters only when asked."""
    wish = decode(await request.whole(), Reset, hints={}, empty=Reset())
    await fleet_in(request).reset(clear_counters=wish.clear_counters)
    return DONE


@get("/request-count/{port}")
async def request_count(request: Asked) -> dict[str, int]:
    """How many requests a server got, whatever their path or outcome."""
    fleet = fleet_in(request)
    port = port_in(request)
    server = fleet.server(port)
    return {"port": port, "request_count": fleet.journal.requests[server.name]}


@get("/kv-cache/{port}")
async def kv_cache(request: Asked) -> dict[str, int | list[str]]:
    """The tokens in a server's KV cache."""
    port = port_in(request)
    tokens = fleet_in(request).server(port).cached_tokens
    return {"port": port, "token_count": len(tokens), "tokens": tokens}


@post("/kv-cache/clear")
async def clear_kv_cache(request: Asked) -> dict[str, str]:
    """Empty the KV cache of a server, or of every server."""
    wish = decode(await request.whole(), ForPort, hints=HINTS)
    fleet_in(request).clear_cache(chosen(wish))
    return DONE


@post("/cancel/{port}")
async def cancel(request: Asked) -> dict[str, int]:
    """End a server's running requests at once, by resetting their connections."""
    return {"cancelled": fleet_in(request).server(port_in(request)).cancel()}


@get("/health")
async def health(request: Asked) -> dict[str, str]:
    """Whether the simulator runs."""
    return DONE


def port_in(request: Asked) -> int:
    """The port in the path. Raises `BadBody`."""
    port = str(request.path_params["port"])
    if not port.isascii() or not port.isdigit() or len(port) > 5:
        raise BadBody(f"{port!r} is no port - in the path; it must be a number")
    return int(port)


@once
def _set_behavior() -> Any:
    """The body of `/behavior`: made when first asked, since it holds every known fault."""
    return msgspec.defstruct(
        "SetBehavior",
        [("behavior", fault.any_fault())],
        bases=(ForPort,),
        frozen=True,
        forbid_unknown_fields=True,
    )


ROUTES = [
    status,
    set_behavior,
    set_models,
    set_loaded_model,
    reset,
    request_count,
    kv_cache,
    clear_kv_cache,
    cancel,
    health,
]
