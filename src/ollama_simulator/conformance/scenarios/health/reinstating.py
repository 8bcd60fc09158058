"""A server that failed and is sound again is given work again."""

from collections.abc import AsyncGenerator

from ollama_simulator.acts import Act, Wait
from ollama_simulator.conformance import crowd
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.installed_models import warm
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.health import breaking
from ollama_simulator.conformance.session import Session
from ollama_simulator.exchange import Exchange, Handler
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.normal import Normal

WITHIN_S = 33.0
"""A server that recovered is used again within this. The longest cool-down that is usual is 30 s,
and the slowest balancer that was measured took 27 s."""
ONCE_S = 20.0
"""Where one cool-down takes longer, a second one would take the time of a whole case."""
TRIES = 12
"""Requests in which a broken server is met, whoever is chosen."""
TRAFFIC_S = 0.4
"""Between two rounds of steady traffic."""
LEISURE = Normal(tokens_per_sec=20)

EVIDENCE = (
    "defilantech/LLMKube#453",
    "zentinelproxy/zentinel#261",
    "agberohq/agbero#7",
    "turnstonelabs/turnstone#152",
    "deltawi/deltallm#247",
    "BerriAI/litellm#39701",
)
CLAIM = (
    "A server that failed and is sound again is given requests again within 33 s, when as many "
    "are made at once as there are servers"
)
ADVICE = (
    "A server that failed once is never used again although it is sound. Try it again after a "
    "while, or when no other is free, and trust it when it answers well."
)


class Late(Fault, frozen=True):
    """Answer well, but begin late."""

    seconds: float

    async def around(self, exchange: Exchange, handler: Handler) -> AsyncGenerator[Act, None]:
        """Wait first."""
        yield Wait(self.seconds)
        async for act in handler(exchange):
            yield act


@scenario(
    claim=f"{CLAIM}, whatever its failure was.",
    advice=ADVICE,
    evidence=EVIDENCE,
    arrange=warm,
    timeout=1.0,
    killed_by={"never-reinstates"},
    variants={
        "refused": variant(fault=breaking.REFUSED),
        "closed": variant(fault=breaking.CLOSED),
        "silent": variant(fault=breaking.SILENT, needs={Feature.TIMEOUT}),
        "reset-stream": variant(fault=breaking.RESET),
        "errors": variant(fault=breaking.status(503), killed_by={"bans-errors"}),
    },
)
async def reinstated(run: Run, fault: Fault) -> None:
    """Rounds of requests, with longer and longer pauses."""
    broken = await _fail(run, fault)
    await broken.heal()
    await _serves_again(run, broken)


@scenario(
    claim=f"{CLAIM}, the second time too.",
    advice="A server that failed, recovered and failed again is never used again although it is "
    "sound. Forget old failures when it answers well, and end every cool-down.",
    evidence=EVIDENCE,
    arrange=warm,
    killed_by={"second-time-for-good"},
)
async def reinstated_twice(run: Run) -> None:
    """It fails, heals, fails, heals."""
    for what in ("once", "twice"):
        broken = await _fail(run, breaking.CLOSED, what)
        await broken.heal()
        if not await _serves_again(run, broken, f"when it failed {what}"):
            return
        if run.fleet.clock.now() - run.began > ONCE_S * run.scale:
            return


@scenario(
    claim=f"{CLAIM}, even if requests come all the time.",
    advice="Requests that pass a failed server over keep it out: its cool-down begins anew with "
    "each of them. Let the cool-down begin with the failure, and end by the clock.",
    evidence=EVIDENCE,
    arrange=warm,
    killed_by={"parks-anew"},
)
async def reinstated_under_traffic(run: Run) -> None:
    """Rounds of requests, close to each other."""
    broken = await _fail(run, breaking.CLOSED)
    await broken.heal()
    await _serves_again(run, broken, pause=TRAFFIC_S, longest=TRAFFIC_S)


@scenario(
    claim=f"{CLAIM}, even if the client of the first one leaves.",
    advice="The request that tried a failed server again was given up by its client, and the "
    "server is still waiting for its verdict. Let a trial whose client leaves end: neither good "
    "nor bad, and the next request may be the next trial.",
    evidence=EVIDENCE,
    arrange=warm,
    killed_by={"trial-sticks"},
)
async def reinstated_after_leaver(run: Run) -> None:
    """The first client that meets the healed server leaves it in the middle of its answer."""
    broken = await _fail(run, breaking.CLOSED)
    await run.behave(LEISURE)
    clock = run.fleet.clock
    until = clock.now() + WITHIN_S * run.scale
    pause = crowd.FIRST_PAUSE_S
    leavers: list[Session] = []
    while not leavers:
        sessions = [run.start(tokens=20) for _ in run.servers]
        for session in sessions:
            await run.started(session)
        leavers = crowd.on(run, sessions, broken.server)
        for session in sessions:
            await session.leave()
        if not leavers and clock.now() > until:
            break
        await run.sleep(pause)
        pause = min(pause * 2, crowd.LONGEST_PAUSE_S)
    if not run.note(
        f"whether {broken.server.name}, sound again, was tried again",
        bool(leavers),
        f"within {WITHIN_S:g} s",
        "tried" if leavers else "never",
        advice=ADVICE,
        sure=True,
    ):
        return
    await broken.heal()
    await _serves_again(run, broken, "when the client of its trial had left")


@scenario(
    claim=f"{CLAIM}, even if it begins its answers late, but in time.",
    advice="The request that tries a failed server again is given less time than others, so a "
    "server that is slow and sound stays out. Give a trial the time that every request has.",
    evidence=EVIDENCE,
    arrange=warm,
    needs={Feature.TIMEOUT},
    timeout=2.0,
    killed_by={"impatient-trial"},
)
async def reinstated_if_slow(run: Run) -> None:
    """It takes a little more than half the time-out until its answers begin."""
    broken = await _fail(run, breaking.CLOSED)
    await broken.heal()
    late = Aimed(Late(0.55 * run.timeout))
    await run.behave(late, broken.server, may_miss=True)
    await _serves_again(run, broken)


async def _fail(run: Run, fault: Fault, what: str = "once") -> breaking.Broken:
    """Break a server, and have a request meet it."""
    broken = await breaking.break_one(run, fault)

    def met(answers: list[Answer]) -> bool:
        return broken.met or any(not answer.good for answer in answers)

    answers = await crowd.one_by_one(run, TRIES, enough=met, tokens=4)
    lost = sum(not answer.good for answer in answers)
    run.figure(f"requests lost when {broken.server.name} failed {what}", lost)
    return broken


async def _serves_again(
    run: Run,
    broken: breaking.Broken,
    what: str = "",
    *,
    pause: float = crowd.FIRST_PAUSE_S,
    longest: float = crowd.LONGEST_PAUSE_S,
) -> bool:
    """Check that the healed server completes an answer in time."""
    name = broken.server.name
    took = await crowd.rounds(
        run,
        lambda answers: crowd.served(run, answers)[name] > 0,
        seconds=WITHIN_S,
        pause=pause,
        longest=longest,
        tokens=30,
    )
    if took is not None:
        run.figure(f"time until {name} served again{' ' + what if what else ''}", took, "s")
    return run.note(
        f"when {name}, sound again, completed an answer{' ' + what if what else ''}",
        took is not None,
        f"within {WITHIN_S:g} s",
        "never" if took is None else f"after {took:.1f} s",
        sure=True,
    )
