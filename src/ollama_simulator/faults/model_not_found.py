"""A model that is missing."""

from ollama_simulator.acts import Reply
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.http import refuse


@register
class ModelNotFound(Fault, frozen=True):
    """Return 404 for a model, in the words of the endpoint asked."""

    model_name: str

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Refuse with 404 and the endpoint's sentence; the engine is not asked."""
        return refuse(exchange, 404, exchange.missing(self.model_name))
