"""The fleet as a balancer sees it, and a little more than that.

Rules of this file:

1. What a real balancer can know stands in columns, a value for each server. It is kept up to date
   as requests come and go, so a policy reads it and counts nothing itself.
2. What no balancer knows (`truth`) is there for policies that others are measured by.
3. A server that fails is seen to be down when a request fails there, and to be up again when the
   balancer looks, which it does every `LOOK_S`.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from ollama_simulator.lab.request import COMPLETE, LEFT, Request

LOOK_S = 5.0
RELIABLE, UNRELIABLE, SECOND_CHANCE = range(3)
"""What the seed's balancer thinks of a server (seed facts, "The balancer's contract")."""

Held = tuple[int, int, str, int | None]
"""A conversation that a server answered last: which, with how many messages, the answer among
them, and of which model and `num_ctx`."""


class Truth(Protocol):
    """What is so, whether or not a balancer could know it."""

    def cached(self, server: int, request: Request) -> int:
        """Tokens of a prompt that a server would not have to read if it had its turn there."""

    def ttft(self, server: int, request: Request) -> float:
        """Seconds until the first token if it were sent there now, as far as can be told."""

    def loaded(self, server: int, model: str) -> bool:
        """Whether a server has a model in memory."""


class View:
    """The servers of a fleet, by their numbers from 0."""

    def __init__(
        self,
        truth: Truth,
        *,
        slots: Sequence[int],
        speed: Sequence[float],
        capability: Sequence[int],
        kv_cache: Sequence[str],
        installed: Sequence[frozenset[str]],
        q8_models: frozenset[str] = frozenset(),
    ) -> None:
        self.truth = truth
        self.size = len(slots)
        self.slots = list(slots)
        self.speed = list(speed)
        """As somebody wrote in the balancer's configuration, 1 for what is usual."""
        self.capability = list(capability)
        self.kv_cache = list(kv_cache)
        """`q8_0` or `q16`."""
        self.installed = list(installed)
        """Names of models."""
        self.q8_models = q8_models
        """Models that want a KV cache of `q8_0`."""
        self.everywhere = frozenset.intersection(*installed) if installed else frozenset[str]()
        """Models that all servers have."""
        self.in_flight = [0] * self.size
        """Requests that were sent there and are not over."""
        self.up = [True] * self.size
        self.down = 0
        """How many are not."""
        self.reliability = [RELIABLE] * self.size
        self.held: list[Held | None] = [None] * self.size
        """The conversation that each answered last."""
        self.sent = 0
        """Requests that were sent so far."""
        self.switched: dict[int, str] = {}
        """Servers that are to change their KV cache's type before the next request."""
        self.notes: dict[str, Any] = {}
        """What a policy wants to remember until its next request."""
        self._with = [self.size]
        """How many servers have none, one, two … requests in flight."""
        self._fewest = 0
        """None has fewer."""
        self._homes: dict[int, int] = {}
        self._holders: dict[int, dict[int, int]] = {}

    # --- what policies ask --------------------------------------------------------------------

    def least(self) -> int | None:
        """The server with the fewest requests in flight; of equals the next one in turn."""
        if self.down == self.size:
            return None
        start = self.sent % self.size
        if self.down:
            rotated = [(start + i) % self.size for i in range(self.size)]
            return min((i for i in rotated if self.up[i]), key=self.in_flight.__getitem__)
        while not self._with[self._fewest]:
            self._fewest += 1
        try:
            return self.in_flight.index(self._fewest, start)
        except ValueError:
            return self.in_flight.index(self._fewest)

    def servers(self) -> Sequence[int]:
        """Those that are up."""
        if not self.down:
            return range(self.size)
        return [i for i, up in enumerate(self.up) if up]

    def free(self) -> list[int]:
        """Those that are up and have nothing to do."""
        return [i for i, busy in enumerate(self.in_flight) if not busy and self.up[i]]

    def home(self, request: Request) -> int | None:
        """Where the conversation's last request was sent; None if nowhere, or if that is down."""
        home = self._homes.get(request.conversation)
        return home if home is not None and self.up[home] else None

    def holders(self, request: Request) -> dict[int, int]:
        """The servers that answered its conversation last, and with how many messages."""
        return self._holders.get(request.conversation, {})

    def switch(self, server: int, kv_cache: str) -> None:
        """Have a server restarted with another type of KV cache before its next request."""
        self.kv_cache[server] = self.switched[server] = kv_cache

    # --- what the player tells ----------------------------------------------------------------

    def sends(self, request: Request, server: int) -> None:
        """A request goes to a server."""
        self.sent += 1
        busy = self.in_flight[server]
        self.in_flight[server] = busy + 1
        self._with[busy] -= 1
        if busy + 1 == len(self._with):
            self._with.append(0)
        self._with[busy + 1] += 1
        self._homes[request.conversation] = server

    def ended(self, request: Request) -> None:
        """A request is over."""
        server = request.server
        busy = self.in_flight[server]
        self.in_flight[server] = busy - 1
        self._with[busy] -= 1
        self._with[busy - 1] += 1
        self._fewest = min(self._fewest, busy - 1)
        if request.outcome == COMPLETE:
            self.reliability[server] = RELIABLE
            messages = request.messages + 1
            self._hold(server, (request.conversation, messages, request.model, request.num_ctx))
        elif request.outcome != LEFT:
            reliable = self.reliability[server] == RELIABLE
            self.reliability[server] = UNRELIABLE if reliable else SECOND_CHANCE

    def forget(self, conversation: int) -> None:
        """A conversation is over."""
        self._homes.pop(conversation, None)

    def lost(self, server: int) -> None:
        """A server turned out to be down."""
        if self.up[server]:
            self.up[server] = False
            self.down += 1
            self._hold(server, None)

    def back(self, server: int) -> None:
        """A server is up again."""
        if not self.up[server]:
            self.up[server] = True
            self.down -= 1

    def _hold(self, server: int, held: Held | None) -> None:
        if (before := self.held[server]) is not None:
            holders = self._holders[before[0]]
            del holders[server]
            if not holders:
                del self._holders[before[0]]
        self.held[server] = held
        if held is not None:
            self._holders.setdefault(held[0], {})[server] = held[1]
