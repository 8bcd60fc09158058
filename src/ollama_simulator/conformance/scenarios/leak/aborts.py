"""After many requests that ended badly a balancer is as good as before them.

Sources: design document 3.2, S16.
"""

import random

from ollama_simulator.acts import How
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.leak.storm import (
    as_before,
    batch,
    held,
    settled,
    storm,
    upstream,
)
from ollama_simulator.faults.empty_reply import EmptyReply
from ollama_simulator.faults.fail_mid_stream import FailMidStream
from ollama_simulator.faults.http_error import HttpError
from ollama_simulator.faults.normal import Normal

LEAVERS = 45
FAILURES = 32
"""Half of them fail."""
POOL = 12
"""Idle connections to servers that a pool may have grown by."""
FILES = 20
"""Open files that a balancer may have grown by."""
AGAIN_S = 12.0
"""Seconds in which servers that failed must be used again."""
STREAMING = Normal(tokens_per_sec=200, num_tokens=2000)
SILENT = Normal(tokens_per_sec=200, num_tokens=2000, prompt_eval_tokens_per_sec=4)

EVIDENCE = [
    "BerriAI/litellm#19549",
    "BerriAI/litellm#21213",
    "BerriAI/litellm#6284",
    "BerriAI/litellm#14895",
    "BerriAI/litellm#1360",
    "haproxy/haproxy#1003",
]
LOST = (
    "Give back what a request took (its server, its place, its connection) on every way out, "
    "that of a client that left before or in its answer, too."
)
SOCKETS = "Close the client's connection, too, when it has ended, and whatever belonged to it."


@scenario(
    claim="After many clients that left, requests are answered as well as before, and no "
    "connection of those that left is still open.",
    advice=LOST,
    evidence=EVIDENCE,
    timeout=1.0,
    variants={
        "in-a-stream": variant(
            behavior=STREAMING, tokens=(1, 2, 5), killed_by={"forgets-upstream", "stays-busy"}
        ),
        "before-an-answer": variant(behavior=SILENT, tokens=(0,)),
        "at-any-time": variant(behavior=STREAMING, tokens=(0, 0, 1, 3)),
    },
    killed_by={"forgets-upstream"},
)
async def clients_that_left(run: Run, behavior: Normal, tokens: tuple[int, ...]) -> None:
    """Forty-five requests, three at a time, each left with FIN or RST."""
    chance = random.Random("leavers")
    ends = [(chance.choice(tokens), chance.choice([How.FIN, How.RST])) for _ in range(LEAVERS)]
    good, took = await batch(run)
    before = held(run)
    await run.behave(behavior)

    async def leaver(number: int) -> None:
        wanted, how = ends[number]
        session = run.start(tokens=2000)
        await run.until(
            lambda: (
                len(session.answer.tokens()) >= wanted
                if wanted
                else bool(run.attempts(session.answer))
            ),
            session,
            seconds=0.5,
        )
        await session.leave(how)
        await run.sleep(0.01)

    await storm(run, LEAVERS, leaver)
    # What was not closed by now is held by the balancer, or our own machine is behind.
    limit = (run.timeout + 5.0) * run.scale
    bound = before.upstream + POOL
    left_at = run.fleet.clock.now()
    await run.until(lambda: upstream(run) <= bound, seconds=limit)
    after = await settled(run, (before.descriptors or 0) + FILES, left_at + limit)
    run.figure("requests that reached a server", sum(bool(run.attempts(a)) for a in run.answers))
    run.figure("connections to servers, before", before.upstream)
    run.figure("connections to servers, after", after.upstream)
    closed = run.in_time(
        f"connections to servers after {LEAVERS} clients left",
        after.upstream <= bound,
        f"at most {bound} within {limit:g} s",
        after.upstream,
        tolerance=limit,
        since=left_at,
        advice="Close the connection to a server when its client has left.",
        sure=True,
    )
    if before.descriptors is not None and after.descriptors is not None:
        run.figure("open files, before", before.descriptors)
        run.figure("open files, after", after.descriptors)
        run.note(
            f"open files and sockets after {LEAVERS} clients left",
            after.descriptors <= before.descriptors + FILES,
            f"at most {before.descriptors + FILES}",
            after.descriptors,
            advice=SOCKETS,
        )
    if not closed:
        return
    await run.behave(Normal(tokens_per_sec=400))
    # One that waits for silent servers in vain may pass them over for a while.
    good_after, took_after = await as_before(run, good, AGAIN_S)
    run.note(
        f"good answers of three at once, within {AGAIN_S:g} s after they left",
        good_after >= good,
        f"at least {good}, as before",
        good_after,
    )
    run.soon_enough("the slowest of them", took_after, took + 1.0)


@scenario(
    claim="After many failures of servers, requests are answered as well as before, and no "
    "connection to a server is left over.",
    level=Level.SHOULD,
    advice="Give back what a request took (its server, its place, its connection) on every way "
    "out: of an error status, a broken answer and a connection that was closed, too.",
    evidence=["LiveBench/LiveBench#523", *EVIDENCE],
    variants={
        "refused": variant(fault=HttpError(429, "too many requests"), killed_by={"leaks-refused"}),
        "broken": variant(fault=FailMidStream(tokens_before_fail=2)),
        "empty": variant(fault=EmptyReply()),
    },
    killed_by={"leaks-failed"},
)
async def failures(run: Run, fault: HttpError | FailMidStream | EmptyReply) -> None:
    """Every second of 32 answers fails, whoever serves it."""
    good, took = await batch(run)
    before = upstream(run)
    await run.take_turns(*[fault, None] * (FAILURES // 2))

    async def one(number: int) -> None:
        await run.talk(tokens=4)

    await storm(run, FAILURES, one)
    # What is left of the faults strikes nobody, and a balancer may pass servers over for a while.
    for server in run.servers:
        await server.behave(Aimed(Normal(tokens_per_sec=400)))
    bound = before + POOL
    good_after, took_after = await as_before(run, good, AGAIN_S)
    run.note(
        f"good answers of three at once, within {AGAIN_S:g} s after the failures",
        good_after >= good,
        f"at least {good}, as before",
        good_after,
    )
    run.soon_enough("the slowest of them", took_after, took + 1.0)
    await run.until(lambda: upstream(run) <= bound)
    left = upstream(run)
    run.in_time(
        "connections to servers after the failures",
        left <= bound,
        f"at most {bound}",
        left,
        tolerance=run.soon,
        advice="Close the connection to a server whose answer failed.",
    )
