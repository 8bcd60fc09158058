"""Faults that HTTP can say: an error status, a missing model, any answer one likes."""

from collections.abc import AsyncGenerator
from typing import Annotated

from msgspec import Meta

from ollama_simulator.acts import Act, Body, End, Head, Reply, Tick, Wait
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.pace import Milliseconds

Status = Annotated[int, Meta(ge=200, le=999, description="A final status (RFC 9110, 15).")]
HeaderValue = Annotated[
    str, Meta(pattern=r"^[\x20-\x7e\xa0-\xff]+$", description="No control characters.")
]


async def _refuse(exchange: Exchange, status: int, message: str) -> AsyncGenerator[Act, None]:
    await exchange.drain()
    for act in exchange.fail(status, message):
        yield act


@register
class HttpError(Fault, frozen=True):
    """Return a specific HTTP error code, with the error document of the dialect asked."""

    status_code: Status
    message: str

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Refuse with the status and the message; the engine is not asked."""
        return _refuse(exchange, self.status_code, self.message)


@register
class ModelNotFound(Fault, frozen=True):
    """Return 404 for a model, in the words of the endpoint asked."""

    model_name: str

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Refuse with 404 and the endpoint's sentence; the engine is not asked."""
        return _refuse(exchange, 404, exchange.missing(self.model_name))


@register
class Custom(Fault, frozen=True):
    """Return a custom body with a custom status and content type, after a delay."""

    response_body: str
    status_code: Status
    content_type: HeaderValue
    delay_ms: Milliseconds

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Wait, then answer as told."""
        await exchange.drain()
        yield Wait(self.delay_ms / 1000)
        yield Tick()
        yield Head(self.status_code, (("Content-Type", self.content_type),))
        yield Body(self.response_body.encode("utf-8", "replace"), flush=False)
        yield End()
