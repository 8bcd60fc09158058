"""Plays a workload through a policy.

Source: engine model, 5.3 and 6.3.

Rules of this file:

1. The network is a policy: it takes no time, and every request goes where the policy says.
2. Who has to wait at the balancer is served in the order in which they came; nobody overtakes.
3. After an error a session is over: its client gives up.

It must not import the command line.
"""

import asyncio
from collections import deque
from random import Random
from typing import Any

from ollama_simulator.clock import Clock, VirtualClock
from ollama_simulator.journal import Journal
from ollama_simulator.lab.blame import BadPolicy, failed
from ollama_simulator.lab.policies import POLICIES
from ollama_simulator.lab.request import COMPLETE, FAILED, LEFT, REFUSED, Request
from ollama_simulator.lab.server import Server
from ollama_simulator.lab.talk import Asked, turns
from ollama_simulator.lab.tally import Tally
from ollama_simulator.lab.trial import Incident, Outcome, Trial
from ollama_simulator.lab.truth import Knowing
from ollama_simulator.lab.view import LOOK_S, View
from ollama_simulator.model import ModelMissing, Refusal
from ollama_simulator.virtual import FastClock
from ollama_simulator.workload.session import Session

KNOWING = "informed"
"""The policy that asks when a first token would come; for others that is not kept up to date."""


def play(trial: Trial, *, journal: bool = False, clock: VirtualClock | None = None) -> Outcome:
    """Play a trial from its start to its end. A journal costs as much as all the rest."""
    clock = clock or FastClock()
    player = Player(trial, clock, Journal() if journal else None)
    clock.run(player.play())
    return player.outcome


class Player:
    """One trial, under way."""

    def __init__(self, trial: Trial, clock: Clock, journal: Journal | None) -> None:
        self._trial = trial
        self._clock = clock
        self._journal = journal
        self._servers = [
            Server(number, clock, machine.settings, machine.models, trial.seed, journal)
            for number, machine in enumerate(trial.machines)
        ]
        firsts = [machine.models[0].name for machine in trial.machines]
        self._default = firsts[0]
        for server, name in zip(self._servers, firsts, strict=True):
            server.load(name)
        self._truth = Knowing(clock, self._servers, firsts)
        settings = [machine.settings for machine in trial.machines]
        self._view = View(
            self._truth,
            slots=[max(each.num_parallel, 1) for each in settings],
            speed=[each.speed for each in settings],
            capability=[machine.capability for machine in trial.machines],
            kv_cache=["q8_0" if each.kv_cache_type == "q8_0" else "q16" for each in settings],
            installed=[
                frozenset(model.name for model in machine.models) for machine in trial.machines
            ],
            q8_models=trial.q8_models,
        )
        self._policy = POLICIES[trial.policy]
        self._knows = trial.policy == KNOWING
        self._rng = Random(f"{trial.seed}/policy")
        self._tally = Tally()
        self._waiting: deque[tuple[Request, asyncio.Future[int]]] = deque()
        self._numbers = 0
        self._ended_at = 0.0
        self._begun: set[tuple[int, ...]] = set()
        """The beginnings of system prompts that were asked so far."""

    async def play(self) -> None:
        """Play it."""
        trial, clock = self._trial, self._clock
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._incidents(trial.incidents))
            async with asyncio.TaskGroup() as talking:
                if trial.workload.users is None:
                    await self._open(talking)
                else:
                    await self._closed(talking, trial.workload.users)
            watch.cancel()
        self._ended_at = max(clock.now(), trial.seconds)

    @property
    def outcome(self) -> Outcome:
        """What came of it."""
        busy = [server.busy_s for server in self._servers]
        counts = [server.counts for server in self._servers]
        return Outcome(self._trial, self._tally, self._ended_at, busy, counts, self._journal)

    # --- clients ------------------------------------------------------------------------------

    async def _open(self, group: asyncio.TaskGroup) -> None:
        """Sessions begin when they are due."""
        for session in self._trial.workload.sessions():
            at = session.at or 0.0
            if at >= self._trial.seconds:
                break
            await self._clock.sleep_until(at)
            group.create_task(self._talk(session, session.number, at))

    async def _closed(self, group: asyncio.TaskGroup, users: int) -> None:
        """Each user begins a session when the last one is over."""
        sessions = self._trial.workload.sessions()

        async def use(client: int) -> None:
            while self._clock.now() < self._trial.seconds:
                session = next(sessions, None)
                if session is None:
                    return
                first = session.turns[0].think_s
                await self._talk(session, client, self._clock.now() + first)

        for client in range(users):
            group.create_task(use(client))

    async def _talk(self, session: Session, client: int, begins: float) -> None:
        """One session."""
        clock, until = self._clock, self._trial.seconds
        shared = 0
        path: tuple[int, ...] = ()
        for asked in turns(session):
            when = clock.now() + asked.turn.think_s if asked.number else begins
            if when >= until:
                break
            await clock.sleep_until(when)
            if not asked.number:
                for part in session.system:
                    path = (*path, part.group)
                    shared += part.tokens if path in self._begun else 0
                    self._begun.add(path)
            ideal = min(max(asked.known, shared), asked.prompt.size - 1)
            if not await self._ask(session, client, asked, ideal):
                break
        self._view.forget(session.number)

    async def _ask(self, session: Session, client: int, asked: Asked, ideal: int) -> bool:
        """One request. Returns False for an error."""
        clock = self._clock
        self._numbers += 1
        model = session.model or self._default
        request = Request(self._numbers, asked, session.number, client, model, clock.now())
        request.num_ctx = session.num_ctx
        if (patience := self._trial.patience) is not None:
            request.alarm = clock.alarm(clock.now() + patience, lambda: request.cut(LEFT))
        try:
            if await self._placed(request):
                server = self._servers[request.server]
                if not server.up:
                    self._view.lost(request.server)
                await server.serve(request)
        except asyncio.CancelledError:
            if request.verdict is None:
                raise
            assert request.task is not None
            request.task.uncancel()
            request.outcome = request.verdict
        except (Refusal, ModelMissing):
            request.outcome = FAILED
        finally:
            if request.alarm is not None:
                request.alarm.cancel()
            if request.server >= 0:
                self._over(request)
            self._tally.add(request, ideal, clock.now())
        return request.outcome == COMPLETE

    # --- the balancer -------------------------------------------------------------------------

    async def _placed(self, request: Request) -> bool:
        """Find a request its server, waiting for it if need be. Returns False if it is refused."""
        if not self._waiting:
            chosen = self._choose(request)
            if chosen is not None:
                self._place(request, chosen)
                return True
        if self._trial.full == "refuse":
            request.outcome = REFUSED
            return False
        turn: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, turn))
        await turn
        return True

    def _choose(self, request: Request) -> int | None:
        """The server that the policy says. Raises `BadPolicy`."""
        chosen: Any
        try:
            chosen = self._policy(request, self._view, self._rng)
        except Exception as error:
            raise failed(self._trial.policy, error) from error
        if chosen is None:
            return None
        if isinstance(chosen, int) and chosen in range(len(self._servers)):
            return chosen
        raise BadPolicy(
            f"{self._trial.policy}: it says {chosen!r}, which is no server; there are 0 to "
            f"{len(self._servers) - 1}, and None for nobody"
        )

    def _place(self, request: Request, server: int) -> None:
        request.server = server
        self._view.sends(request, server)
        if self._knows:
            self._truth.sent(server, request)
        if server in self._view.switched:
            self._servers[server].switch(self._view.switched.pop(server))

    def _over(self, request: Request) -> None:
        """A request has left its server."""
        self._view.ended(request)
        if self._knows:
            self._truth.ended(request.server, request)
        if not self._servers[request.server].up:
            self._view.lost(request.server)
        self._next()

    def _next(self) -> None:
        """Let those go on that wait and find a server now."""
        while self._waiting:
            request, turn = self._waiting[0]
            if not turn.done():
                chosen = self._choose(request)
                if chosen is None:
                    return
                self._place(request, chosen)
                turn.set_result(chosen)
            self._waiting.popleft()

    # --- what goes wrong ----------------------------------------------------------------------

    async def _incidents(self, incidents: tuple[Incident, ...]) -> None:
        clock = self._clock
        for incident in sorted(incidents, key=lambda incident: incident.at):
            await clock.sleep_until(incident.at)
            server = self._servers[incident.server]
            if incident.what == "lost":
                server.lose()
            elif incident.what == "slow":
                server.slow(incident.factor)
            else:
                server.come_back()
                # The balancer sees it when it looks.
                clock.alarm(clock.now() + LOOK_S, lambda n=incident.server: self._seen(n))  # type: ignore[misc]

    def _seen(self, server: int) -> None:
        if self._servers[server].up:
            self._view.back(server)
            self._next()
