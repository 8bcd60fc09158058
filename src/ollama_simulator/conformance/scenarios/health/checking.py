"""Health checks: what a balancer that makes them concludes, and what it must not."""

from ollama_simulator.conformance import crowd
from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.faults import Aimed, generates
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.health import breaking
from ollama_simulator.exchange import Exchange
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.normal import Normal
from ollama_simulator.records import Asked
from ollama_simulator.server import SimServer

WITHIN_S = 12.0
"""Bad health is noticed within this; checks are usually made every second, and some balancers
want several bad ones."""
IN_A_ROW = 20
"""So many requests that pass a server over are no chance: drawing one of three would do it once in
three thousand."""
ASKED = 3 * IN_A_ROW
"""After so many requests, and that time, it is not passed over."""
STREAM_S = 2.8
"""Long enough for a check each second that times out after another."""
STREAM_TOKENS = 28

UNFAIR = {
    "health.slow-checks": "A server that answers its health checks just at the time-out would show "
    "flapping, but no two balancers have the same time-out, and most don't tell theirs.",
    "health.removed-server": "That servers which were taken out of the configuration are not "
    "checked any more would need a way to take one out, and no two balancers have the same.",
    "health.checks-with-credentials": "A server whose health checks need credentials would need "
    "those of a real deployment: Ollama's own API has none.",
}

EVIDENCE = (
    "vllm-project/production-stack#448",
    "vllm-project/production-stack#680",
    "vllm-project/production-stack#815",
)


def checks(exchange: Exchange) -> bool:
    """Whether a request may be a health check: in these cases nothing else is a GET."""
    return not generates(exchange)


def unwell(fault: Fault) -> Aimed:
    """A server that generates well, while its health checks fail."""
    return Aimed(fault, fits=checks)


BAD = {
    "error": variant(fault=unwell(breaking.status(503))),
    "silent": variant(fault=unwell(breaking.SILENT)),
}


@scenario(
    claim="A server whose health checks fail is given no more requests while others are well.",
    advice="A server is given requests although its health checks fail. Make the checks (each "
    "with a time-out), and choose among the servers that passed the last one.",
    level=Level.SHOULD,
    needs={Feature.HEALTH_CHECKS},
    evidence=EVIDENCE,
    killed_by={"ignores-health"},
    variants=BAD,
)
async def unwell_is_passed_over(run: Run, fault: Fault) -> None:
    """The favourite becomes unwell."""
    server = await run.favourite()
    clock = run.fleet.clock
    began = clock.now()
    await run.behave(fault, server, may_miss=True)
    passed = await _passed_over(run, server)
    run.note(
        f"when {server.name}, unwell, was passed over by {IN_A_ROW} requests in a row",
        passed is not None,
        f"within {WITHIN_S:g} s",
        "never" if passed is None else f"after {passed - began:.1f} s",
        sure=True,
    )
    if passed is not None:
        run.figure("time until it was passed over", passed - began, "s")


@scenario(
    claim="A server whose health checks failed is given requests again when they pass.",
    advice="A server whose health checks failed once is never used again although they pass. Go on "
    "checking servers that are not well, and believe the first check, or the first few, that pass.",
    needs={Feature.HEALTH_CHECKS},
    evidence=EVIDENCE,
    killed_by={"never-well"},
)
async def well_again(run: Run) -> None:
    """It is unwell until that is noticed: others may be asked for a while before anybody knows."""
    server = await run.favourite()
    await run.behave(unwell(breaking.status(503)), server, may_miss=True)
    await _checked(run, server)
    await _passed_over(run, server)
    await run.behave(QUICK, server)
    took = await crowd.rounds(
        run,
        lambda answers: crowd.served(run, answers)[server.name] > 0,
        seconds=WITHIN_S,
        tokens=30,
    )
    run.note(
        f"when {server.name}, well again, completed an answer",
        took is not None,
        f"within {WITHIN_S:g} s",
        "never" if took is None else f"after {took:.1f} s",
        sure=True,
    )
    if took is not None:
        run.figure(f"time until {server.name} served again", took, "s")


@scenario(
    claim="While one server is unwell, no request fails.",
    advice="Requests fail because one server's health is bad. Give them to the others.",
    needs={Feature.HEALTH_CHECKS},
    evidence=EVIDENCE,
    killed_by={"one-bad-all-bad"},
)
async def one_unwell(run: Run) -> None:
    """Its health checks fail, and requests are made before and after that is noticed."""
    server = await run.favourite()
    await run.behave(unwell(breaking.status(503)), server, may_miss=True)
    for _ in range(3):
        for answer in await crowd.one_by_one(run, 2, tokens=4):
            run.good(answer, "an answer while one server is unwell")
        await _checked(run, server)


@scenario(
    claim="While the health checks of all servers fail, requests are still sent to them.",
    advice="When no server is well the checks are more likely wrong than all servers: it may be "
    "better to try one than to refuse everybody.",
    level=Level.TELL,
    needs={Feature.HEALTH_CHECKS},
    evidence=EVIDENCE,
    killed_by={"fails-closed"},
)
async def all_unwell(run: Run) -> None:
    """Generating works; only the checks fail."""
    await run.behave(unwell(breaking.status(503)))
    for server in run.servers:
        await _checked(run, server)
    run.good(await run.talk(tokens=4), "an answer while all servers are unwell")


@scenario(
    claim="An answer in progress comes to its end although the health checks of its server fail "
    "meanwhile.",
    advice="A stream is cut because its server, which is busy with it, fails its health checks. "
    "Let bad health keep new requests away, and let those in progress end by themselves.",
    level=Level.SHOULD,
    needs={Feature.HEALTH_CHECKS},
    evidence=EVIDENCE,
    killed_by={"cuts-unwell"},
)
async def busy_is_not_cut(run: Run) -> None:
    """A stream, and checks that are not answered as long as it lasts."""
    await run.behave(Normal(tokens_per_sec=STREAM_TOKENS / STREAM_S))
    session = run.start(tokens=STREAM_TOKENS, patience=STREAM_S + run.patience)
    await run.started(session)
    await run.behave(unwell(breaking.SILENT), may_miss=True)
    (answer,) = await run.together(session)
    run.good(answer, "the stream whose server was not well")


@scenario(
    claim="Health checks are made by the clock, not for each request.",
    advice="Servers are asked for their health for each request, which makes every request wait "
    "and every server work. Check them at intervals, beside the traffic.",
    level=Level.SHOULD,
    needs={Feature.HEALTH_CHECKS},
    evidence=EVIDENCE,
    options=("--check=0.5",),
    killed_by={"checks-each-time"},
)
async def checks_by_the_clock(run: Run) -> None:
    """A quiet second, and a busy one."""
    clock = run.fleet.clock
    began = clock.now()
    await run.sleep(1.0)
    quiet = len(_checks_since(run, began)) / (clock.now() - began)
    began = clock.now()
    answers = await crowd.one_by_one(run, 30, seconds=10.0, pause=0.0, tokens=1)
    took = clock.now() - began
    busy = len(_checks_since(run, began))
    run.note(
        f"health checks while {len(answers)} requests were made in {took:.1f} s",
        busy <= 2 * quiet * took + 6 or busy < len(answers),
        f"about {quiet * took:.0f}, as without them",
        busy,
    )
    run.figure("health checks of each server", quiet / len(run.servers), "1/s")


async def _passed_over(run: Run, server: SimServer) -> float | None:
    """Ask until a server is passed over. Returns since when it was; None if it never is."""
    clock = run.fleet.clock
    until = clock.now() + WITHIN_S * run.scale

    def row(answers: list[Answer]) -> bool:
        last = answers[-IN_A_ROW:]
        return len(last) == IN_A_ROW and not crowd.given(run, last)[server.name]

    def enough(answers: list[Answer]) -> bool:
        if row(answers):
            return True
        over = clock.now() > until and len(answers) >= ASKED
        return over and crowd.given(run, answers[-1:])[server.name] > 0

    # A row that began in time is waited for, and on a slow machine there is time for several.
    answers = await crowd.one_by_one(run, 10_000, enough=enough, seconds=4 * WITHIN_S, tokens=1)
    return answers[-IN_A_ROW].asked_at if row(answers) else None


def _checks_since(run: Run, t: float, server: SimServer | None = None) -> list[Asked]:
    return [
        each
        for each in run.fleet.journal.where(Asked)
        if each.t >= t
        and each.method in ("GET", "HEAD")
        and (server is None or each.server == server.name)
    ]


async def _checked(run: Run, server: SimServer) -> None:
    """Wait until a server was checked from now on, and what that tells can be known."""
    began = run.fleet.clock.now()
    await run.until(lambda: len(_checks_since(run, began, server)) > 0)
    await run.sleep(0.1)
