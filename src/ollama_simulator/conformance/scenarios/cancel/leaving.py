"""What the scenarios of this folder share: leaving, and how long it takes until servers know.

It must not import the player.
"""

import math

from ollama_simulator.acts import How
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import variant
from ollama_simulator.conformance.session import Session
from ollama_simulator.records import Asked, Finished, Left

HOWS = {"fin": variant(how=How.FIN), "rst": variant(how=How.RST)}
"""How a client closes its connection."""


def free_at(run: Run, asked: list[Asked]) -> float | None:
    """When the last of these servers knew that it works for nobody; None while one doesn't."""
    ends = []
    for attempt in asked:
        seen = [
            record.t
            for kind in (Left, Finished)
            for record in run.fleet.journal.where(kind, exchange=attempt.exchange)
        ]
        ends.append(min(seen, default=math.inf))
    latest = max(ends, default=math.inf)
    return None if latest == math.inf else latest


async def leave(
    run: Run, session: Session, how: How, within: float, *, late: str = "", early: str = ""
) -> None:
    """Leave, and check that every server that works for this request then knows it within so
    many seconds; whoever is asked later is another case's. `late` is the advice if not,
    `early` if the answer was over before."""
    answer = session.answer
    if not still_there(run, answer, early):
        return
    begun, asked = len(answer.tokens()), run.attempts(answer)
    left_at = run.fleet.clock.now()
    await session.leave(how)
    await knows(run, asked, left_at, within, late)
    made = [
        record.tokens
        for attempt in asked
        for record in run.fleet.journal.where(Left, exchange=attempt.exchange)
    ]
    if made:
        run.figure("wasted tokens", max(0, sum(made) - begun))


def still_there(run: Run, answer: Answer, advice: str = "") -> bool:
    """Check that a request is at a server, and that its answer is not over."""
    return run.note(
        "the answer before its client leaves",
        answer.end is None,
        "still going on",
        answer.story,
        advice=advice,
    ) and run.note(
        "servers asked before its client leaves", bool(run.attempts(answer)), "at least 1", 0
    )


async def knows(
    run: Run, asked: list[Asked], left_at: float, within: float, late: str = ""
) -> None:
    """Check that each of the servers that were asked knows soon that its client left."""
    limit = within * run.scale
    await run.until(lambda: free_at(run, asked) is not None, seconds=limit + 0.2)
    freed = free_at(run, asked)
    seconds = math.inf if freed is None else max(0.0, freed - left_at)
    run.in_time(
        "when the server knew that its client had left",
        seconds <= limit,
        f"within {limit:g} s",
        f"{seconds:.2f} s later" if freed is not None else "it is still at work",
        tolerance=limit,
        since=left_at,
        advice=late,
        sure=True,
    )
    if freed is not None:
        run.figure("cancel latency", seconds, "s")
