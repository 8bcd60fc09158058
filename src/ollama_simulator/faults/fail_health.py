"""Health checks that fail where the work does not."""

from ollama_simulator.acts import Reply
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults import fault as faults
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.health import check_nested, checks_health
from ollama_simulator.faults.http_error import HttpError

UNWELL = HttpError(503, "unhealthy")


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
