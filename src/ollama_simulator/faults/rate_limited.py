"""A gateway that refuses who asks too often, or for too much."""

import math
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ollama_simulator.acts import Act, Reply, Tick
from ollama_simulator.clock import Clock
from ollama_simulator.exchange import Events, Exchange, Handler
from ollama_simulator.faults.fault import Fault, register
from ollama_simulator.faults.http import refuse
from ollama_simulator.faults.pace import Count
from ollama_simulator.model import Answer, Done, Embeddings, Event, Quiet, Token

Seconds = Annotated[int, Meta(ge=0, le=10**9, description="Whole seconds.")]


class Window:
    """What was let through in the last so many seconds."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._taken: deque[tuple[float, int]] = deque()
        """When, and how much, the oldest first."""
        self._sum = 0

    def take(self, count: int) -> None:
        """So much more, now."""
        self._taken.append((self._clock.now(), count))
        self._sum += count

    def left(self, most: int) -> int:
        """How much of so much is left."""
        now = self._clock.now()
        while self._taken and self._taken[0][0] <= now - self._seconds:
            self._sum -= self._taken.popleft()[1]
        return max(0, most - self._sum)

    def wait(self, most: int) -> int:
        """Whole seconds until something of so much is left: 1 if nothing ever is."""
        over = self._sum - most
        for when, count in self._taken:
            if (over := over - count) < 0:
                return max(1, math.ceil(when + self._seconds - self._clock.now()))
        return 1


@register
class RateLimited(Fault, frozen=True):
    """Refuse those who ask too often, or for too much: a 429 with `Retry-After`.

    In any time of `window_s` seconds so many `requests` are let through to this server, of all
    clients together; the next one is refused until the oldest of them is so long ago. With 0 all
    are. A quota of `tokens` lets requests through as long as it is not used up: the tokens of
    answers count as they are made, those of a prompt when its answer is over, so that the last one
    may exceed it, as with the clouds' limits of output tokens. The document is an error of the
    dialect asked (`rate_limit_error` in Anthropic's), streamed or not, and
    `X-Ratelimit-Limit-Requests`, `-Remaining-Requests` and `-Reset-Requests`, and the same with
    `Tokens`, say what OpenAI's service says. Ollama itself never does so; gateways in front of it,
    and the clouds behind, do (RFC 6585, 4; RFC 9110, 10.2.3). To refuse only so many requests, set
    it by a rule with a `limit`.
    """

    requests: Count | UnsetType = UNSET
    """How many are let through in a window; left out, none, or with `tokens` any number."""
    window_s: Annotated[float, Meta(gt=0, le=1e9)] = 60.0
    """Seconds of a window, which moves with the time."""
    retry_after: Seconds | UnsetType = UNSET
    """What `Retry-After` says, in seconds; left out, when the next request is let through, but 1 if
    none ever is."""
    message: str = "rate limit exceeded, please try again later"
    """What the document says."""
    tokens: Count | UnsetType = UNSET
    """How many tokens, of prompts and answers, may be used in a window; left out, any number. Of
    another server's answers the pieces count, and no prompts."""

    def around(self, exchange: Exchange, handler: Handler) -> Reply:
        """Let through and remember, or refuse; then the engine is not asked."""
        requests = self.requests
        if requests is UNSET and self.tokens is UNSET:
            requests = 0
        asked, used = self._windows(exchange)
        headers: dict[str, str] = {}
        waits = [0]
        for what, most, window in (("Requests", requests, asked), ("Tokens", self.tokens, used)):
            if most is UNSET:
                continue
            left = window.left(most)
            wait = 0 if left else window.wait(most)
            headers[f"X-Ratelimit-Limit-{what}"] = str(most)
            headers[f"X-Ratelimit-Remaining-{what}"] = str(left)
            headers[f"X-Ratelimit-Reset-{what}"] = f"{wait}s"
            waits.append(wait)
        if wait := max(waits):
            told = wait if self.retry_after is UNSET else self.retry_after
            return refuse(exchange, 429, self.message, {"Retry-After": str(told), **headers})
        asked.take(1)
        if self.tokens is UNSET:
            return handler(exchange)
        if exchange.stand_in is not None:
            return _pieces(exchange, handler, used)
        _watch(exchange, used)
        return handler(exchange)

    def _windows(self, exchange: Exchange) -> tuple[Window, Window]:
        """That of requests, and that of tokens."""
        windows: tuple[Window, Window] | None = exchange.remembered.get(self)
        if windows is None:
            windows = Window(self.window_s, exchange.clock), Window(self.window_s, exchange.clock)
            exchange.remembered[self] = windows
        return windows


def _watch(exchange: Exchange, used: Window) -> None:
    """Count the tokens that the engine uses."""
    before = exchange.through

    async def watched(events: Events) -> Events:
        async with aclosing(before(events)) as inner:
            async for event in inner:
                if count := _tokens(event):
                    used.take(count)
                yield event

    exchange.through = watched


def _tokens(event: Event) -> int:
    """How many tokens an event tells of for the first time."""
    match event:
        case Done(usage=usage) if usage is not None:
            return usage.prompt_tokens
        case Answer(value=Embeddings(usage=usage)):
            return usage.prompt_tokens
    return int(isinstance(event, Token | Quiet))


async def _pieces(exchange: Exchange, handler: Handler, used: Window) -> AsyncGenerator[Act, None]:
    """Count the pieces of another server's answer."""
    async for act in handler(exchange):
        if isinstance(act, Tick):
            used.take(1)
        yield act
