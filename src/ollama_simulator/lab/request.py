"""One request on its way: what a balancer sees of it, and what becomes of it.

Rules of this file:

1. A policy reads what stands above the line, and nothing below it.

It must not import anything but layer 0 and its own package.
"""

import asyncio
import math

from ollama_simulator.clock import Handle
from ollama_simulator.lab.stretches import Stretches
from ollama_simulator.lab.talk import Asked

COMPLETE, FAILED, REFUSED, LEFT = range(4)
"""How a request ends: with its answer, with an error, with a 503 of the balancer, or its client
lost patience."""


class Request:
    """A request."""

    __slots__ = (
        "alarm",
        "asked",
        "asked_at",
        "cached",
        "client",
        "conversation",
        "first_at",
        "last_at",
        "made",
        "model",
        "num_ctx",
        "number",
        "outcome",
        "server",
        "task",
        "verdict",
    )

    def __init__(
        self, number: int, asked: Asked, conversation: int, client: int, model: str, at: float
    ) -> None:
        self.number = number
        """From 1, in the order in which they were asked."""
        self.asked = asked
        self.conversation = conversation
        """Which conversation it belongs to, as a balancer finds out by what it begins with."""
        self.client = client
        self.model = model
        self.num_ctx: int | None = None
        self.asked_at = at
        # --------------------------------------------------------------------------------------
        self.task = asyncio.current_task()
        """Who waits for the answer, and is cancelled by who gives it up."""
        self.verdict: int | None = None
        """How it ended if it was given up."""
        self.alarm: Handle | None = None
        """When the client loses patience."""
        self.server = -1
        """Where it was sent; -1 for nowhere."""
        self.cached = 0
        self.first_at = math.inf
        self.last_at = math.inf
        self.made = 0
        self.outcome = FAILED

    @property
    def prompt(self) -> Stretches:
        """Its tokens."""
        return self.asked.prompt

    @property
    def turn(self) -> int:
        """Which of its conversation it is, from 0."""
        return self.asked.number

    @property
    def messages(self) -> int:
        """How many it has."""
        return self.asked.messages

    @property
    def answered(self) -> int:
        """Tokens that will be generated: what no balancer knows."""
        return self.asked.answer.size

    def cut(self, outcome: int) -> None:
        """Give it up."""
        if self.verdict is None:
            self.verdict = outcome
            assert self.task is not None
            self.task.cancel()

    def begins(self, now: float) -> None:
        """The first token is there."""
        self.first_at = now
        self.made = 1
        if self.alarm is not None:
            self.alarm.cancel()

    def ends(self, now: float, tokens: int) -> None:
        """All tokens are there."""
        self.last_at = now
        self.made = tokens
        self.outcome = COMPLETE
