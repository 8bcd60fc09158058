"""Ways to break the reference balancer, to prove that the scenarios can fail.

    python -m ollama_simulator.conformance.balancers.flaws NAME --timeout=5 --server=…

Each flaw is a balancer that breaks one clause of the contract and keeps the others. It
registers by being defined, under its class name in lower case with hyphens.
"""

import re
import sys
from collections.abc import AsyncGenerator, AsyncIterator

from ollama_simulator.acts import Act, End, Hangup, How
from ollama_simulator.clock import WallClock
from ollama_simulator.conformance.balancers.reference import (
    Backend,
    Balancer,
    Relay,
    Trust,
    main,
    text,
)
from ollama_simulator.net.client import Broken
from ollama_simulator.net.client import End as Ended
from ollama_simulator.net.request import Request

FLAWS: dict[str, type[Balancer]] = {}


class Flawed(Balancer):
    """A balancer with a flaw; its docstring says which."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        name = re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()
        if name in FLAWS:
            raise ValueError(f"two flaws are called {name}")
        FLAWS[name] = cls


class AlwaysFirst(Flawed):
    """Every request goes to the first server, busy or not."""

    def choose(self) -> Backend | None:
        return self.backends[0]


class RoundRobin(Flawed):
    """The order of the command line is not kept: free servers take turns."""

    def choose(self) -> Backend | None:
        chosen = super().choose()
        if chosen is not None:
            self.backends.remove(chosen)
            self.backends.append(chosen)
        return chosen


class NeverMarks(Flawed):
    """A failure has no consequence."""

    def distrust(self, backend: Backend) -> None:
        pass


class NeverForgives(Flawed):
    """A completed answer does not make a server Reliable again."""

    def completed(self, backend: Backend, status: int) -> None:
        pass


class ForgivesEarly(Flawed):
    """A server is Reliable again when the head of an answer came, before its end."""

    def began(self, backend: Backend) -> None:
        backend.trust = Trust.RELIABLE


class MarksErrors(Flawed):
    """An answer with a status of 500 or more counts as a failure, though it is complete."""

    def completed(self, backend: Backend, status: int) -> None:
        if status >= 500:
            self.distrust(backend)
        else:
            super().completed(backend, status)


class MarksLeavers(Flawed):
    """A client that leaves counts as a failure of its server."""

    def left(self, backend: Backend) -> None:
        super().left(backend)
        self.distrust(backend)


class ForgivesLeavers(Flawed):
    """A client that leaves makes its server Reliable."""

    def left(self, backend: Backend) -> None:
        super().left(backend)
        backend.trust = Trust.RELIABLE


class StaysBusy(Flawed):
    """A server stays busy when its client left."""

    def left(self, backend: Backend) -> None:
        pass


class NoSecondChance(Flawed):
    """Who failed twice is never asked again."""

    def choose(self) -> Backend | None:
        free = [backend for backend in self.backends if not backend.busy]
        if all(backend.trust is Trust.SECOND_CHANCE_GIVEN for backend in free):
            return None
        return super().choose()


class ForgetsTurns(Flawed):
    """A failed second chance is not remembered: the first Unreliable server gets them all."""

    def distrust(self, backend: Backend) -> None:
        backend.trust = Trust.UNRELIABLE


class ChancesForOne(Flawed):
    """When everybody had a second chance, only the first gets a new one."""

    def give_new_chances(self, backends: list[Backend]) -> None:
        super().give_new_chances(backends[:1])


class Buffers(Flawed):
    """An answer is passed on when it is complete, not as it comes."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        whole = b"".join([data async for data in body])
        if whole:
            yield whole


class PassesPairs(Flawed):
    """Of every two pieces of an answer the first waits for the second."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        held = b""
        async for data in body:
            if held:
                yield held + data
                held = b""
            else:
                held = data
        if held:
            yield held


class LosesTail(Flawed):
    """The last piece of an answer of several is lost."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        held = b""
        count = 0
        async for data in body:
            count += 1
            if held:
                yield held
            held = data
        if count == 1:
            yield held


class HidesTruncation(Flawed):
    """A broken answer is ended cleanly."""

    def cut(self, *, framed: bool) -> Act:
        return End()


class NoTimeout(Flawed):
    """Silence is waited for without end."""

    def __init__(self, backends: list[Backend], silence: float | None) -> None:
        super().__init__(backends, None)


class NoConnectTimeout(Flawed):
    """A connection may take as long as the operating system tries."""

    connect_s = None


class ConnectTimeoutForAll(Flawed):
    """The second that a connection may take is all that the head of an answer may take."""

    def __init__(self, backends: list[Backend], silence: float | None) -> None:
        super().__init__(backends, min(silence or 1e9, 1.0))


class ImpatientAtZero(Flawed):
    """A timeout of 0 means none at all, not no limit."""

    def __init__(self, backends: list[Backend], silence: float | None) -> None:
        super().__init__(backends, 0.01 if silence is None else silence)


class TotalTimeout(Flawed):
    """The timeout counts from the beginning of the answer, not from its last byte."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        clock = WallClock()
        limit = clock.now() + (self.silence or 1e9)
        async for data in body:
            if clock.now() > limit:
                raise Broken(Ended.SILENT, "the answer took too long")
            yield data


class OkForBusy(Flawed):
    """200 where 503 belongs."""

    def refusal(self) -> list[Act]:
        return text(200, "No available servers")


class DropsPath(Flawed):
    """Everything goes to `/`."""

    def target(self, request: Request) -> str:
        return "/"


class DropsQuery(Flawed):
    """The query is not passed on."""

    def target(self, request: Request) -> str:
        return request.target.partition("?")[0]


class RetriesElsewhere(Flawed):
    """A request that failed is sent to another server, where 502 belongs."""

    def answer(self, request: Request) -> Relay:
        return _Retrying(self, request)


class _Retrying(Relay):
    def unanswered(self, broken: Broken) -> AsyncGenerator[Act, None]:
        return self.relay()


class HangsUpOnFailure(Flawed):
    """The connection is closed where 502 belongs."""

    def answer(self, request: Request) -> Relay:
        return _HangingUp(self, request)


class _HangingUp(Relay):
    async def unanswered(self, broken: Broken) -> AsyncGenerator[Act, None]:
        yield Hangup(How.FIN)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[2:], FLAWS[sys.argv[1]]))
