"""How version 1.0.4 chooses: nine steps, each narrowing what the one before left.

1. Free servers only. 2. Those that have the model. 3. Those that are trusted most (these three are
   the balancer's: `having` is the second). 4. The lowest tier. 5. Those whose type of KV cache
   fits the model; if none does, the next two are skipped and the chosen one is switched.
6. Those with the model in memory, if any. 7. Those that have the conversation, if any. 8. The
   fastest. 9. The order of the command line.

Source: seed facts, "Version 1.0.4".

Each step is a method of its own, so that a flaw can break it alone. A request without a model
passes by the steps that ask for one.

It must not import the balancer.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from ollama_simulator.acts import Act
from ollama_simulator.clock import Clock, Interrupt
from ollama_simulator.conformance.reference import listing, wish
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.command_line import Options
from ollama_simulator.conformance.reference.known import Known
from ollama_simulator.conformance.reference.switching import switch
from ollama_simulator.conformance.reference.wish import Conversation, Wish
from ollama_simulator.lab.nine_steps import fastest, lowest
from ollama_simulator.net.request import Request

FITS_MOST = "q16"
"""The type of KV cache that models want which `--kv-q8` doesn't name."""


class Plan:
    """What is known of the servers, and what follows from it."""

    def __init__(self, backends: Sequence[Backend], options: Options, clock: Clock) -> None:
        self.servers = {backend: Known(backend) for backend in backends}
        self.poll_s = options.poll
        self.q8 = frozenset(map(wish.key, options.kv_q8))
        self.clock = clock

    # --- knowing ------------------------------------------------------------------------------

    async def look(self) -> None:
        """Ask all servers and helpers what they have."""
        async with asyncio.TaskGroup() as group:
            for known in self.servers.values():
                group.create_task(known.look())

    async def go_on_looking(self) -> None:
        """Ask them again and again."""
        while True:
            await self.clock.sleep_until(self.clock.now() + self.poll_s)
            await self.look()

    def read(self, request: Request, body: bytes) -> Wish:
        """What a request wants."""
        return wish.read(request, body)

    def answered(self, backend: Backend, asked: Wish, status: int) -> None:
        """A server answered a request to its end."""
        if status == 200:
            self.servers[backend].answered(asked)
        elif status == 404 and asked.model is not None:
            self.servers[backend].lacks(asked.model)

    def failed(self, backend: Backend) -> None:
        """A server failed: nobody knows what it still has in memory."""
        self.servers[backend].conversation = None

    # --- answering ----------------------------------------------------------------------------

    def own(self, request: Request, asked: Wish) -> list[Act] | None:
        """What is answered without a server; None if one is needed."""
        if request.method == "GET" and asked.path == "/api/tags":
            return listing.tags(self.union())
        if request.method == "GET" and asked.path == "/v1/models":
            return listing.openai(self.union())
        if asked.model is not None and not self.anybody_has(asked):
            return listing.nobody_has(asked)
        return None

    def union(self) -> list[dict[str, Any]]:
        """The models of all servers."""
        return listing.union(self.servers.values())

    def anybody_has(self, asked: Wish) -> bool:
        """Whether a server has the model."""
        return bool(self.having(list(self.servers), asked))

    # --- choosing -----------------------------------------------------------------------------

    def having(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        """The second step: those that have the model."""
        if asked.model is None:
            return backends
        return [backend for backend in backends if self.servers[backend].has(asked.model)]

    def pick(self, backends: list[Backend], asked: Wish) -> Backend:
        """The fourth step to the ninth."""
        left = self.lowest_tier(backends)
        fitting = self.fitting(left, asked)
        if fitting:
            left = self.warm(fitting, asked) or fitting
            left = self.continuing(left, asked) or left
        asked.switch_to = None if fitting else self.wanted(asked)
        return self.first(self.fastest(left))

    def lowest_tier(self, backends: list[Backend]) -> list[Backend]:
        """The fourth step."""
        return lowest(backends, lambda backend: backend.annotations.capability)

    def wanted(self, asked: Wish) -> str:
        """The type of KV cache that the model of a request wants."""
        return "q8_0" if asked.model in self.q8 else FITS_MOST

    def fitting(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        """The fifth step."""
        if asked.model is None:
            return backends
        wanted = self.wanted(asked)
        return [backend for backend in backends if self.servers[backend].kv_cache == wanted]

    def warm(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        """The sixth step."""
        return [backend for backend in backends if asked.model in self.servers[backend].loaded]

    def continuing(self, backends: list[Backend], asked: Wish) -> list[Backend]:
        """The seventh step."""
        conversation = asked.conversation
        if conversation is None:
            return []
        held = ((backend, self.servers[backend].conversation) for backend in backends)
        return [
            backend for backend, had in held if had is not None and self.goes_on(conversation, had)
        ]

    def goes_on(self, asked: Conversation, held: Conversation) -> bool:
        """Whether a conversation goes on with one that a server has."""
        return asked.goes_on(held)

    def fastest(self, backends: list[Backend]) -> list[Backend]:
        """The eighth step."""
        return fastest(backends, lambda backend: backend.annotations.speed)

    def first(self, backends: list[Backend]) -> Backend:
        """The ninth step."""
        return backends[0]

    async def prepare(self, backend: Backend, asked: Wish, gone: Interrupt) -> None:
        """Switch the chosen server, if it must be. One that can't be is used as it is."""
        if asked.switch_to is not None:
            known = self.servers[backend]
            if not await switch(known, asked.switch_to, self.clock, gone) and not gone.fired:
                print(f"{backend.name} was not switched to {asked.switch_to}", flush=True)
