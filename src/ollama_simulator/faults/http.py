"""Faults that HTTP can say: an error status, a missing model, any answer one likes."""

from collections.abc import AsyncGenerator, Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from ollama_simulator.acts import Act, Body, End, Head, Reply, Tick, Wait
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Milliseconds

Status = Annotated[int, Meta(ge=200, le=999, description="A final status (RFC 9110, 15).")]
HeaderValue = Annotated[
    str, Meta(pattern=r"^[\x20-\x7e\xa0-\xff]+$", description="No control characters.")
]


HeaderName = Annotated[
    str, Meta(pattern=r"^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$", description="A token (RFC 9110, 5.6.2).")
]


def with_headers(head: Head, more: Mapping[str, str]) -> Head:
    """A head with more headers, which take the place of those of the same name."""
    named = {name.lower() for name in more}
    kept = [pair for pair in head.headers if pair[0].lower() not in named]
    return msgspec.structs.replace(head, headers=tuple(sorted([*kept, *more.items()])))


async def refuse(
    exchange: Exchange, status: int, message: str, headers: Mapping[str, str] | None = None
) -> AsyncGenerator[Act, None]:
    """Refuse in the words of the dialect, when the request is read; the engine is not asked."""
    await exchange.drain()
    for act in exchange.fail(status, message):
        yield with_headers(act, headers) if headers and isinstance(act, Head) else act


@register
class HttpError(Fault, frozen=True):
    """Return a specific HTTP error code, with the error document of the dialect asked.

    Streamed and whole answers are the same: no byte of an answer is out before.
    """

    status_code: Status
    message: str
    """What the document says."""
    headers: Mapping[HeaderName, HeaderValue] = {}
    """Further headers of the answer, such as `Retry-After`."""

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Refuse with the status and the message; the engine is not asked."""
        return refuse(exchange, self.status_code, self.message, self.headers)


@register
class ModelNotFound(Fault, frozen=True):
    """Return 404 for a model, in the words of the endpoint asked."""

    model_name: str

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Refuse with 404 and the endpoint's sentence; the engine is not asked."""
        return refuse(exchange, 404, exchange.missing(self.model_name))


@register
class Custom(Fault, frozen=True):
    """Return a custom body with a custom status and content type, after a delay."""

    response_body: str
    status_code: Status
    content_type: HeaderValue
    delay_ms: Milliseconds
    headers: Mapping[HeaderName, HeaderValue] = {}
    """Further headers of the answer."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Wait, then answer as told."""
        await exchange.drain()
        yield Wait(self.delay_ms / 1000)
        yield Tick()
        head = Head(self.status_code, (("Content-Type", self.content_type),))
        yield with_headers(head, self.headers)
        yield Body(self.response_body.encode("utf-8", "replace"), flush=False)
        yield End()
