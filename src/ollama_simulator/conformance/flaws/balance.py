"""Flaws of choice and of counting."""

from ollama_simulator.conformance.flaws.flaw import Flawed
from ollama_simulator.conformance.reference.backend import Backend
from ollama_simulator.conformance.reference.balancer import Call
from ollama_simulator.conformance.reference.command_line import Options
from ollama_simulator.net.client import Broken, End


class NeverLast(Flawed):
    """The last server is never asked: counting ends one too early."""

    def able(self, call: Call) -> list[Backend]:
        return [each for each in super().able(call) if each is not self.backends[-1]]


class IgnoresLoad(Flawed):
    """Who was given the fewest requests so far is next, busy or not."""

    def pick(self, backends: list[Backend], call: Call) -> Backend:
        return min(backends, key=lambda backend: backend.served)


class StaleLoads(Flawed):
    """Loads are read every half second, and believed until the next time."""

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self._read_at = 0.0
        self._loads: dict[str, int] = {}

    def pick(self, backends: list[Backend], call: Call) -> Backend:
        now = self.clock.now()
        if now - self._read_at > 0.5:
            self._read_at = now
            self._loads = {each.name: each.active for each in self.backends}
        return min(backends, key=lambda backend: self._loads[backend.name])


class CountsLeaversTwice(Flawed):
    """A client that leaves is counted down twice, so that its server looks emptier than empty."""

    def left(self, backend: Backend) -> None:
        super().left(backend)
        backend.active -= 1


class LeaksResets(Flawed):
    """A server that reset a connection counts as busy for ever."""

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
        super().distrust(backend, why)
        if why is not None and why.end is End.RESET:
            backend.active += 1
