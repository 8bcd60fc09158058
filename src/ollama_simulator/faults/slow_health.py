"""Health checks that are late."""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Wait
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.health import checks_health
from ollama_simulator.faults.pace import Milliseconds


@register
class SlowHealth(Fault, frozen=True):
    """Work well, and answer health checks late.

    `GET /`, `/health`, `/api/version`, `/api/tags`, `/api/ps` and `/v1/models` (and HEAD of them)
    are answered honestly, but so much later; whatever else is asked is answered at once. A busy
    server does so, and a balancer whose checks have a short time-out takes it for dead.
    """

    delay_ms: Milliseconds = 5000
    """Milliseconds before a health check is answered."""

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Wait, then answer."""
        if self.delay_ms and checks_health(exchange.request):
            yield Wait(self.delay_ms / 1000)
        async for act in handler(exchange):
            yield act
