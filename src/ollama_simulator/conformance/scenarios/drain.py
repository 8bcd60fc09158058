"""Restarts: of the servers one by one, and of the balancer."""

from ollama_simulator.conformance import crowd
from ollama_simulator.conformance.answer import Answer, Outcome
from ollama_simulator.conformance.dialect import CHAT, MESSAGES, OPENAI, Dialect
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal
from ollama_simulator.server import SimServer

BACK_S = 12.0
"""An operator waits for a server to be used again before the next one is restarted: so long."""
WITHIN_S = 33.0
"""As for a single server that recovered (`health.reinstated`)."""
STREAM = Normal(tokens_per_sec=25)
TOKENS = 30

EVIDENCE = (
    "mnfst/llm-gateway#2326",
    "wso2/api-platform#2121",
    "kubernetes-sigs/gateway-api-inference-extension#549",
    "juspay/clairvoyance#964",
    "smg-project/smg#1172",
)
REFUSED = ConnectionRefused()
UNREADY = HttpError(503, "the server is about to restart")


@scenario(
    claim="While the servers are restarted one by one, each of them idle when it goes, no request "
    "fails.",
    advice="A request failed because one server was restarting. Send it to another one, not again "
    "to the one that failed it.",
    needs={Feature.RETRIES},
    evidence=EVIDENCE,
    killed_by={"retries-the-same"},
    variants={
        "refusing": variant(phases=(REFUSED,)),
        "unready": variant(phases=(UNREADY, REFUSED), needs={Feature.RETRIES_5XX}),
    },
)
async def rolling_restart(run: Run, phases: tuple[Fault, ...]) -> None:
    """Requests one after the other, while each server in turn is unready, refuses, is back."""
    for server in run.servers:
        for phase in phases:
            await run.behave(phase, server, may_miss=True)
            for answer in await crowd.one_by_one(run, 4, tokens=4):
                run.good(answer, f"an answer while {server.name} restarts")
        await run.behave(QUICK, server)
        await _back(run, server)


async def _back(run: Run, server: SimServer) -> None:
    """Wait until a server is used again, or it takes too long. That is no claim of this case."""
    await crowd.rounds(
        run,
        lambda answers: crowd.served(run, answers)[server.name] > 0,
        seconds=BACK_S,
        tokens=30,
    )


@scenario(
    claim="When every server has failed once and all are sound again, requests are served again "
    "within 33 s.",
    advice="Every server failed once, all are sound, and nobody is asked any more. When no server "
    "is trusted, try one all the same.",
    evidence=EVIDENCE,
    killed_by={"never-reinstates"},
    variants={"refused": variant(restarts=False), "restarted": variant(restarts=True)},
)
async def all_failed_once(run: Run, restarts: bool) -> None:
    """One by one they are gone while requests come; nobody waits for one to be used again."""
    lost = 0
    for server in run.servers:
        if restarts:
            await server.restart(seconds=0.3)
        else:
            await run.behave(REFUSED, server)
        answers = await crowd.one_by_one(run, 3, tokens=4)
        lost += sum(not answer.good for answer in answers)
        await server.up()
        await run.behave(QUICK, server)
    run.figure("requests lost", lost)
    took = await crowd.rounds(
        run, lambda answers: any(answer.good for answer in answers), seconds=WITHIN_S, tokens=4
    )
    run.note(
        "when a request was served again",
        took is not None,
        f"within {WITHIN_S:g} s",
        "never" if took is None else f"after {took:.1f} s",
        sure=True,
    )
    if took is not None:
        run.figure("time until a request was served again", took, "s")


SPOKEN = {
    each.name: variant(dialect=each, needs={each.feature}) for each in (CHAT, OPENAI, MESSAGES)
}


@scenario(
    ends=True,
    claim="Told to end (SIGTERM), a balancer lets the answers in progress come to their true end.",
    advice="Streams were cut when the balancer was told to end. Stop accepting, let the answers in "
    "progress end by themselves (with a limit), and end then.",
    needs={Feature.DRAINS},
    evidence=EVIDENCE,
    killed_by={"drops-at-the-end"},
    variants=SPOKEN | {"whole-answer": variant(dialect=CHAT, needs={Feature.NATIVE}, stream=False)},
)
async def told_to_end(run: Run, dialect: Dialect, stream: bool = True) -> None:
    """Three answers, of which the streams have begun."""
    for answer in await _ended_midway(run, dialect, stream):
        run.good(answer, "an answer that was in progress")


@scenario(
    ends=True,
    claim="Told to end (SIGTERM) in the middle of an answer, a balancer completes it or visibly "
    "cuts it; it never makes it look complete.",
    advice="Streams that were in progress when the balancer was told to end look complete to their "
    "clients. Close their connections without the last chunk, or let them end.",
    evidence=EVIDENCE,
    killed_by={"ends-cleanly"},
    variants=SPOKEN,
)
async def end_is_no_lie(run: Run, dialect: Dialect) -> None:
    """The same without the claim."""
    for answer in await _ended_midway(run, dialect, stream=True):
        if not _framed(answer):
            # Its end is that of the connection, which the operating system closes like any other.
            run.note("the framing of a stream", True, "any", "none: nothing could tell")
            continue
        run.note(
            "a stream that was in progress",
            answer.good or answer.outcome not in (Outcome.COMPLETE, Outcome.SILENT),
            "complete, or visibly cut",
            answer.story,
        )


async def _ended_midway(run: Run, dialect: Dialect, stream: bool) -> list[Answer]:
    await run.behave(STREAM)
    sessions = []
    for _ in run.servers:
        sessions.append(run.start(dialect, stream=stream, tokens=TOKENS))
        if stream:
            await run.started(sessions[-1], 2)
        else:
            await run.reached(sessions[-1])
    run.subject.terminate()
    answers = await run.together(*sessions)
    good = sum(answer.good for answer in answers)
    run.figure("answers in progress that came to their end", good)
    return answers


def _framed(answer: Answer) -> bool:
    return bool(answer.header("transfer-encoding") or answer.header("content-length"))
