"""Many requests: one after the other, side by side, and by clients that never stop asking; and
what the servers' journal says of who was given them.

Rules of this file:

1. What is begun is waited for, and every wait has a limit.
2. Who was asked is read from the journal, by the nonces of the requests.

It must not import the scenarios or the player.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.session import Session
from ollama_simulator.records import Asked, Finished, Received
from ollama_simulator.server import SimServer

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 4.0
"""The pauses between rounds: each is twice as long as the last."""
PAUSE_S = 0.02
"""A moment for a balancer to know that a server is free."""

Enough = Callable[[list[Answer]], bool]


def never(answers: list[Answer]) -> bool:
    """There can't be enough."""
    return False


async def one_by_one(
    run: Run,
    most: int,
    *,
    enough: Enough = never,
    seconds: float = 30.0,
    pause: float = PAUSE_S,
    **options: Any,
) -> list[Answer]:
    """Ask one after the other: at most so many, until there are enough, or the time is over.
    Options as for `Run.start`."""
    clock = run.fleet.clock
    until = clock.now() + seconds * run.scale
    answers: list[Answer] = []
    while len(answers) < most and not enough(answers) and clock.now() < until:
        session = run.start(**options)
        await asyncio.wait([session.task])
        answers.append(session.answer)
        await run.sleep(pause)
    return answers


async def side_by_side(run: Run, count: int, *, gap: float = 0.0, **options: Any) -> list[Answer]:
    """Ask so often at once, or with a gap between, and wait for all. Options as for `Run.start`."""
    sessions = []
    for number in range(count):
        if gap and number:
            await run.sleep(gap)
        sessions.append(run.start(**options))
    return await run.together(*sessions)


async def in_rounds(run: Run, count: int, **options: Any) -> list[Answer]:
    """Ask in so many rounds, in each as often at once as there are servers. Options as for
    `Run.start`."""
    answers: list[Answer] = []
    for _ in range(count):
        answers += await side_by_side(run, len(run.servers), **options)
    return answers


async def keep_asking(
    run: Run, clients: int, enough: Enough, *, seconds: float, most: int = 1_000, **options: Any
) -> list[Answer]:
    """So many clients, each of which asks again as soon as it is answered, until there are enough
    answers, `most` of them, or the time is over. Options as for `Run.start`."""
    clock = run.fleet.clock
    until = clock.now() + seconds * run.scale
    going = [run.start(**options) for _ in range(clients)]
    over: list[Answer] = []
    while len(over) < most and not enough(over) and (left := until - clock.now()) > 0:
        await asyncio.wait(
            [each.task for each in going], timeout=left, return_when=asyncio.FIRST_COMPLETED
        )
        done = [each for each in going if each.task.done()]
        over += [each.answer for each in done]
        # A moment, or a server that fails at once would keep the machine busy.
        await run.sleep(PAUSE_S)
        going = [each for each in going if each not in done] + [run.start(**options) for _ in done]
    for session in going:
        if not session.task.done():
            await session.leave()
    return over


async def rounds(
    run: Run,
    enough: Callable[[list[Answer]], bool],
    *,
    seconds: float,
    pause: float = FIRST_PAUSE_S,
    longest: float = LONGEST_PAUSE_S,
    **options: Any,
) -> float | None:
    """Ask as often at once as there are servers, again and again with longer and longer pauses,
    until there is enough in all answers. Returns after how many seconds that was; None if it
    never was. Options as for `side_by_side`."""
    clock = run.fleet.clock
    began = clock.now()
    answers: list[Answer] = []
    while True:
        answers += await side_by_side(run, len(run.servers), **options)
        if enough(answers):
            return clock.now() - began
        if clock.now() - began + pause > seconds * run.scale:
            return None
        await run.sleep(pause)
        pause = min(pause * 2, longest)


def served(run: Run, answers: Iterable[Answer]) -> Counter[str]:
    """How many of these answers are good, by the server that was asked last."""
    asked = askings(run)
    return Counter(
        asked[answer.nonce][-1] for answer in answers if answer.good and answer.nonce in asked
    )


def askings(run: Run) -> dict[str, list[str]]:
    """The servers that read each request of ours, by its nonce."""
    found: dict[str, list[str]] = {}
    for record in run.fleet.journal.where(Received):
        if record.nonce is not None:
            found.setdefault(record.nonce, []).append(record.server)
    return found


def given(run: Run, answers: Iterable[Answer]) -> Counter[str]:
    """How often each server was given one of these requests, whatever became of it."""
    asked = askings(run)
    return Counter(server for answer in answers for server in asked.get(answer.nonce, ()))


def most_at_once(run: Run, server: SimServer, since: float, until: float) -> int:
    """How many of our requests a server had at the same time, at most, between two moments."""
    ours = {record.exchange for record in run.fleet.journal.where(Received, server=server.name)}
    running = most = 0
    for record in run.fleet.journal.records:
        if record.exchange not in ours or record.t > until:
            continue
        if isinstance(record, Asked):
            running += 1
        elif isinstance(record, Finished):
            running -= 1
        if record.t >= since:
            most = max(most, running)
    return most


def shares(run: Run, answers: Iterable[Answer], name: str = "requests given to") -> None:
    """Report how often each server was given one of these requests."""
    counts = given(run, answers)
    for server in run.servers:
        run.figure(f"{name} {server.name}", counts[server.name])


def outcomes(answers: Iterable[Answer]) -> str:
    """What became of answers, in words."""
    counts = Counter("good" if each.good else each.outcome.value for each in answers)
    return ", ".join(f"{count} {what}" for what, count in counts.most_common())


def on(run: Run, sessions: Iterable[Session], server: SimServer) -> list[Session]:
    """Those of some requests that a server was asked."""
    asked = askings(run)
    return [each for each in sessions if server.name in asked.get(each.answer.nonce, ())]
