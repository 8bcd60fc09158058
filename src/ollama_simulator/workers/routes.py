"""The control API of a fleet that is spread over workers: the same routes, for the same requests.

Rules of this file:

1. What the fleet knows by itself (the journal, its numbers, the catalogue) is answered by the very
   functions that answer for a fleet in one process. Before, all that happened is in the journal.
2. All else is passed on to the workers that have the servers. Which servers are meant is found out
   here, with the same words for those that there aren't.
3. Changes come one after the other, so every worker sees them in the same order.

It must not import the programs.
"""

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec.structs import replace
from starlette.responses import Response

from ollama_simulator.control import fleets, journal, rules
from ollama_simulator.control.api import OPERATIONS
from ollama_simulator.control.body import bad
from ollama_simulator.control.dashboard import routes as dashboard
from ollama_simulator.control.naming import one, several
from ollama_simulator.control.operation import Call, Operation, served
from ollama_simulator.control.problems import Problem
from ollama_simulator.control.views import ServerInfo, Servers
from ollama_simulator.control.web import document
from ollama_simulator.workers import by_port
from ollama_simulator.workers.infos import corrected, down, infos
from ollama_simulator.workers.messages import Granted
from ollama_simulator.workers.passing_on import (
    Passing,
    Refused,
    combined,
    combined_rules,
    paths,
    whole,
)
from ollama_simulator.workers.process import Process, WorkerDown
from ollama_simulator.workers.spread import Place

Answers = Callable[[Passing, Call], Awaitable[Any]]


def routes() -> list[Any]:
    """All of them."""
    newer = [served(replace(each, does=_does(each))) for each in OPERATIONS]
    return [*by_port.routes(), *dashboard.ROUTES, *newer]


def _does(operation: Operation) -> Callable[[Call], Awaitable[Any]]:
    own = _OWN.get((operation.method, operation.path))
    if own is None and operation.tag == "Catalogue":
        return operation.does
    answers = own or (_several if operation.several else _one)

    async def does(call: Call) -> Any:
        passing = Passing(call.request, call.raw)
        try:
            if not passing.changes:
                return await answers(passing, call)
            async with passing.fleet.changing:
                return await answers(passing, call)
        except Refused as refused:
            return whole(refused.answer)
        except WorkerDown as gone:
            raise Problem("WorkerDown", str(gone)) from None

    does.__doc__ = operation.does.__doc__
    return does


# --- by name ----------------------------------------------------------------------------------


async def _one(passing: Passing, call: Call) -> Response:
    """A route for one server."""
    return whole(await passing.to(passing.fleet.worker_of(_place(call))))


def _place(call: Call) -> Place:
    place: Any = one(call)
    assert isinstance(place, Place), "so a spread fleet knows its servers"
    return place


def _asked(passing: Passing, call: Call) -> dict[Process, str]:
    """The workers of the servers that are named, and their part of the path."""
    places: Any = several(call)
    return paths(passing.fleet, places, _pattern(call))


def _pattern(call: Call) -> str:
    _, _, after = call.request.scope["path"].partition(f"/servers/{call.path['name']}")
    return f"/servers/{{name}}{after}"


async def _several(passing: Passing, call: Call) -> dict[str, Any]:
    """A route that means several servers, and adds up what it did to each."""
    return combined(await passing.documents(_asked(passing, call)))


async def _list_servers(passing: Passing, call: Call) -> Servers:
    return Servers(await infos(passing.fleet, call.host))


async def _get_server(passing: Passing, call: Call) -> Any:
    fleet, place = passing.fleet, _place(call)
    worker = fleet.worker_of(place)
    if worker.up:
        with contextlib.suppress(WorkerDown):
            return await _shown(passing, await passing.to(worker, tries=1))
    await fleet.settle()
    return down(fleet, place, call.host)


async def _change_server(passing: Passing, call: Call) -> Any:
    return await _shown(passing, await passing.to(passing.fleet.worker_of(_place(call))))


async def _shown(passing: Passing, answer: Granted) -> Any:
    """A server that one worker tells of."""
    if answer.status >= 400:
        return whole(answer)
    await passing.fleet.settle()
    return corrected(passing.fleet, msgspec.json.decode(answer.body, type=ServerInfo))


async def _add_server(passing: Passing, call: Call) -> Response:
    fleet = passing.fleet
    has = Counter(place.worker for place in fleet.servers.values())
    return whole(await passing.to(min(fleet.workers, key=lambda worker: has[worker.number])))


async def _restart(passing: Passing, call: Call) -> Any:
    found = await passing.documents(_asked(passing, call))
    await passing.fleet.settle()
    # A worker tells of one server alone, and of several in a list.
    documents = [each for answer in found for each in answer.get("servers", [answer])]
    told = {each["name"]: msgspec.convert(each, ServerInfo) for each in documents}
    places: Any = several(call)
    shown = [corrected(passing.fleet, told[place.name]) for place in places]
    return shown[0] if call.path["name"] == shown[0].name else Servers(shown)


# --- rules ------------------------------------------------------------------------------------


async def _list_rules(passing: Passing, call: Call) -> dict[str, Any]:
    return {"rules": combined_rules(await passing.documents(_asked(passing, call)))}


async def _rule(passing: Passing, call: Call) -> dict[str, Any]:
    """The rule that is named. Raises `Problem`."""
    places: Any = several(call)
    asked = paths(passing.fleet, places, "/servers/{name}/rules")
    answers = [await passing.to(worker, path, method="GET") for worker, path in asked.items()]
    there = combined_rules([msgspec.json.decode(each.body) for each in answers])
    number = rules.chosen(call, [each["id"] for each in there])
    return next(each for each in there if each["id"] == number)


async def _add_rule(passing: Passing, call: Call) -> Response:
    asked = _asked(passing, call)
    if len(asked) > 1 and _is_shared(passing.raw):
        words = "servers of different workers can't count together; `worker` tells whose one is"
        raise bad(("shared",), words)
    done: dict[Process, Any] = {}
    try:
        for worker, path in asked.items():
            (done[worker],) = await passing.documents({worker: path})
    except (Refused, WorkerDown):
        for other, given in done.items():
            gone = f"{asked[other]}/{given['id']}"
            # One that is lost, too, doesn't keep the rule from the others' end.
            with contextlib.suppress(WorkerDown):
                await passing.to(other, gone, raw=b"", method="DELETE")
        raise
    given = combined(list(done.values()))
    where = f"/servers/{call.path['name']}/rules/{given['id']}"
    return document(given, 201, {"Location": where})


def _is_shared(raw: bytes) -> bool:
    try:
        read = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return False
    return isinstance(read, dict) and read.get("shared") is True


async def _remove_rule(passing: Passing, call: Call) -> None:
    rule = await _rule(passing, call)
    places = passing.fleet.among(rule["servers"])
    await passing.documents(paths(passing.fleet, places, _pattern(call)))


# --- the fleet --------------------------------------------------------------------------------


def _settled(does: Callable[[Call], Awaitable[Any]]) -> Answers:
    """What is answered here, when all that happened is known."""

    async def answers(passing: Passing, call: Call) -> Any:
        await passing.fleet.settle()
        return await does(call)

    return answers


_OWN: dict[tuple[str, str], Answers] = {
    ("GET", "/fleet"): _settled(fleets.get_fleet),
    ("GET", "/servers"): _list_servers,
    ("POST", "/servers"): _add_server,
    ("GET", "/servers/{name}"): _get_server,
    ("PATCH", "/servers/{name}"): _change_server,
    ("POST", "/servers/{name}/restart"): _restart,
    ("GET", rules.PATH): _list_rules,
    ("POST", rules.PATH): _add_rule,
    ("GET", f"{rules.PATH}/{{id}}"): _rule,
    ("DELETE", f"{rules.PATH}/{{id}}"): _remove_rule,
    ("GET", "/journal"): _settled(journal.get_journal),
    ("GET", "/journal/stream"): _settled(journal.follow_journal),
}
"""Operations that are neither passed on to one worker nor added up."""
