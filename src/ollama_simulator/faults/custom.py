"""Any answer one likes."""

from collections.abc import AsyncGenerator, Mapping

from ollama_simulator.acts import Act, Body, End, Head, Tick, Wait
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.http import HeaderName, HeaderValue, Status, with_headers
from ollama_simulator.faults.pace import Milliseconds


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
