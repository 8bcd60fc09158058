"""One server of three is dead, in each of the ways in which a machine can be."""

from ollama_simulator.conformance.answer import Answer, Outcome
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.failover.endings import Resets
from ollama_simulator.conformance.session import Session
from ollama_simulator.faults.connect_timeout import ConnectTimeout
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.frozen import Frozen
from ollama_simulator.faults.hang import Hang
from ollama_simulator.net import kernel

EVIDENCE = ("vllm-project/production-stack#749", "ParisNeo/lollms_hub#37")
LATE_S = 2.5
"""How much later than its timeout a balancer may give up."""
TRIES = 13
"""Whoever takes one of three servers at random meets the dead one so often in a row once in a
million plays."""
CONNECT_S = 1.0
"""How long a connection takes that is never made, at least as long as balancers wait for it."""
ALIKE = 0.1
"""By how much of their time requests may differ that wait for the same, each for itself."""

QUICK_DEATHS = {
    "refused": variant(fault=ConnectionRefused()),
    "reset": variant(fault=Resets()),
}
SLOW_DEATHS = {
    "silent": variant(fault=Hang(), needs={Feature.TIMEOUT}),
    "frozen": variant(fault=Frozen(), needs={Feature.TIMEOUT}),
}
if kernel.CAN_BE_DEAF:
    SLOW_DEATHS["unreachable"] = variant(fault=ConnectTimeout(), needs={Feature.TIMEOUT})
MEANT = {
    "refused": {Feature.RETRIES},
    "reset": {Feature.RETRIES},
    "silent": {Feature.RETRIES_SILENT},
    "frozen": {Feature.RETRIES_SILENT},
    "unreachable": {Feature.RETRIES, Feature.RETRIES_SILENT},
}
"""Whoever claims these sends such a request to another server."""


async def kill(run: Run, fault: Fault) -> None:
    """Have the server die that the balancer likes best."""
    victim = await run.favourite(tokens=2)
    # A balancer that asks for its servers' health may know before it asks for anything else.
    await run.behave(fault, victim, may_miss=True)


@scenario(
    claim="While one of its servers is dead, a balancer does not fail every request: some reach "
    "the sound ones.",
    advice="Every request went to the server that is dead, or to nobody. Pass a server over for a "
    "while that could not be connected to, that reset, or that was silent for too long, but not "
    "the others with it; or send the request, with its whole body, to another one.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE},
    killed_by={"never-marks"},
    timeout=1.0,
    variants=QUICK_DEATHS | SLOW_DEATHS,
)
async def others_answer(run: Run, fault: Fault) -> None:
    """The favourite dies; we ask until an answer is good."""
    await kill(run, fault)
    answer: Answer | None = None
    died = run.fleet.clock.now()
    for failures in range(TRIES):
        answer = await run.talk(tokens=2)
        if answer.good:
            run.figure("failed requests before a good one", failures)
            run.figure("time until one was good", answer.ended_at - died, "s")
            break
        run.note(
            "how a request that failed ended",
            answer.outcome in (Outcome.ERROR, Outcome.NONE, Outcome.CUT, Outcome.IN_BAND),
            "an error that the client can see",
            answer.story,
            advice="A request whose server is dead must end in an error status, or at least in a "
            "closed connection, when the timeout has run out. This one's client was left waiting, "
            "or was told that all is well.",
            firm=True,
        )
    run.note(
        "requests until one was answered well",
        answer is not None and answer.good,
        f"at most {TRIES}",
        f"none of {TRIES}",
        firm=True,
    )


@scenario(
    claim="A request whose server is dead is given up after the timeout, not later.",
    advice="Bound the time for a connection, and the silence before the answer, by the timeout; "
    "what is tried afterwards must be bounded, too.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE, Feature.TIMEOUT},
    killed_by={"no-timeout"},
    timeout=1.0,
    variants={name: how for name, how in SLOW_DEATHS.items() if name != "unreachable"}
    | {
        name: variant(fault=ConnectTimeout(), killed_by={"no-connect-timeout"})
        for name in SLOW_DEATHS
        if name == "unreachable"
    },
)
async def given_up_in_time(run: Run, fault: Fault) -> None:
    """The favourite dies; four requests, one after the other."""
    await kill(run, fault)
    for count in range(1, 5):
        answer = await run.talk(tokens=2)
        run.soon_enough(f"the time of request {count}", answer.seconds, run.timeout + LATE_S)
        if answer.seconds > run.timeout + LATE_S:
            break


def unlike(first: Answer, others: list[Answer]) -> float:
    """By how much of its time requests that were asked for while the first waited, and that ended
    after it, took longer or shorter than it did; 1 if they are too few or too close to tell.

    Whoever sends all to the dead server chooses badly, but there each waits for itself: it takes as
    long as the first did. Behind a lock, they end one after the other when the first has failed, or
    each a whole wait after the one before.
    """
    held = [each for each in others if each.ended_at >= first.ended_at]
    if len(held) < 2 or held[-1].asked_at - first.asked_at < 0.6 * first.seconds:
        return 1.0
    return max(abs(each.seconds - first.seconds) for each in held) / first.seconds


@scenario(
    claim="While a request waits for a server that is dead, others are answered by the sound ones.",
    advice="One request that waits for a dead server holds up all the others: a lock, a thread or "
    "a blocking call is held while the balancer waits for a server. Wait for each server on its "
    "own.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE},
    killed_by={"one-for-all"},
    variants=SLOW_DEATHS,
)
async def no_head_of_line(run: Run, fault: Fault) -> None:
    """The favourite dies; while a request hangs, we ask until another one is answered."""

    def only_slow(session: Session) -> bool:
        return session.answer.seconds <= run.timeout / 2

    await kill(run, fault)
    sessions: list[Session] = []
    waiting: Session | None = None
    wait = CONNECT_S if isinstance(fault, ConnectTimeout) else run.timeout
    asked = 0
    for _ in range(2 * TRIES):
        session = run.start(tokens=2)
        sessions.append(session)
        # Eight close together, then far apart: whoever answers those that it kept waiting one after
        # the other, at whatever pace, can't keep these distances.
        asked = 0 if waiting is None else asked + 1
        await run.until(session.task.done, seconds=(0.3 if asked >= 8 else 0.06) * wait)
        if waiting is not None and waiting.task.done():
            if not only_slow(waiting):
                break
            waiting = None
        if waiting is not None and session.answer.good:
            break
        if waiting is None and not session.task.done():
            waiting = session
    await run.together(*sessions)
    if waiting is None or only_slow(waiting):
        run.check("requests that waited for the dead server", 0, 0)
        return
    first = waiting.answer
    later = [each.answer for each in sessions if each.answer.asked_at > first.asked_at]
    early = [each for each in later if each.good and each.ended_at < first.ended_at]
    apart = unlike(
        first, [each for each in later if each.asked_at < first.ended_at - 0.15 * first.seconds]
    )
    longest = max((each.seconds for each in later), default=0.0)
    soon = min((each.seconds for each in early), default=first.seconds)
    run.figure("time of an answer meanwhile", soon, "s")
    run.in_time(
        f"requests asked for while one waited {first.seconds:.2f} s for the dead server",
        bool(early) or apart < ALIKE,
        "one answered before that ended, or each waiting for as long by itself",
        f"{len(early) or 'none'} of {len(later)} answered before; they took "
        f"{min((each.seconds for each in later), default=0.0):.2f} to {longest:.2f} s",
        tolerance=min(apart, 0.5) * first.seconds,
    )


@scenario(
    claim="While one of three servers is dead, no client notices.",
    advice="No byte of an answer came: send the request, with its whole body, to another server, "
    "and pass the dead one over for a while.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE},
    killed_by={"retries-empty"},
    timeout=1.0,
    variants={
        name: variant(**how.arguments, needs=MEANT[name] | how.needs)
        for name, how in (QUICK_DEATHS | SLOW_DEATHS).items()
    },
)
async def hidden(run: Run, fault: Fault) -> None:
    """The favourite dies; ten requests, one after the other."""
    await kill(run, fault)
    worst = 0.0
    for count in range(1, 11):
        answer = await run.talk(tokens=2)
        run.good(answer, f"answer {count}")
        worst = max(worst, answer.seconds)
    run.figure("longest time of a request", worst, "s")
