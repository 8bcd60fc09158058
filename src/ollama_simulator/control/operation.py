"""The newer control routes: a table of operations, and how one is carried out.

Rules of this file:

1. An operation is a value. It is served, described and tried by what stands in it, so none of
   these can say what another doesn't.
2. Whatever is wrong with a request is a problem (`control.problems`); nothing has changed then.
3. The content type of a request does not matter, as with the other routes.

It must not import the servers' insides.
"""

import re
import traceback
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Scope

from ollama_simulator.control import body
from ollama_simulator.control.body import BadBody
from ollama_simulator.control.problems import MEDIA, Culprit, Problem, pointer
from ollama_simulator.control.pulse import Pulse
from ollama_simulator.control.web import Asked, Handler
from ollama_simulator.fleet import BadRule, Fleet, UnknownServer
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.presence import Unsupported

T = TypeVar("T")
URI = "!#$%&'()*+,/:;=?@[]~"
"""What a URI may have beside letters, digits and `-._` (RFC 3986, 2)."""
HOST = re.compile(r"([A-Za-z0-9._-]+)(?::\d+)?")
"""A name or an address of IPv4, with or without a port: no server listens elsewhere."""


class Call:
    """One request for an operation."""

    def __init__(self, request: Asked, raw: bytes) -> None:
        self.request = request
        self.fleet: Fleet = request.app.state.fleet
        self.pulse: Pulse = request.app.state.pulse
        self.local: bool = request.app.state.local
        """Whether only this machine reaches the API."""
        self.path: Mapping[str, str] = request.path_params
        """The values of the parts in braces."""
        self.headers: Mapping[str, str] = request.headers
        self.raw = raw
        """The body as it came."""
        self._query = request.query_params

    @property
    def host(self) -> str | None:
        """What the one who asks calls this machine, or whatever passes requests on to it; None if
        that can't be told."""
        host = HOST.fullmatch(self.headers.get("host", ""))
        return host[1] if host else None

    def body(self, kind: type[T], *, empty: T | None = None) -> T:
        """The body, read as a type; `empty` is what an empty one stands for. Raises `BadBody`."""
        return body.read(self.raw, kind, empty=empty)

    def query(self, kind: type[T]) -> T:
        """The query, read as a type. Raises `Problem`."""
        given: dict[str, str] = {}
        for name, value in self._query.multi_items():
            if name in given:
                raise _bad_query(name, "it stands twice")
            given[name] = value
        try:
            return msgspec.convert(given, kind, strict=False)
        except msgspec.ValidationError as error:
            name, words = body.about_field(str(error), kind)
            raise _bad_query(name, words) from None


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A request that works on a simulator of some servers."""

    path: Mapping[str, str] = {}
    """Values for the parts in braces."""
    query: Mapping[str, str] = {}
    body: Any = None
    """The document that is sent; None for none."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """With names in braces for what differs."""
    does: Callable[[Call], Awaitable[Any]]
    """Its docstring describes it. It returns the document of the answer, None for none, or a
    whole `Response`."""
    tag: str
    """The part of the API that it belongs to."""
    several: bool = False
    """Whether `{name}` may be several servers, or `all`."""
    status: int = 200
    takes: Any = None
    """The type of the body, or a function that makes it once the faults are known; None for
    none."""
    needs_body: bool = True
    """Whether it can't be left out."""
    query: Any = None
    """The type of the query; None for none."""
    gives: Any = None
    """The type of the answer's document, several in a tuple, or a function that makes it; None for
    none."""
    media: str = "application/json"
    """What an answer without a type is."""
    problems: tuple[str, ...] = ()
    """What may go wrong beside what may with every one: keys of `problems.KINDS`."""
    refuses: tuple[int, ...] = ()
    """Statuses of a route that tells them as `{"error": ...}`."""
    examples: tuple[Example, ...] = (Example(),)


Does = TypeVar("Does", bound=Callable[[Call], Awaitable[Any]])


class Table:
    """Operations, as they are defined."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.all: list[Operation] = []

    def __call__(self, method: Any, path: str, **fields: Any) -> Callable[[Does], Does]:
        """Make an operation of a function."""

        def add(does: Does) -> Does:
            self.all.append(Operation(method=method, path=path, does=does, tag=self.tag, **fields))
            return does

        return add


def served(operation: Operation) -> Handler:
    """An operation as it is served."""

    async def handle(request: Asked) -> Any:
        try:
            answer = await operation.does(Call(request, await request.whole()))
        except ClientDisconnect:
            raise
        except Exception as error:
            return answered(request, error)
        return Response(status_code=204) if answer is None else answer

    return Handler(operation.method, operation.path, handle, operation.status)


def answered(request: Asked, error: Exception) -> Response:
    """The answer to a request that went wrong."""
    problem = as_problem(request, error)
    return Response(
        problem.details(instance(request.scope)),
        status_code=problem.status,
        headers={"content-type": MEDIA, **problem.headers},
    )


def instance(scope: Scope) -> str:
    """What was asked for, as a URI."""
    path, query = scope["raw_path"], scope["query_string"]
    return quote(path + (b"?" + query if query else b""), safe=URI)


def as_problem(request: Asked, error: Exception) -> Problem:
    """What went wrong, as a problem. A bug of ours is told on standard error."""
    match error:
        case Problem():
            return error
        case BadBody():
            return Problem("BadBody", str(error), error.culprits)
        case BadRule():
            return Problem("BadBody", str(error), (Culprit(error.why, pointer([error.field])),))
        case UnknownServer():
            return Problem("UnknownServer", str(error))
        case PortTaken():
            return Problem("PortTaken", str(error))
        case Unsupported():
            return Problem("Unsupported", str(error))
        case HTTPException():
            return of_http(request, error, "")
    traceback.print_exception(error)
    return Problem("InternalError", f"{type(error).__name__}: {error}")


def of_http(request: Asked, error: HTTPException, allowed: str) -> Problem:
    """What no route refuses. `allowed` are the methods that the path takes."""
    place, headers = request.path, error.headers
    match error.status_code:
        case 404:
            return Problem("UnknownRoute", f"there is nothing at {place}; see /openapi.json")
        case 405:
            detail = f"{place} doesn't take {request.method}; it takes {allowed}"
            return Problem("WrongMethod", detail, headers={"Allow": allowed})
        case 413:
            return Problem("TooLarge", "the body is larger than 10 MB")
    return Problem("BadBody", error.detail, status=error.status_code, headers=headers)


def _bad_query(name: str, words: str) -> Problem:
    detail = f"{name}: {words}" if name else words
    return Problem("BadQuery", detail, (Culprit(words, parameter=name),) if name else ())
