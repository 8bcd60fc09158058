"""Faults that tell health checks and work apart.

What balancers ask to learn whether a server is well: GET and HEAD of `/`, `/health`,
`/api/version`, `/api/tags`, `/api/ps` and `/v1/models`. All else counts as work.
"""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Reply, Wait
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults import fault as faults
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.http import HttpError
from ollama_simulator.faults.pace import Milliseconds
from ollama_simulator.net.request import Request

HEALTH = frozenset({"/", "/health", "/api/version", "/api/tags", "/api/ps", "/v1/models"})
DIED = HttpError(500, "llama runner process has terminated: exit status 2")
UNWELL = HttpError(503, "unhealthy")


def checks_health(request: Request) -> bool:
    """Whether a request only asks how the server is."""
    path = request.target.partition("?")[0]
    return request.method in ("GET", "HEAD") and path in HEALTH


@register
class Liar(Fault, frozen=True):
    """Be well when asked, and fail to work.

    `GET /`, `/health`, `/api/version`, `/api/tags`, `/api/ps` and `/v1/models` (and HEAD of them)
    are answered honestly; whatever else is asked meets the fault within, streamed or whole. It is
    the server whose GPU is gone while its HTTP is fine (ollama/ollama#1378, gpustack/gpustack#4010,
    BerriAI/litellm#38174): checks that only ask for `/` keep it in rotation, and one that
    fails fast even attracts requests.
    """

    fault: "faults.AnyFault" = DIED
    """What happens to work: any fault that there is for requests. Left out, a 500 as from a runner
    that died."""

    def __post_init__(self) -> None:
        check_nested(self.fault)

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Bend what is no health check."""
        if checks_health(exchange.request):
            return handler(exchange)
        return self.fault.around(exchange, handler)


@register
class FailHealth(Fault, frozen=True):
    """Work well, and fail health checks.

    `GET /`, `/health`, `/api/version`, `/api/tags`, `/api/ps` and `/v1/models` (and HEAD of them)
    meet the fault within; whatever else is asked is answered well, streamed or whole. It is a
    server that is too busy to say so, or a check that asks for a path that it does not have.
    """

    fault: "faults.AnyFault" = UNWELL
    """What happens to health checks: any fault that there is for requests. Left out, a 503."""

    def __post_init__(self) -> None:
        check_nested(self.fault)

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Bend health checks."""
        if checks_health(exchange.request):
            return self.fault.around(exchange, handler)
        return handler(exchange)


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


def check_nested(fault: Fault) -> None:
    """Raise `ValueError` for a fault that can't stand within another one."""
    name = type(fault).__name__
    if fault.at_the_door():
        raise ValueError(f"fault: {name} works before there is a request, so it can't be in here")
    if fault.paces:
        raise ValueError(f"fault: {name} leaves health checks alone by itself, so set it alone")
