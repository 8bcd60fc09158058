"""Health checks that say nothing of the work."""

from ollama_simulator.acts import Reply
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults import fault as faults
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.health import check_nested, checks_health
from ollama_simulator.faults.http_error import HttpError

DIED = HttpError(500, "llama runner process has terminated: exit status 2")


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
