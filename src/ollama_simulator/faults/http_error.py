"""An error status."""

from collections.abc import Mapping

from ollama_simulator.acts import Reply
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.http import HeaderName, HeaderValue, Status, refuse


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
