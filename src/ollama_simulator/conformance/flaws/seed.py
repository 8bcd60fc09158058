"""Flaws that break the seed's contract, clause by clause, and the way answers are passed on.

Longer than 300 lines because it is a list: a class of a few lines for each flaw.
"""

from collections.abc import AsyncGenerator, AsyncIterator

from ollama_simulator.acts import Act, End, Hangup, How
from ollama_simulator.conformance.flaws.flaw import Flawed, FlawedRelay
from ollama_simulator.conformance.reference.backend import Backend, Trust
from ollama_simulator.conformance.reference.balancer import Call, text
from ollama_simulator.conformance.reference.command_line import Options
from ollama_simulator.net.client import Broken
from ollama_simulator.net.client import End as Ended
from ollama_simulator.net.request import Request


class AlwaysFirst(Flawed):
    """Every request goes to the first server, busy or not."""

    def choose(self, call: Call) -> Backend | None:
        self.take(self.backends[0])
        return self.backends[0]


class RoundRobin(Flawed):
    """The order of the command line is not kept: free servers take turns."""

    def choose(self, call: Call) -> Backend | None:
        chosen = super().choose(call)
        if chosen is not None:
            self.backends.remove(chosen)
            self.backends.append(chosen)
        return chosen


class NeverMarks(Flawed):
    """A failure has no consequence."""

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
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


class MarksMissing(Flawed):
    """A 404 counts as a failure, though it is complete."""

    def completed(self, backend: Backend, status: int) -> None:
        if status == 404:
            self.distrust(backend)
        else:
            super().completed(backend, status)


class ForgivesChatOnly(Flawed):
    """Only an answer with status 200 makes a server Reliable again."""

    def completed(self, backend: Backend, status: int) -> None:
        if status == 200 or backend.trust is Trust.RELIABLE:
            super().completed(backend, status)


class MarksExpire(Flawed):
    """A server is Reliable again three seconds after its last failure."""

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self._failed: dict[str, float] = {}

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
        super().distrust(backend, why)
        self._failed[backend.name] = self.clock.now()

    def choose(self, call: Call) -> Backend | None:
        for backend in self.backends:
            if self.clock.now() - self._failed.get(backend.name, 0.0) > 3.0:
                backend.trust = Trust.RELIABLE
        return super().choose(call)


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

    def choose(self, call: Call) -> Backend | None:
        free = [backend for backend in self.backends if not backend.busy]
        if all(backend.trust is Trust.SECOND_CHANCE_GIVEN for backend in free):
            return None
        return super().choose(call)


class NoFirstChance(Flawed):
    """The first failure already makes a server wait for everybody's second chance."""

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
        backend.trust = Trust.SECOND_CHANCE_GIVEN


class ChancesAtTheEnd(Flawed):
    """New chances are given only when every server, busy or not, had its second one."""

    def choose(self, call: Call) -> Backend | None:
        waiting = [b for b in self.backends if b.trust is Trust.SECOND_CHANCE_GIVEN]
        others = [b for b in self.backends if b not in waiting]
        if others and all(backend.busy for backend in others):
            return None
        return super().choose(call)


class ChancesForgive(Flawed):
    """A new round of chances makes everybody Reliable."""

    def give_new_chances(self, backends: list[Backend]) -> None:
        for backend in backends:
            backend.trust = Trust.RELIABLE


class ForgetsTurns(Flawed):
    """A failed second chance is not remembered: the first Unreliable server gets them all."""

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
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


class BuffersEvents(Flawed):
    """An answer of server-sent events is passed on when it is complete."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        held: list[bytes] = []
        async for data in body:
            if held or data.startswith((b"data: ", b"event: ")):
                held.append(data)
            else:
                yield data
        if held:
            yield b"".join(held)


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

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self.silence = None


class NoConnectTimeout(Flawed):
    """A connection may take as long as the operating system tries."""

    connect_s = None


class ConnectTimeoutForAll(Flawed):
    """The second that a connection may take is all that the head of an answer may take."""

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self.silence = min(options.timeout or 1e9, 1.0)


class ImpatientAtZero(Flawed):
    """A timeout of 0 means none at all, not no limit."""

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self.silence = options.timeout or 0.01


class TotalTimeout(Flawed):
    """The timeout counts from the beginning of the answer, not from its last byte."""

    async def pass_on(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        clock = self.clock
        limit = clock.now() + (self.silence or 1e9)
        async for data in body:
            if clock.now() > limit:
                raise Broken(Ended.SILENT, "the answer took too long")
            yield data


class OkForBusy(Flawed):
    """200 where 503 belongs."""

    def refusal(self) -> list[Act]:
        return text(200, "No available servers")


class WaitsWhenBusy(Flawed):
    """While every server is busy a request waits for two seconds before it is refused."""

    async def wait_for_room(self, call: Call) -> Backend | None:
        limit = self.clock.now() + 2.0
        while all(b.busy for b in self.backends) and self.clock.now() < limit:
            await self.clock.sleep_until(self.clock.now() + 0.05)
        return self.choose(call)


class LeaksSilent(Flawed):
    """A server that was silent for too long is never free again."""

    leaks = Ended.SILENT

    def __init__(self, backends: list[Backend], options: Options) -> None:
        super().__init__(backends, options)
        self._leaked: set[str] = set()

    def distrust(self, backend: Backend, why: Broken | None = None) -> None:
        super().distrust(backend, why)
        if why is not None and why.end is self.leaks:
            self._leaked.add(backend.name)

    def free(self, backend: Backend) -> None:
        if backend.name not in self._leaked:
            super().free(backend)


class LeaksCut(LeaksSilent):
    """A server that closed too early is never free again."""

    leaks = Ended.CUT


class DropsPath(Flawed):
    """Everything goes to `/`."""

    def target(self, request: Request) -> str:
        return "/"


class DropsQuery(Flawed):
    """The query is not passed on."""

    def target(self, request: Request) -> str:
        return request.target.partition("?")[0]


class DropsBodies(FlawedRelay):
    """The body of a DELETE is not passed on."""

    async def relay(self) -> AsyncGenerator[Act, None]:
        if self.request.method == "DELETE":
            await self.request.body.read()
            self.request.headers = [
                pair for pair in self.request.headers if pair[0].lower() != "content-length"
            ]
        async for act in super().relay():
            yield act


class RetriesGet(Flawed):
    """A GET that failed is sent to another server."""

    def retries(self, call: Call, broken: Broken) -> bool:
        return call.request.method == "GET"


class RetriesElsewhere(Flawed):
    """A request that failed is sent to another server, where 502 belongs."""

    def retries(self, call: Call, broken: Broken) -> bool:
        return True


class HangsUpOnFailure(FlawedRelay):
    """The connection is closed where 502 belongs."""

    async def unanswered(self, broken: Broken) -> AsyncGenerator[Act, None]:
        yield Hangup(How.FIN)
