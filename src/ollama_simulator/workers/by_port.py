"""The older routes of the control API, which name servers by their ports, for a spread fleet.

Rules of this file:

1. What is wrong with a request is told as `{"error": ...}`, by the worker that found it, or here in
   the same words.

It must not import the programs.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.responses import Response

from ollama_simulator.control import classic
from ollama_simulator.control.classic import port_in
from ollama_simulator.control.described import older
from ollama_simulator.control.metrics import metrics
from ollama_simulator.control.operation import Operation
from ollama_simulator.control.web import Asked, Handler, document
from ollama_simulator.workers.infos import statuses
from ollama_simulator.workers.passing_on import Passing, Refused, paths, whole
from ollama_simulator.workers.process import WorkerDown
from ollama_simulator.workers.spread import Place

Answers = Callable[[Passing, Asked], Awaitable[Any]]
ALL = {"all": True}


def routes() -> list[Any]:
    """All of them."""
    return [classic.health, *(_route(each) for each in older() if each.path != "/health")]


def _route(operation: Operation) -> Handler:
    own = _OWN.get(operation.path)
    answers = own or (_of_port if "{port}" in operation.path else _by_body)

    async def handle(request: Asked) -> Response:
        passing = Passing(request, await request.whole())
        try:
            if not passing.changes:
                return await answers(passing, request)
            async with passing.fleet.changing:
                return await answers(passing, request)
        except Refused as refused:
            return whole(refused.answer)
        except WorkerDown as gone:
            return document({"error": str(gone)}, 503)

    return Handler(operation.method, operation.path, handle)


async def _of_port(passing: Passing, request: Asked) -> Response:
    """A route with a port in its path."""
    place = passing.fleet.server(port_in(request))
    return whole(await passing.to(passing.fleet.worker_of(place)))


async def _by_body(passing: Passing, request: Asked) -> Response:
    """A route with a port in its body, or all of them."""
    fleet, port = passing.fleet, _port(passing.raw)
    if isinstance(port, int) and port in fleet.servers:
        return whole(await passing.to(fleet.worker_of(fleet.server(port))))
    if port == ALL:
        return await _by_all(passing, list(fleet.servers.values()))
    # Any worker tells what is wrong with it, but not which ports there are.
    answer = await passing.to(fleet.workers[0])
    if answer.status == 404 and isinstance(port, int):
        fleet.server(port)
    return whole(answer)


async def _by_all(passing: Passing, places: list[Place]) -> Response:
    """The first refusal of the workers of some servers, or the last one's answer."""
    for worker in paths(passing.fleet, places, ""):
        answer = await passing.to(worker)
        if answer.status >= 400:
            break
    return whole(answer)


def _port(raw: bytes) -> Any:
    try:
        read = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    return read.get("port") if isinstance(read, dict) else None


async def _status(passing: Passing, request: Asked) -> Response:
    return document({"servers": await statuses(passing.fleet)})


async def _reset(passing: Passing, request: Asked) -> Response:
    fleet = passing.fleet
    for worker in fleet.workers:
        answer = await passing.to(worker)
        if answer.status >= 400:
            return whole(answer)
    await fleet.settle()
    if passing.raw.strip() and msgspec.json.decode(passing.raw).get("clear_counters"):
        fleet.journal.clear_counters()
    return whole(answer)


async def _request_count(passing: Passing, request: Asked) -> Response:
    place = passing.fleet.server(port_in(request))
    await passing.fleet.settle()
    count = passing.fleet.journal.requests[place.name]
    return document({"port": place.port, "request_count": count})


async def _metrics(passing: Passing, request: Asked) -> Response:
    await passing.fleet.settle(expire=True)
    answer: Response = await metrics.does(request)
    return answer


_OWN: dict[str, Answers] = {
    "/status": _status,
    "/reset": _reset,
    "/request-count/{port}": _request_count,
    "/metrics": _metrics,
}
"""Routes that are neither passed on to one worker nor set on several."""
