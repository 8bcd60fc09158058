"""How the servers of a spread fleet stand: as their workers tell it, or that these are gone.

It must not import the control API's routes.
"""

import asyncio
from typing import Any

import msgspec

from ollama_simulator.acts import Door
from ollama_simulator.control.views import (
    ServerInfo,
    Servers,
    VramInfo,
    generated,
    profile_name,
    url,
    written,
)
from ollama_simulator.settings import Settings
from ollama_simulator.workers import states
from ollama_simulator.workers.messages import Counters, Wish
from ollama_simulator.workers.process import Process, WorkerDown
from ollama_simulator.workers.spread import Place, Spread


async def infos(fleet: Spread, host: str | None = None) -> list[ServerInfo]:
    """Every server, as it is now. `host` is what this machine is called by whoever asks."""
    asked = [worker for worker in fleet.workers if worker.up]
    found = await asyncio.gather(*(_told(worker, "/servers", host) for worker in asked))
    await fleet.settle()
    told: dict[str, ServerInfo] = {}
    for answer in found:
        if answer is not None:
            servers = msgspec.json.decode(answer, type=Servers).servers
            told |= {each.name: corrected(fleet, each) for each in servers}
    return [told.get(place.name) or down(fleet, place, host) for place in fleet.servers.values()]


async def statuses(fleet: Spread) -> list[dict[str, Any]]:
    """The same as `GET /status` has it."""
    asked = [worker for worker in fleet.workers if worker.up]
    found = await asyncio.gather(*(_told(worker, "/status", None) for worker in asked))
    await fleet.settle()
    documents = [msgspec.json.decode(answer) for answer in found if answer is not None]
    told = {each["port"]: each for document in documents for each in document["servers"]}
    shown = []
    for port, place in sorted(fleet.servers.items()):
        document = told.get(port) or _status(fleet, place)
        shown.append({**document, "request_count": fleet.journal.requests[place.name]})
    return shown


async def _told(worker: Process, path: str, host: str | None) -> bytes | None:
    """What a worker tells of its servers; None if it ends meanwhile."""
    headers = () if host is None else ((b"host", host.encode()),)
    wish = Wish(0, "GET", path, path.encode(), b"", headers, b"", Counters(0, 0))
    try:
        return (await worker.grant(wish, tries=1)).body
    except WorkerDown:
        return None


def corrected(fleet: Spread, info: ServerInfo) -> ServerInfo:
    """What a worker tells of a server, with the sums of the fleet's journal: those of the worker
    begin with its process."""
    return msgspec.structs.replace(
        info,
        requests=fleet.journal.requests[info.name],
        tokens=generated(fleet.journal.tally.servers[info.name]),
    )


def down(fleet: Spread, place: Place, host: str | None) -> ServerInfo:
    """A server whose worker is gone: what it was told to be, and that it is down."""
    state = fleet.state(place)
    table = states.table(state)
    settings = Settings(**states.settings_of(table))
    info = ServerInfo(
        name=place.name,
        port=place.port,
        url=url(fleet, place.port, host),
        behavior=msgspec.to_builtins(table.behavior),
        door=Door.SHUT,
        down=True,
        accepting=False,
        active=0,
        queued=0,
        requests=0,
        tokens=0,
        slots=[],
        loaded=[],
        installed=[model.name for model in state.models],
        vram=VramInfo(0, settings.hardware.memory.vram_bytes),
        cached_tokens=0,
        rules=[],
        profile=profile_name(settings),
        settings=written(settings),
        worker=place.worker,
    )
    return corrected(fleet, info)


def _status(fleet: Spread, place: Place) -> dict[str, Any]:
    state = fleet.state(place)
    return {
        "port": place.port,
        "behavior": type(states.table(state).behavior).__name__,
        "accepting_connections": False,
        "installed_models": [model.name for model in state.models],
        "loaded_model": None,
        "active_request_count": 0,
    }
