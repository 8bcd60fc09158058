"""The endpoints that change what is stored: copy, delete and blobs.

Source: native specification 2.4, 4.14 to 4.16.

It must not import another dialect.
"""

from ollama_simulator import names
from ollama_simulator.acts import Framing
from ollama_simulator.golang import decode
from ollama_simulator.golang.decode import TEXT, Record
from ollama_simulator.golang.gojson import quote
from ollama_simulator.model import Answer, Copy, Delete, Event, FindBlob, PutBlob, Refusal
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.native import EMPTY, Native, model_required

COPY = Record("api.CopyRequest", fields=dict.fromkeys(("source", "destination"), TEXT))
DELETE = Record("api.DeleteRequest", fields=dict.fromkeys(("model", "name"), TEXT))


class Silent(Native):
    """An endpoint whose success is an empty body without a type."""

    media = ""

    def collect(self, events: list[Event]) -> bytes:
        """Nothing."""
        return b""


class CopyModel(Silent):
    """`POST /api/copy` (4.15). Names are taken as they are, spaces and suffixes included."""

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, COPY, EMPTY)
        for field in ("source", "destination"):
            name = body.get(field, "")
            if not names.parse(name).valid:
                raise Refusal(400, f"{field} {quote(name)} is invalid")
        self.job = Copy(body["source"], body["destination"])

    @classmethod
    def missing(cls, model: str) -> str:
        """Quoted as Go does it."""
        return f"model {quote(model)} not found"


class DeleteModel(Silent):
    """`DELETE /api/delete` (4.16)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, DELETE, EMPTY)
        name = typed = body.get("model") or body.get("name", "")
        if wire.settings.wire != "0.13.5":
            if not typed.strip():
                raise model_required()
            try:
                name = names.pulled(typed)
            except names.ConflictingSources as error:
                raise Refusal(400, str(error)) from None
        if not names.parse(name).valid:
            raise Refusal(400, f"name {quote(typed)} is invalid")
        self.job = Delete(typed)


class HeadBlob(Silent):
    """`HEAD /api/blobs/{digest}` (4.14): of a file that is there not even a length is told."""

    framing = Framing.NONE

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = FindBlob(request.params["digest"])


class PostBlob(Silent):
    """`POST /api/blobs/{digest}` (4.14). The body of a file that is there stays unread."""

    late = True

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = PutBlob(request.params["digest"], request.upload)

    def collect(self, events: list[Event]) -> bytes:
        """Nothing, but the status tells whether the file is new."""
        (event,) = events
        assert isinstance(event, Answer)
        self.status = 201 if event.value else 200
        return b""


ROUTES = (
    Route("HEAD", "/api/blobs/{digest}", HeadBlob),
    Route("POST", "/api/blobs/{digest}", PostBlob),
    Route("POST", "/api/copy", CopyModel),
    Route("DELETE", "/api/delete", DeleteModel),
)
