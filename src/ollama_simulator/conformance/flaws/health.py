"""Flaws of trust: failures that count for nothing, or for ever; health that is misread.

Longer than 300 lines because it is a list: a class of a few lines for each flaw.
"""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator

from ollama_simulator.conformance.flaws.flaw import Flawed, FlawedRelay
from ollama_simulator.conformance.reference.backend import Backend, Trust
from ollama_simulator.conformance.reference.balancer import Call
from ollama_simulator.conformance.reference.checks import is_well
from ollama_simulator.conformance.reference.command_line import Options
from ollama_simulator.net.client import Broken, Client, End, ResponseHead


class ForgetsBroken(Flawed):
    """A failure in the middle of an answer has no consequence, only one before it has."""

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self._begun: set[str] = set()

    def take(self, backend: Backend) -> None:
        super().take(backend)
        self._begun.discard(backend.name)

    def began(self, backend: Backend) -> None:
        self._begun.add(backend.name)

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
        if backend.name not in self._begun:
            super().distrust(backend, why)


class PrefersQuick(Flawed):
    """The server that was quickest last time is next, and a failure is quick."""

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self._since: dict[str, float] = {}
        self._took: dict[str, float] = {}

    def take(self, backend: Backend) -> None:
        super().take(backend)
        self._since[backend.name] = self.clock.now()

    def free(self, backend: Backend) -> None:
        super().free(backend)
        self._took[backend.name] = self.clock.now() - self._since[backend.name]

    def choose(self, call: Call) -> Backend | None:
        for backend in self.backends:
            backend.trust = Trust.RELIABLE
        return super().choose(call)

    def pick(self, backends: list[Backend], call: Call) -> Backend:
        return min(backends, key=lambda each: self._took.get(each.name, 1e9))


class NeverReinstates(Flawed):
    """A server that failed once is never asked again."""

    failures = 1
    """So many are too many."""

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self._failures: Counter[str] = Counter()

    def able(self, call: Call) -> list[Backend]:
        able = super().able(call)
        return [each for each in able if self._failures[each.name] < self.failures]

    def ban(self, backend: Backend) -> None:
        """Have nothing to do with a server any more."""
        self._failures[backend.name] += self.failures

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
        super().distrust(backend, why)
        self._failures[backend.name] += 1


class SecondTimeForGood(NeverReinstates):
    """A server that failed a second time is never asked again, whatever it did in between."""

    failures = 2


class BansErrors(NeverReinstates):
    """A server that answered 500 or more is never asked again."""

    failures = 1_000_000

    def completed(self, backend: Backend, status: int) -> None:
        super().completed(backend, status)
        if status >= 500:
            self.ban(backend)


class TrialSticks(NeverReinstates):
    """A server that failed is tried by one request; if that one's client leaves, the trial never
    ends, and there is no other."""

    failures = 1_000_000

    def left(self, backend: Backend) -> None:
        super().left(backend)
        if backend.trust is not Trust.RELIABLE:
            self.ban(backend)


class ParksAnew(Flawed):
    """A server that failed is passed over for three seconds, and each request that passes it over
    begins them anew."""

    def able(self, call: Call) -> list[Backend]:
        able = []
        now = self.clock.now()
        for backend in super().able(call):
            if backend.failed_at is not None and now - backend.failed_at < 3.0:
                backend.failed_at = now
            else:
                able.append(backend)
        return able


class ImpatientTrial(Flawed):
    """A server that failed gets a quarter of the time-out for its next answer."""

    def patience(self, backend: Backend) -> float | None:
        trusted = backend.trust is Trust.RELIABLE
        return self.silence if trusted or self.silence is None else self.silence / 4


class MarksLate(Flawed):
    """A failure counts only five seconds later."""

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
        backend.failed_at = self.clock.now()

    def choose(self, call: Call) -> Backend | None:
        for backend in self.backends:
            if backend.failed_at is not None and self.clock.now() - backend.failed_at > 5.0:
                super().distrust(backend)
        return super().choose(call)


class IgnoresHealth(Flawed):
    """Health checks are made, and have no consequence."""

    def checked(self, backend: Backend, *, well: bool) -> None:
        pass


class NeverWell(Flawed):
    """A server whose health was bad once stays unwell."""

    def checked(self, backend: Backend, *, well: bool) -> None:
        backend.well = backend.well and well


class OneBadAllBad(Flawed):
    """While one server is unwell, everybody is refused."""

    def able(self, call: Call) -> list[Backend]:
        return super().able(call) if all(each.well for each in self.backends) else []


class FailsClosed(Flawed):
    """While no server is well, everybody is refused."""

    def able(self, call: Call) -> list[Backend]:
        return [each for each in super().able(call) if each.well]


class CutsUnwell(FlawedRelay):
    """An answer is cut when its server becomes unwell."""

    async def connect(self, backend: Backend) -> Client:
        self._asked = backend
        return await super().connect(backend)

    async def pass_on(
        self, head: ResponseHead, body: AsyncIterator[bytes]
    ) -> AsyncGenerator[bytes, None]:
        async for data in body:
            if not self._asked.well:
                raise Broken(End.CUT, "its health is bad")
            yield data


class ChecksEachTime(Flawed):
    """Every server is asked for its health before each request."""

    async def wait_for_room(self, call: Call) -> Backend | None:
        for backend in self.backends:
            backend.well = await is_well(backend)
        return await super().wait_for_room(call)


class FavoursNewcomers(Flawed):
    """The server that was given the fewest requests is next, and one that failed is owed twenty."""

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
        super().distrust(backend, why)
        backend.served -= 20

    def pick(self, backends: list[Backend], call: Call) -> Backend:
        return min(backends, key=lambda backend: backend.served)
