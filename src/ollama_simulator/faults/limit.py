"""Faults of gateways: those who ask too often are refused."""

import math
from collections import deque
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ollama_simulator.acts import Reply
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.http import refuse
from ollama_simulator.faults.pace import Count

Seconds = Annotated[int, Meta(ge=0, le=10**9, description="Whole seconds.")]


@register
class RateLimited(Fault, frozen=True):
    """Refuse those who ask too often: a 429 with `Retry-After`.

    In any time of `window_s` seconds so many `requests` are let through to this server, of all
    clients together; the next one is refused until the oldest of them is so long ago. With 0 all
    are. The document is an error of the dialect asked (`rate_limit_error` in Anthropic's), streamed
    or not, and `X-Ratelimit-Limit-Requests`, `-Remaining-Requests` and `-Reset-Requests` say what
    OpenAI's service says. Ollama itself never does so; gateways in front of it, and the clouds
    behind, do (RFC 6585, 4; RFC 9110, 10.2.3). To refuse only so many requests, set it by a rule
    with a `limit`.
    """

    requests: Count = 0
    """How many are let through in a window."""
    window_s: Annotated[float, Meta(gt=0, le=1e9)] = 60.0
    """Seconds of a window, which moves with the time."""
    retry_after: Seconds | UnsetType = UNSET
    """What `Retry-After` says, in seconds; left out, when the next request is let through, but 1 if
    none ever is."""
    message: str = "rate limit exceeded, please try again later"
    """What the document says."""

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Let through and remember, or refuse; then the engine is not asked."""
        now = exchange.clock.now()
        let: deque[float] = exchange.remembered.setdefault(self, deque())
        while let and let[0] <= now - self.window_s:
            let.popleft()
        if len(let) < self.requests:
            let.append(now)
            return handler(exchange)
        wait = math.ceil(let[0] + self.window_s - now) if let else 1
        told = wait if self.retry_after is UNSET else self.retry_after
        headers = {
            "Retry-After": str(told),
            "X-Ratelimit-Limit-Requests": str(self.requests),
            "X-Ratelimit-Remaining-Requests": "0",
            "X-Ratelimit-Reset-Requests": f"{wait}s",
        }
        return refuse(exchange, 429, self.message, headers)
