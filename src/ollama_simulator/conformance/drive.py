"""What a scenario may arrange, and where it looks.

Rules of this file:

1. Who served is read from the servers' journal, never concluded from the client's answer.
2. A fault that is declared must strike, and a door must be seen to stand as it says: else nothing
   was tried.

It must not import the scenarios or the player.
"""

from collections.abc import Iterable
from typing import Any, Self

import msgspec

from ollama_simulator.acts import Door
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.asking import Asking
from ollama_simulator.conformance.balancers.adapter import Running
from ollama_simulator.conformance.faults import Chosen, First, Turns
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.session import Session
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.normal import Normal
from ollama_simulator.fleet import Fleet
from ollama_simulator.net.client import Broken, Client, End
from ollama_simulator.records import Asked, Struck
from ollama_simulator.server import SimServer

QUICK = Normal(tokens_per_sec=400)
"""How servers behave unless a scenario says otherwise: soundly, and without wasting time."""
KNOCK_S = 0.3
"""Within this a connection on this machine is made, or the door is deaf."""


class NotArranged(Exception):
    """The arrangement of a scenario could not be proved: the simulator's or the machine's fault."""


class Declared(msgspec.Struct, frozen=True):
    """A fault that must strike, or nothing was tried."""

    fault: str
    servers: tuple[str, ...]
    """Any of these."""
    since: int
    """Where the journal stood."""


class Stage(Asking):
    """A fleet behind a balancer, and a client before it."""

    def __init__(
        self, fleet: Fleet, subject: Running, timeout: float, seed: str, scale: float = 1.0
    ) -> None:
        """As for asking."""
        super().__init__(fleet, subject, timeout, seed, scale)
        self.declared: list[Declared] = []

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        for server in self.servers:
            await server.behave(QUICK)
        return self

    def claims(self, *features: Feature) -> bool:
        """Whether the balancer claims all of these."""
        return self.subject.features.issuperset(features)

    @property
    def servers(self) -> tuple[SimServer, ...]:
        """All servers, in the order of the balancer's command line."""
        return tuple(self.fleet.servers.values())

    @property
    def s1(self) -> SimServer:
        """The first server."""
        return self.servers[0]

    @property
    def s2(self) -> SimServer:
        """The second server."""
        return self.servers[1]

    @property
    def s3(self) -> SimServer:
        """The third server."""
        return self.servers[2]

    def named(self, name: str) -> SimServer:
        """The server of a name; "" stands for that of a request that reached none. Raises
        `NotArranged` if nobody has it."""
        for server in self.servers:
            if server.name == name:
                return server
        if not name:
            raise NotArranged("the request reached no server")
        raise NotArranged(f"there is no server {name!r}")

    # --- arrange ------------------------------------------------------------------------------

    async def behave(self, behavior: Fault, *servers: SimServer, may_miss: bool = False) -> None:
        """Give servers (all, if none is named) a behaviour, and prove that their doors stand
        as it says. Unless it `may_miss`, a behaviour that bends answers must strike one of them,
        else the case is inconclusive. Raises `NotArranged`."""
        chosen = servers or self.servers
        for server in chosen:
            await server.behave(behavior)
            seen = await self._knock(server, KNOCK_S if behavior.door is Door.DEAF else self.soon)
            expected = {Door.SHUT: End.REFUSED, Door.DEAF: End.UNREACHABLE}.get(behavior.door)
            if seen is not expected:
                raise NotArranged(f"a connection to {server.name}: expected {expected}, got {seen}")
        if not may_miss:
            self.declare(behavior, chosen)

    def declare(self, behavior: Fault, servers: Iterable[SimServer]) -> None:
        """A fault must strike one of these servers from now on, or nothing was tried."""
        if behavior.paces or behavior.door is not Door.OPEN:
            return
        names = tuple(server.name for server in servers)
        since = self.fleet.journal.dropped + len(self.fleet.journal.records)
        self.declared.append(Declared(type(behavior).__name__, names, since))

    def missed(self) -> list[Declared]:
        """The declared faults that never struck."""
        return [
            declared
            for declared in self.declared
            if not any(
                record.server in declared.servers
                for record in self.fleet.journal.where(
                    Struck, since=declared.since, fault=declared.fault
                )
            )
        ]

    async def strike_first(self, fault: Fault) -> Chosen:
        """From now on the server that is first asked to generate suffers a fault whenever it is
        asked to; the others are sound. Returns where its name will stand."""
        chosen = Chosen()
        for server in self.servers:
            await server.behave(First(fault, server.name, chosen))
        self.declare(First(fault, "", chosen), self.servers)
        return chosen

    async def take_turns(self, *faults: Fault | None) -> None:
        """The next requests to generate get a fault each (None: none), whoever serves them."""
        turns = Turns(list(faults))
        for server in self.servers:
            await server.behave(turns)
        self.declare(turns, self.servers)

    async def favourite(self, **options: Any) -> SimServer:
        """Ask once, and tell which server was asked: the one to break. Raises `NotArranged` if
        nobody was."""
        answer = await self.talk(**options)
        attempts = self.attempts(answer)
        if not attempts:
            raise NotArranged(f"a sound request reached no server: {answer.story}")
        return self.named(attempts[-1].server)

    async def _knock(self, server: SimServer, timeout: float) -> End | None:
        try:
            (await Client.connect("127.0.0.1", server.listener.port, timeout)).close()
        except Broken as broken:
            return broken.end
        return None

    # --- look ---------------------------------------------------------------------------------

    def attempts(self, answer: Answer) -> list[Asked]:
        """The requests that reached servers for one request of ours."""
        journal = self.fleet.journal
        if answer.alone is not None:
            found = [each for each in journal.records[answer.alone] if isinstance(each, Asked)]
            ours = [each for each in found if answer.nonce in each.target]
            probe = self.subject.is_probe
            # A balancer that loses the query leaves us what looks like a probe of its own.
            return ours or [each for each in found if not probe(each.method, each.target)] or found
        named = [record for record in journal.where(Asked) if answer.nonce in record.target]
        return named or journal.attempts(answer.nonce)

    async def started(self, session: Session, tokens: int = 1) -> None:
        """Wait until our client has this many tokens of an answer, or the answer is over; but no
        longer than `soon` once a server was asked."""
        answer = session.answer
        await self.until(
            lambda: bool(answer.pieces or self.attempts(answer)), session, self.patience
        )
        await self.until(lambda: len(answer.tokens()) >= tokens, session)

    async def reached(self, session: Session) -> None:
        """Wait until a server was asked for this request, or the answer is over. How fast a
        balancer is at that is judged elsewhere: the first request of one that was just started
        may take it seconds."""
        await self.until(lambda: bool(self.attempts(session.answer)), session, self.patience)
