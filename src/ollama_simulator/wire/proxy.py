"""The cloud's proxy, which looks at a request under `/v1/` before its dialect does.

Source: compatibility specification 2.1, 3.1 and 13.

Rules of this file:

1. It wants no more of a body than a model's name, and whether a search of the web is declared:
   such a request stays here, because the server does the search.
2. A body that it can't read is none of its business; the dialect will complain.

It must not import a dialect.
"""

import re

import msgspec

from ollama_simulator import names
from ollama_simulator.golang import raw
from ollama_simulator.golang.parse import Json, parse_all
from ollama_simulator.model import CloudCall, Event, Refusal
from ollama_simulator.wire import compressed
from ollama_simulator.wire.codec import Codec, Document, Request, Wire
from ollama_simulator.wire.native import Native

_HINT = re.compile(rb"cloud", re.IGNORECASE)
"""What a body has that names a model of the cloud. Most have it not, and are not parsed twice."""


class Proxied(Codec):
    """A request that goes to the cloud, whatever its dialect."""

    media = "application/json"

    def __init__(self, request: Request, wire: Wire) -> None:
        self.job = CloudCall(request.path, "remote model is unavailable")

    def collect(self, events: list[Event]) -> bytes:
        """Never asked for: there is no cloud to answer."""
        raise AssertionError("the cloud has answered")

    @classmethod
    def error(cls, refusal: Refusal, wire: Wire) -> Document:
        """The proxy speaks natively."""
        return Native.error(refusal, wire)


def reads(codec: type[Codec], wire: Wire) -> bool:
    """Whether the proxy reads the requests of a codec before it."""
    return codec.proxied and wire.settings.wire != "0.13.5"


def make(codec: type[Codec], request: Request, wire: Wire) -> Codec:
    """The codec of a request, behind the proxy if its route has one. Raises `Refusal`."""
    if not reads(codec, wire):
        return codec(request, wire)
    request = msgspec.structs.replace(request, body=compressed.body(request))
    return (Proxied if _leaves(request) else codec)(request, wire)


def _leaves(request: Request) -> bool:
    if not _HINT.search(request.body):
        return False
    try:
        fields = parse_all(raw.text_of(request.body))
        model = fields.get("model") if isinstance(fields, dict) else None
        base, where = names.source(model if isinstance(model, str) else "")
    except (Refusal, names.ConflictingSources):
        return False
    if where is not names.Source.CLOUD or not names.valid(base):
        return False
    return not any(map(_SEARCHES.get(request.path, _never), fields.get("tools") or ()))


def _never(tool: Json) -> bool:
    return False


def _kind(tool: Json) -> str:
    kind = tool.get("type") if isinstance(tool, dict) else None
    return kind.strip() if isinstance(kind, str) else ""


_SEARCHES = {
    "/v1/messages": lambda tool: _kind(tool).startswith("web_search"),
    "/v1/responses": lambda tool: _kind(tool) == "web_search",
}
"""Whether a tool is the search of the web, on the routes that have one."""
