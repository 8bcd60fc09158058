"""Counters that must not drift, however requests end."""

import random
from collections.abc import Callable, Sequence

from ollama_simulator.acts import How
from ollama_simulator.conformance import crowd, odds
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.health import breaking
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.normal import Normal

WITHIN_S = 33.0
"""As for a single server that recovered (`health.reinstated`)."""
ROUNDS = 6
"""So many rounds of requests show which servers are used at all."""
LEISURE = Normal(tokens_per_sec=80)
LONG = 40
"""Tokens of an answer that is there for half a second."""
GAP_S = 0.15
"""Between two requests of a round: whoever counts what is in progress has counted the first when
the second comes. Of requests in the same moment chance may say whether a second server is used."""
CLEAN = 10
"""Rounds after clients left."""

DRIFT = (
    "BerriAI/litellm#40401",
    "vllm-project/router#197",
    "h2o/h2o#1750",
    "gpustack/gpustack#5709",
)
WAYS = {
    "least-loaded": variant(way="least-loaded", needs={Feature.LEAST_LOADED}),
    "spread": variant(way="spread", needs={Feature.SPREADS}),
}


@scenario(
    claim="After many clients that left, requests are spread as before.",
    advice="One server draws the requests since clients left in the middle: its count of requests "
    "in progress is wrong. Count each request down exactly once, however it ends.",
    level=Level.SHOULD,
    needs={Feature.SHARES},
    evidence=DRIFT,
    killed_by={"counts-leavers-twice"},
    variants=WAYS,
)
async def share_after_leavers(run: Run, way: str) -> None:
    """Clients leave in different moments; then clean requests."""
    await _mixed(run, LEAVERS, count=12, at_once=1)
    await run.behave(QUICK)
    answers = await crowd.in_rounds(run, CLEAN, tokens=4)
    limit = EVEN_AFTER[way](len(answers), len(run.servers))
    most = max(crowd.given(run, answers).values(), default=0)
    run.note(
        f"requests of {len(answers)} that one of {len(run.servers)} servers was given",
        most <= limit,
        f"at most {limit}",
        most,
    )
    crowd.shares(run, answers)


EVEN_AFTER: dict[str, Callable[[int, int], int]] = {
    "least-loaded": lambda count, servers: count // 2,
    "spread": lambda count, servers: odds.bounds(count, 1 / servers)[1],
}
LEAVERS = ("early", "midway", "reset", "stays")
FAULTS: tuple[Fault | None, ...] = (
    breaking.RESET,
    breaking.SHORT,
    breaking.CLOSED,
    breaking.status(500),
    None,
    None,
)


@scenario(
    claim="After many requests that ended badly, as many servers are used as before, within 33 s.",
    advice="A server is used no more, though it is sound: it still counts as busy, or another one "
    "counts as emptier than empty. Count each request down exactly once, however it ends.",
    evidence=DRIFT,
    killed_by={"leaks-resets"},
    variants={
        "leavers": variant(ways=LEAVERS, faults=(None,), killed_by={"counts-leavers-twice"}),
        "failures": variant(ways=("stays",), faults=FAULTS),
        "mixed": variant(ways=LEAVERS, faults=FAULTS),
    },
)
async def all_used_after(run: Run, ways: Sequence[str], faults: Sequence[Fault | None]) -> None:
    """Which servers are used before, and after."""
    await _used(run)  # whoever has counted nothing yet may choose otherwise than later
    before = await _used(run)
    await _mixed(run, ways, faults)
    after: list[str] = []

    def enough(answers: list[Answer]) -> bool:
        after[:] = sorted(crowd.served(run, answers))
        return len(after) >= len(before)

    await run.behave(LEISURE)
    took = await crowd.rounds(run, enough, seconds=WITHIN_S, gap=GAP_S, tokens=LONG)
    run.note(
        "how many servers are used after all that",
        took is not None,
        f"{len(before)}, as before, within {WITHIN_S:g} s",
        f"{len(after)}: {', '.join(after) or 'nobody'}",
        sure=True,
    )
    if took is not None:
        run.figure("time until all were used again", took, "s")


async def _used(run: Run) -> list[str]:
    """The servers that a few rounds of requests reach, in order."""
    await run.behave(LEISURE)
    answers: list[Answer] = []
    for _ in range(ROUNDS):
        answers += await crowd.side_by_side(run, len(run.servers), gap=GAP_S, tokens=LONG)
        if len(crowd.served(run, answers)) == len(run.servers):
            break
    return sorted(crowd.served(run, answers))


async def _mixed(
    run: Run,
    ways: Sequence[str],
    faults: Sequence[Fault | None] = (),
    *,
    count: int = 24,
    at_once: int = 3,
) -> None:
    """Requests, some at a time, whose clients leave or stay and whose servers fail or don't."""
    rng = random.Random(0)
    turns = [faults[i % len(faults)] for i in range(count)] if faults else []
    rng.shuffle(turns)
    if any(turns):
        await run.take_turns(*turns)
    else:
        await run.behave(Normal(tokens_per_sec=60))
    leaving = [ways[i % len(ways)] for i in range(count)]
    rng.shuffle(leaving)
    for i in range(0, count, at_once):
        these = leaving[i : i + at_once]
        sessions = [run.start(tokens=4 if way == "stays" else 200) for way in these]
        for session, way in zip(sessions, these, strict=True):
            if way == "early":
                await run.reached(session)
            elif way in ("midway", "reset"):
                await run.started(session, 2)
            else:
                continue
            await session.leave(How.RST if way == "reset" else How.FIN)
        await run.together(*sessions)
