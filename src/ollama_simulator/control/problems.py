"""What the newer control routes say when they can't do as asked: problem details.

Source: RFC 9457.

Rules of this file:

1. The type of a problem is where the description of the API tells of it, relative to the API.
2. What is wrong with a body has a pointer into it (RFC 6901), as a fragment; what is wrong with a
   query has the name of its parameter.

It must not import the servers' insides.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

MEDIA = "application/problem+json"


class Kind(msgspec.Struct, frozen=True):
    """A sort of problem."""

    name: str
    status: int
    says: str
    """What it means, in a sentence."""

    @property
    def type(self) -> str:
        """The URI that identifies it."""
        return f"/openapi.json#/components/responses/{self.name}"


KINDS = {
    kind.name: kind
    for kind in (
        Kind("BadBody", 400, "The body can't be taken; nothing has changed."),
        Kind("BadQuery", 400, "A query parameter can't be taken."),
        Kind("BadToken", 401, "The simulator was started with a token, and this isn't it."),
        Kind("ForeignHost", 403, "The simulator isn't called so: see `--control-name`."),
        Kind("ForeignPage", 403, "A web page of another origin can't change anything."),
        Kind("UnknownServer", 404, "There is no server of this name."),
        Kind("UnknownRule", 404, "The server has no rule with this number."),
        Kind("UnknownFault", 404, "There is no fault of this name."),
        Kind("UnknownProfile", 404, "There is no hardware profile of this name."),
        Kind("UnknownRoute", 404, "There is nothing at this path."),
        Kind("WrongMethod", 405, "The path takes other methods, which `Allow` names."),
        Kind("PortTaken", 409, "Another program, or another server, has the port."),
        Kind("Conflict", 409, "The server is one that this can't be done to."),
        Kind("TooLarge", 413, "The body is too large."),
        Kind("Unsupported", 501, "The system that the simulator runs on can't do it."),
        Kind("InternalError", 500, "The simulator has a bug; it is told on its standard error."),
        Kind("WorkerDown", 503, "The worker that has the server is gone; it is started again."),
    )
}


class Culprit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with a request."""

    detail: str
    """What, and what would be right."""
    pointer: str | UnsetType = UNSET
    """Where in the body."""
    parameter: str | UnsetType = UNSET
    """Or which parameter of the query."""


class Details(msgspec.Struct, frozen=True):
    """A problem, as it is sent."""

    type: str
    """Which sort of problem it is."""
    title: str
    """The same in words."""
    status: int
    """The status of the answer."""
    detail: str
    """What is wrong this time, and what would be right."""
    instance: str
    """The path that was asked for, with its query."""
    errors: tuple[Culprit, ...] | UnsetType = UNSET
    """The places of what is wrong."""


class Problem(Exception):
    """A request that can't be granted. The text says why."""

    def __init__(
        self,
        kind: str,
        detail: str,
        errors: tuple[Culprit, ...] = (),
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`kind` is a key of `KINDS`; `status` is for those that HTTP has several of."""
        super().__init__(detail)
        self.kind = KINDS[kind]
        self.status = status or self.kind.status
        self.errors = errors
        self.headers = dict(headers or {})

    def details(self, instance: str) -> bytes:
        """Its JSON."""
        own = self.status == self.kind.status
        return msgspec.json.encode(
            Details(
                type=self.kind.type if own else "about:blank",
                title=self.kind.says.rstrip(".") if own else HTTPStatus(self.status).phrase,
                status=self.status,
                detail=str(self),
                instance=instance,
                errors=self.errors or UNSET,
            )
        )


def pointer(place: Iterable[str | int]) -> str:
    """A place, from the document inwards, as a pointer."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in place)
    return "#" + "".join(f"/{quote(part)}" for part in parts)
