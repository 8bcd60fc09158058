"""What the scenarios of this folder share: many requests that end badly, and what is left of them.

It must not import the player.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
import psutil

from ollama_simulator.conformance.run import Run
from ollama_simulator.records import Asked, Closed, Opened
from ollama_simulator.records import Left as ClientLeft

AT_ONCE = 3
"""Requests at a time: as many as there are servers."""


class Left(msgspec.Struct):
    """What a balancer holds."""

    upstream: int
    """Connections to its servers."""
    descriptors: int | None
    """Open files and sockets of its processes; None if they are not ours."""
    memory: int | None
    """Bytes of main memory of its processes."""


def upstream(run: Run) -> int:
    """Connections to servers that the balancer has now.

    One that it ended in the midst of an answer is none, though its server may keep it: like Ollama,
    a server never ends the request of a client that left before its turn came.
    """
    journal = run.fleet.journal
    left = {record.exchange for record in journal.where(ClientLeft)}
    ended = {(record.server, record.connection) for record in journal.where(Closed)}
    ended |= {
        (record.server, record.connection)
        for record in journal.where(Asked)
        if record.exchange in left
    }
    return len({(each.server, each.connection) for each in journal.where(Opened)} - ended)


def held(run: Run) -> Left:
    """What the balancer holds now."""
    open_now = upstream(run)
    descriptors, memory = 0, 0
    if run.subject.pid is None:
        return Left(open_now, None, None)
    try:
        first = psutil.Process(run.subject.pid)
        for process in (first, *first.children(recursive=True)):
            descriptors += process.num_fds() if hasattr(process, "num_fds") else 0
            memory += process.memory_info().rss
    except psutil.Error:
        return Left(open_now, None, None)
    return Left(open_now, descriptors, memory)


async def settled(run: Run, descriptors: int, limit: float) -> Left:
    """What it holds when it has no more than so many open files and sockets, or when the clock
    has come to a limit."""
    found = held(run)
    while (found.descriptors or 0) > descriptors and run.fleet.clock.now() < limit:
        await run.sleep(0.25)
        found = held(run)
    return found


async def storm(run: Run, count: int, one: Callable[[int], Awaitable[None]]) -> None:
    """Do something so often, a few at a time."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await one(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())


async def batch(run: Run) -> tuple[int, float]:
    """As many requests at once as there are servers: how many are answered well, and the longest
    time that one of those takes."""
    sessions = []
    for _ in run.servers:
        sessions.append(run.start(tokens=8))
        await run.reached(sessions[-1])
    good = [answer for answer in await run.together(*sessions) if answer.good]
    return len(good), max((answer.seconds for answer in good), default=0.0)


async def as_before(run: Run, good: int, within: float) -> tuple[int, float]:
    """Batches until one is as good as it was before, but no longer than so many seconds. Returns
    the last one."""
    since = run.fleet.clock.now()
    found = await batch(run)
    while found[0] < good and run.fleet.clock.now() - since < within * run.scale:
        await run.sleep(1.0)
        found = await batch(run)
    run.figure("good as before again after", run.fleet.clock.now() - since, "s")
    return found
