"""A worker: a process with a share of a fleet's servers, and no port of its own but theirs.

Rules of this file:

1. It ends when its connection does: nobody leaves it behind.
2. A wish is granted by the control API's own routes; what changed goes back with the answer.

It must not import the programs.
"""

import asyncio
import importlib
import itertools
from typing import Any

from ollama_simulator import records
from ollama_simulator.acts import Door
from ollama_simulator.clock import WallClock
from ollama_simulator.faults.normal import Normal
from ollama_simulator.fleet import Fleet, Share
from ollama_simulator.net import kernel
from ollama_simulator.net.kernel import PortTaken
from ollama_simulator.presence import Unsupported
from ollama_simulator.settings import Settings
from ollama_simulator.workers import calls, states
from ollama_simulator.workers.glimpses import packed
from ollama_simulator.workers.line import Hungup, Line
from ollama_simulator.workers.messages import (
    Batch,
    Begin,
    Begun,
    CannotBegin,
    Counters,
    End,
    Fetch,
    Granted,
    Hello,
    Stirred,
    ToWorker,
    Wish,
)
from ollama_simulator.workers.outbox import Outbox

SLOW = ("starlette.applications", "ollama_simulator.control.serve")
"""What is imported for the control API, in a thread."""
HOST = "127.0.0.1"
"""Where who started it listens."""


class Worker:
    """The servers of this process, and those who are told of them."""

    def __init__(self, line: Line, begin: Begin) -> None:
        self._line = line
        self._begin = begin
        self._journal = Outbox(begin.journal_size, lambda: line.tell(Stirred()))
        self._there = begin.start if begin.before is None else begin.before
        tables = [states.table(each) for each in self._there]
        self._fleet = Fleet(
            [each.port for each in tables],
            seed=begin.seed,
            clock=WallClock(begin.speed, begin.began_ns),
            settings=[Settings(**states.settings_of(each)) for each in tables],
            host=begin.host,
            share=Share(
                journal=self._journal,
                worker=begin.worker,
                names=[each.name for each in self._there],
                exchanges=itertools.count(begin.exchange, begin.workers),
            ),
        )
        self._keeper = states.Keeper(self._fleet)
        self._application: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        """The control API, as soon as there is one."""

    async def serve(self) -> None:
        """Serve until it is told to end, or nobody is there any more. Raises as `Fleet`."""
        async with self._fleet as fleet:
            await self._begun()
            for sock in fleet.helpers.values():
                kernel.start_listening(sock)
            self._line.tell(Begun(self._keeper.states(), tuple(fleet.helpers), self._counters))
            async with asyncio.TaskGroup() as group:
                controlling = group.create_task(self._control(group))
                await self._listen(group)
                controlling.cancel()
            self._hand_over(Fetch(expire=False, number=0))
        self._hand_over(Fetch(expire=False, number=0))

    async def _control(self, group: asyncio.TaskGroup) -> None:
        """Have what grants wishes, until it is cancelled."""
        # The slowest import of the package; the servers answer meanwhile.
        for module in SLOW:
            await asyncio.to_thread(importlib.import_module, module)
        from ollama_simulator.control.serve import application, helping

        async with helping(self._fleet, group.create_task):
            self._application.set_result(application(self._fleet, local=self._begin.local))
            await asyncio.Event().wait()  # it is cancelled

    async def _begun(self) -> None:
        """Have the servers stand as they are to."""
        begin, fleet = self._begin, self._fleet
        rules = states.unpacked(begin.rules, [each.name for each in begin.start])
        born = {each.name: states.table(each) for each in begin.start}
        behaviors = {
            name: table.behavior for name, table in born.items() if table.behavior != Normal()
        }
        if begin.before is None:
            fleet.next_name, fleet.next_rule = begin.counters.name, begin.counters.rule
            await fleet.begin(behaviors, rules)
            return
        places = {
            name: (table.port, Settings(**states.settings_of(table)))
            for name, table in born.items()
        }
        fleet.continue_from(places, behaviors, rules)
        now, together = fleet.clock.now(), states.shared(begin.before)
        for state in begin.before:
            server = fleet.named(state.name)
            if (reached := begin.reached.get(state.name)) is not None:
                server.count_from(reached.connections, reached.requests)
            server.see(records.DoorMoved, door=Door.OPEN)
            server.see(
                records.Restarted,
                kv_cache_type=state.kv_cache_type,
                seconds=now - begin.down_since,
            )
            await states.give(server, state, now, together)

    async def _listen(self, group: asyncio.TaskGroup) -> None:
        while True:
            message = await self._line.receive()
            match message:
                case Wish():
                    group.create_task(self._grant(message))
                case Fetch():
                    self._hand_over(message)
                    await self._line.drain()
                case End():
                    return

    async def _grant(self, wish: Wish) -> None:
        application = await self._application
        fleet, changes = self._fleet, wish.method != "GET"
        if changes:
            fleet.next_name, fleet.next_rule = wish.counters.name, wish.counters.rule
        answer = await calls.ask(application, wish)
        self._line.tell(
            Granted(
                wish.number,
                answer.status,
                answer.headers,
                answer.body,
                self._keeper.states() if changes else None,
                self._counters,
            )
        )

    def _hand_over(self, fetch: Fetch) -> None:
        if fetch.expire:
            self._fleet.expire()
        lost, found = self._journal.take()
        self._line.tell(Batch(fetch.number, self._fleet.clock.now(), lost, *packed(found)))

    @property
    def _counters(self) -> Counters:
        return Counters(self._fleet.next_name, self._fleet.next_rule)


async def work(port: int, key: str) -> None:
    """Connect to a port of this machine, tell the key, and do what is asked for."""
    line = Line(*await asyncio.open_connection(HOST, port), ToWorker)
    line.tell(Hello(key))
    try:
        await _work(line)
        await line.close()
    except* Hungup:
        # Who started it is gone. There is nobody to tell, and nothing to be done.
        pass


async def _work(line: Line) -> None:
    begin: Begin = await line.receive()
    try:
        await Worker(line, begin).serve()
    except PortTaken as error:
        line.tell(CannotBegin(str(error), error.errno))
    except Unsupported as error:
        line.tell(CannotBegin(str(error), None))
