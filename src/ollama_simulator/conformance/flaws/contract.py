"""Flaws of the queue."""

from ollama_simulator.conformance.flaws.flaw import Flawed
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import Call


class QueuesOne(Flawed):
    """One request may wait for a server; the others are refused."""

    _waiting = 0

    async def wait_for_room(self, call: Call) -> Backend | None:
        if self._waiting:
            return self.choose(call)
        self._waiting += 1
        try:
            return await super().wait_for_room(call)
        finally:
            self._waiting -= 1
