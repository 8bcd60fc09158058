"""What stands between Starlette and the routes of the control API.

Source: RFC 9110, 9.3.7, 10.2.1 and 15.5.6.

Rules of this file:

1. A path is found first, and then the method: so a path knows which ones it takes, and `HEAD` is
   none of them unless a route says so.
2. A slash at the end of a path makes no difference, nor do several in a row.
3. What goes wrong in a route is the answer that the application makes of it. Only of who has gone
   away nothing is said.

It must not import the servers' insides.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

LARGEST_BODY = 10_000_000
"""Bytes."""


class Asked(Request):
    """A request for the control API."""

    @property
    def path(self) -> str:
        """What is asked for, without the query."""
        path: str = self.scope["path"]
        return path

    async def whole(self) -> bytes:
        """The body. Raises `HTTPException` (413) if it is too large, before it is read if it says
        so, and `ClientDisconnect` if it doesn't come."""
        told = self.headers.get("content-length", "")
        found = bytearray()
        if told.isascii() and told.isdigit() and int(told[:18]) > LARGEST_BODY:
            raise _too_large()
        async for piece in self.stream():
            found += piece
            if len(found) > LARGEST_BODY:
                raise _too_large()
        return bytes(found)


def _too_large() -> HTTPException:
    return HTTPException(413, "the body is larger than 10 MB")


class Stream(Response):
    """An answer in pieces, until there are no more or its client leaves.

    Starlette's own stands on a library that is imported when the first of them is sent. That would
    hold all servers up.
    """

    def __init__(self, pieces: AsyncIterator[bytes], headers: Mapping[str, str]) -> None:
        self.status_code = 200
        self._pieces = pieces
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with asyncio.TaskGroup() as group:
            each = (group.create_task(self._sent(send)), group.create_task(_gone(receive)))
            await asyncio.wait(each, return_when=asyncio.FIRST_COMPLETED)
            for task in each:
                task.cancel()

    async def _sent(self, send: Send) -> None:
        start = {"status": self.status_code, "headers": self.raw_headers}
        await send({"type": "http.response.start", **start})
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _gone(receive: Receive) -> None:
    """Wait until the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass  # the rest of its body


class Handler(msgspec.Struct, frozen=True):
    """One method of one path."""

    method: str
    path: str
    """With names in braces for what differs."""
    does: Callable[[Asked], Awaitable[Any]]
    """It returns a whole `Response`, or the document of one."""
    status: int = 200
    """Of a document."""


def get(path: str) -> Callable[[Callable[[Asked], Awaitable[Any]]], Handler]:
    """Make a handler of a function."""
    return lambda does: Handler("GET", path, does)


def post(path: str, status: int = 200) -> Callable[[Callable[[Asked], Awaitable[Any]]], Handler]:
    """Make a handler of a function."""
    return lambda does: Handler("POST", path, does, status)


def document(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(
        msgspec.json.encode(value), status, media_type="application/json", headers=headers
    )


Told = Callable[[Asked, Exception], Response]
"""What is answered when something went wrong."""


class Resource:
    """What answers for a path, as an ASGI application."""

    def __init__(self, handlers: Iterable[Handler], told: Told) -> None:
        self.handlers = {each.method: each for each in handlers}
        self.allowed = ", ".join(sorted({*self.handlers, "OPTIONS"}))
        self._told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        try:
            answer = await self._answer(Asked(scope, receive))
        except ClientDisconnect:
            return
        await answer(scope, receive, send)

    async def _answer(self, request: Asked) -> Response:
        handler = self.handlers.get(request.method)
        try:
            if handler is not None:
                found = await handler.does(request)
                return found if isinstance(found, Response) else document(found, handler.status)
            allow = {"Allow": self.allowed}
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=allow)
            raise HTTPException(405, "Method Not Allowed", allow)
        except ClientDisconnect:
            raise
        except Exception as error:
            return self._told(request, error)


def _fixed_first(path: str) -> list[bool]:
    """Sorts paths so that what a part may be called comes before what it may be."""
    return [part.startswith("{") for part in path.split("/")]


class Application(Starlette):
    """The routes of some handlers. `told` answers where something goes wrong, or there is nothing;
    `state` is what requests find as `request.app.state`."""

    def __init__(self, handlers: Iterable[Handler], told: Told, state: Mapping[str, Any]) -> None:
        paths: dict[str, list[Handler]] = {}
        for each in handlers:
            paths.setdefault(each.path, []).append(each)
        routes = [
            Route(path, Resource(paths[path], told)) for path in sorted(paths, key=_fixed_first)
        ]

        async def nothing(request: Request, error: Exception) -> Response:
            return told(Asked(request.scope), error)

        super().__init__(routes=routes, exception_handlers={HTTPException: nothing})
        self.router.redirect_slashes = False
        for name, value in state.items():
            setattr(self.state, name, value)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        path = scope["path"]
        if path.startswith("/"):  # one of the whole server is `*` (RFC 9112, 3.2.4)
            scope = {**scope, "path": "/" + "/".join(filter(None, path.split("/")))}
        await super().__call__(scope, receive, send)
