"""Serves the control API in the fleet's own process and event loop.

Rules of this file:

1. It is imported only when the API is served, after the servers listen: it is the slowest
   import of the package.
2. It takes no signal: the program that serves decides when to end.
3. Who may use the API, or a helper, is looked at before anything else (`control.guard`).

It must not import the servers' insides.
"""

import asyncio
import contextlib
import socket
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import uvicorn
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp

from ollama_simulator.access import Access
from ollama_simulator.control import classic, helper, metrics, scripts
from ollama_simulator.control.api import OPERATIONS, allowed, is_ours
from ollama_simulator.control.body import BadBody
from ollama_simulator.control.dashboard import routes as dashboard
from ollama_simulator.control.guard import Guard, before_helpers
from ollama_simulator.control.operation import answered, of_http, served
from ollama_simulator.control.protocol import Protocol
from ollama_simulator.control.pulse import Pulse
from ollama_simulator.control.web import Application, Asked, Handler, document
from ollama_simulator.directory import Directory, UnknownServer
from ollama_simulator.fleet import Fleet
from ollama_simulator.net import kernel
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.presence import Unsupported

PATIENCE_S = 1
"""Seconds in which a client may read the end of its answer when serving ends."""


def application(
    fleet: Directory[Any], routes: list[Handler] | None = None, *, local: bool = True
) -> Application:
    """The control API of a fleet, as an ASGI application that lets everybody in. `routes` are
    others than those of a fleet in this process, if it isn't; `local` says whether only this
    machine reaches it."""
    if routes is None:
        newer = map(served, OPERATIONS)
        routes = [*classic.ROUTES, *scripts.ROUTES, *metrics.ROUTES, *dashboard.ROUTES, *newer]
    return _application(fleet, routes, local=local)


def _application(
    fleet: Directory[Any], routes: list[Handler], *, local: bool = True
) -> Application:
    state = {"fleet": fleet, "pulse": Pulse(fleet.journal), "local": local}
    return Application(routes, _told, state)


STATUSES = {BadBody: 400, UnknownServer: 404, PortTaken: 409, Unsupported: 501}


def _told(request: Asked, error: Exception) -> Response:
    """What is answered when something went wrong that no newer route has answered itself."""
    if isinstance(error, HTTPException):
        return _http(request, error)
    if (status := STATUSES.get(type(error))) is not None:
        return document({"error": str(error)}, status)
    traceback.print_exception(error)
    words = f"internal error: {type(error).__name__}: {error}"
    return document({"error": words}, 500)


def _http(request: Asked, error: HTTPException) -> Response:
    if is_ours(request.path):
        return answered(request, of_http(request, error, allowed(request.path)))
    words = f"{request.method} {request.path}: {error.detail}"
    return document({"error": words}, error.status_code, error.headers)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Who doesn't read the end of an answer would be waited for, with a complaint.
        timer = asyncio.get_running_loop().call_later(PATIENCE_S, self._abort)
        try:
            await super().shutdown(sockets)
        finally:
            timer.cancel()

    def _abort(self) -> None:
        for connection in tuple(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()


@contextlib.asynccontextmanager
async def serving(
    fleet: Directory[Any],
    sock: socket.socket,
    spawn: Any,
    access: Access | None = None,
    routes: list[Handler] | None = None,
) -> AsyncIterator[None]:
    """Serve the control API on a listening socket until the block ends, to whom `access` lets in:
    this machine, if nothing is said. `routes` as for `application`."""
    access = access or Access()
    behind = application(fleet, routes, local=access.local)
    async with _serving(behind, [sock], spawn, Guard(behind, access)):
        yield


@contextlib.asynccontextmanager
async def helping(fleet: Fleet, spawn: Any) -> AsyncIterator[None]:
    """Serve the helpers of a fleet, where its settings want them, until the block ends."""
    for sock in fleet.helpers.values():
        kernel.start_listening(sock)
    if not fleet.helpers:
        yield
        return
    helping = _application(fleet, helper.ROUTES)
    guard = before_helpers(helping, fleet.host)
    async with _serving(helping, list(fleet.helpers.values()), spawn, guard):
        yield


def prepare() -> None:
    """Do what takes long the first time, for whoever can't wait for it later."""
    _configured(_application(Fleet(()), helper.ROUTES)).load()


def _configured(served: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        cast(Any, served),
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2 * PATIENCE_S,
    )


@contextlib.asynccontextmanager
async def _serving(
    behind: Application, sockets: list[socket.socket], spawn: Any, served: ASGIApp
) -> AsyncIterator[None]:
    server = _Server(_configured(served))
    task = spawn(server.serve(sockets=sockets))
    try:
        yield
    finally:
        behind.state.pulse.close()
        server.should_exit = True
        await task
