"""Spread and load: who is given the next request."""

from collections.abc import Callable

from ollama_simulator.conformance import crowd, odds
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.faults.normal import Normal
from ollama_simulator.faults.slow import Slow

LONG = Slow(tokens_per_sec=10, num_tokens=600)
SPREAD = 15
"""Rounds of three requests: chance gives each of three servers one of 45 at least."""
BESIDE = 18
"""Requests beside a busy server: drawing one of three would leave it out once in 1,500 plays."""
BURST = 16
TWICE = 2
"""Whoever compares the requests in progress of all servers, or of two, gives one of four at most
eight of sixteen in all but one play of a hundred million; even is four."""

BURSTS = ("vllm-project/aibrix#646", "vllm-project/aibrix#1185")

UNFAIR = {
    "balance.stale-metrics": "Stale, missing and lying /metrics of servers would need a balancer "
    "that reads them: Ollama has none, and no balancer here does.",
}


@scenario(
    claim="While a server is idle, no request is refused.",
    advice="A request was refused although a server was idle. Look at every server before you "
    "refuse, the last one too, and at none that is busy.",
    killed_by={"never-last"},
)
async def idle_server(run: Run) -> None:
    """As many long requests as there are servers, one after the other."""
    await run.behave(Normal(tokens_per_sec=40))
    sessions = []
    for _ in run.servers:
        sessions.append(run.start(tokens=20))
        await run.reached(sessions[-1])
    for answer in await run.together(*sessions):
        run.good(answer, f"one of {len(sessions)} answers at once, on {len(sessions)} servers")
    crowd.shares(run, [each.answer for each in sessions])


@scenario(
    claim="Requests are spread evenly over the servers, as if each were drawn or next in turn.",
    advice="One server is given far more, or far fewer, requests than its share. Count them all, "
    "and choose among all of them.",
    level=Level.SHOULD,
    needs={Feature.SPREADS},
    evidence=("BerriAI/litellm#40401", "open-webui/open-webui#1081"),
    killed_by={"never-last", "always-first"},
)
async def spread(run: Run) -> None:
    """Rounds of as many requests at once as there are servers."""
    await _evenly(run, await crowd.in_rounds(run, SPREAD, tokens=4))


async def _evenly(run: Run, answers: list[Answer]) -> None:
    low, high = odds.bounds(len(answers), 1 / len(run.servers))
    counts = crowd.given(run, answers)
    for server in run.servers:
        count = counts[server.name]
        run.note(
            f"requests of {len(answers)} that {server.name} was given",
            low <= count <= high,
            f"{low} to {high}, as chance allows",
            count,
            firm=True,
        )
    crowd.shares(run, answers)


@scenario(
    claim="While one server is busy with a long answer and others are idle, it is given no other "
    "request.",
    advice="A busy server was given a request although others were idle. Compare the requests "
    "that are in progress now, not those that there have been.",
    level=Level.SHOULD,
    needs={Feature.SHARES, Feature.LEAST_LOADED},
    evidence=("vllm-project/router#197", "open-webui/open-webui#1081"),
    killed_by={"ignores-load"},
)
async def least_loaded(run: Run) -> None:
    """A long answer, and short ones one after the other beside it."""
    await run.behave(LONG)
    long = run.start(tokens=600)
    await run.reached(long)
    await run.behave(QUICK)
    answers = await crowd.one_by_one(run, BESIDE, tokens=2)
    asked = crowd.askings(run).get(long.answer.nonce, [])
    await long.leave()
    if not run.note("servers asked for the long answer", bool(asked), "at least 1", len(asked)):
        return
    busy = asked[-1]
    run.check(f"requests that {busy}, busy, was given", crowd.given(run, answers)[busy], 0)
    crowd.shares(run, answers)


EVEN_UNDER_LOAD: dict[str, Callable[[int, int], int]] = {
    "least-loaded": lambda count, servers: TWICE * count // servers,
    "spread": lambda count, servers: odds.bounds(count, 1 / servers)[1],
}
WAYS = {
    "least-loaded": variant(way="least-loaded", needs={Feature.LEAST_LOADED}),
    "spread": variant(way="spread", needs={Feature.SPREADS}),
}


@scenario(
    claim="Requests that come within a few milliseconds are spread over idle servers, not given to "
    "the one that looked best before.",
    advice="A burst went to one server: its load was read once, and all requests until the next "
    "reading went there. Count a request when you send it, not when its server tells.",
    level=Level.SHOULD,
    needs={Feature.SHARES},
    evidence=BURSTS,
    servers=4,
    killed_by={"stale-loads"},
    variants=WAYS,
)
async def burst(run: Run, way: str) -> None:
    """Sixteen requests at once."""
    await _at_once(run, BURST, way)


async def _at_once(run: Run, count: int, way: str) -> None:
    await run.behave(LONG)
    sessions = [run.start(tokens=600) for _ in range(count)]
    answers = [each.answer for each in sessions]
    await run.until(lambda: sum(crowd.given(run, answers).values()) >= count)
    for session in sessions:
        await session.leave()
    counts = crowd.given(run, answers)
    arrived = sum(counts.values())
    most = max(counts.values(), default=0)
    limit = EVEN_UNDER_LOAD[way](count, len(run.servers))
    run.note("requests that reached a server", arrived >= count, count, arrived)
    run.note(
        f"requests of {count} at once that one server of {len(run.servers)} had",
        most <= limit,
        f"at most {limit}",
        most,
    )
    run.figure("most requests on one server, of the mean", most * len(run.servers) / count)
    crowd.shares(run, answers)
