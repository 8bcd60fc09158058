"""Flaws at restarts, of the servers and of the balancer itself."""

from collections.abc import AsyncGenerator, AsyncIterator

from ollama_simulator.conformance.flaws.flaw import Flawed
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.command_line import Options


class DropsAtTheEnd(Flawed):
    """Told to end, it ends at once, whatever is in progress."""

    async def ending(self) -> None:
        pass


class EndsCleanly(Flawed):
    """Told to end, it ends the answers in progress as if they were complete."""

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self._over = False

    async def pass_on(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        async for data in body:
            yield data
            if self._over:
                return

    async def ending(self) -> None:
        self._over = True
        limit = self.clock.now() + 2.0
        while self.running and self.clock.now() < limit:
            await self.clock.sleep_until(self.clock.now() + 0.01)
