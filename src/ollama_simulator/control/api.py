"""The table of the newer control routes.

It must not import the servers' insides.
"""

import asyncio

from starlette.responses import Response

from ollama_simulator.control import catalogue, fleets, journal, openapi, parts, rules
from ollama_simulator.control.described import older
from ollama_simulator.control.operation import Call, Operation
from ollama_simulator.once import once

OPERATIONS: tuple[Operation, ...] = (
    *fleets.operation.all,
    *rules.operation.all,
    *parts.operation.all,
    *journal.operation.all,
    *catalogue.operation.all,
)


async def describe(call: Call) -> Response:
    """This description of the API, in OpenAPI 3.1."""
    # In a thread, once: the servers' tokens don't wait for it.
    found = await asyncio.to_thread(description)
    return Response(found.encode(), media_type="application/json")


DESCRIBES = Operation(method="GET", path="/openapi.json", does=describe, tag="Catalogue")
OPERATIONS = (*OPERATIONS, DESCRIBES)


@once
def description() -> str:
    """The description of all routes, the older ones included."""
    return openapi.text((*OPERATIONS, *older()))


_FIRST = {operation.path.split("/")[1] for operation in OPERATIONS}


def is_ours(path: str) -> bool:
    """Whether a path belongs to these routes, be there something or not."""
    # A request for the whole server has the path `*` (RFC 9112, 3.2.4).
    return path.partition("/")[2].split("/")[0] in _FIRST


def allowed(path: str) -> str:
    """The methods that a path takes, as `Allow` tells them."""
    parts = path.rstrip("/").split("/")
    found = {
        operation.method
        for operation in OPERATIONS
        if len(own := operation.path.split("/")) == len(parts)
        and all(a == b or a.startswith("{") for a, b in zip(own, parts, strict=True))
    }
    return ", ".join(sorted({*found, "OPTIONS"}))
