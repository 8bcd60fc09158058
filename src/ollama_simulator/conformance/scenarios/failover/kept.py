"""A server closes a connection that was kept for later: a kind of failure that is none."""

from collections import Counter

from ollama_simulator.acts import How
from ollama_simulator.conformance.answer import Answer, Outcome
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.failover.endings import Rejects, Retires
from ollama_simulator.faults.normal import Normal

EVIDENCE = (
    "envoyproxy/envoy#1979",
    "envoyproxy/envoy#2324",
    "cnighswonger/claude-code-cache-fix#371",
    "aether-lang-dev/aether#1839",
    "aether-lang-dev/aether#1841",
    "fkiene/llmtrim#205",
)
POOL = ("--pool",)
"""The reference balancer keeps connections only when told."""
ROUNDS = 12
"""Whoever chooses one of three servers at random, with those that failed among them, takes the
same one twice so often in a row once in half a million plays."""
TIMES = {
    "fin-at-once": variant(how=How.FIN, seconds=0.0),
    "fin-later": variant(how=How.FIN, seconds=0.1),
    "rst-later": variant(how=How.RST, seconds=0.1),
}
ENDS = {how.value: variant(how=how) for how in How}


@scenario(
    claim="A server that closes an idle connection has not failed: the next request is answered "
    "well.",
    advice="A connection of the pool was used although its server had closed it some time before. "
    "Watch idle connections for their end, drop them from the pool, and connect anew.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE},
    killed_by={"uses-closed-connections"},
    options=POOL,
    variants=TIMES,
)
async def closed_while_idle(run: Run, how: How, seconds: float) -> None:
    """All servers close each connection behind an answer; the next request comes later."""
    await run.behave(Aimed(Retires(how, seconds)))
    for count in range(1, 4):
        answer = await run.talk(tokens=4)
        run.good(answer, f"answer {count}")
        await run.sleep(0.3)


@scenario(
    claim="A request that meets the end of a kept connection is answered well or fails visibly, "
    "in time.",
    advice="When a kept connection ends as a request is sent on it, connect anew if that is safe, "
    "else answer 502: never wait on it, and never make up an answer.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE, Feature.TIMEOUT},
    killed_by={"waits-on-dead-connections"},
    options=POOL,
    timeout=1.0,
    variants=ENDS,
)
async def race(run: Run, how: How) -> None:
    """A server closes a connection exactly when the next request comes on it."""
    for answer in await _race(run, how):
        visible = answer.outcome in (Outcome.ERROR, Outcome.NONE)
        run.note(
            "how the request ended",
            answer.good or visible,
            "the whole answer, an error status or a closed connection",
            answer.story,
        )
        run.soon_enough("the time of the request", answer.seconds, run.timeout + 2.5)


@scenario(
    claim="A client doesn't notice that its request met the end of a kept connection.",
    advice="Whether a kept connection ends as a request is sent on it is chance. No byte of an "
    "answer came, so whoever retries at all can retry this.",
    evidence=EVIDENCE,
    level=Level.SHOULD,
    needs={Feature.NATIVE},
    wants={Feature.RETRIES},
    killed_by={"blames-kept-connections"},
    options=POOL,
    variants=ENDS,
)
async def race_hidden(run: Run, how: How) -> None:
    """The same, and nobody's client suffers."""
    for count, answer in enumerate(await _race(run, how), 2):
        run.good(answer, f"answer {count}")


async def _race(run: Run, how: How) -> list[Answer]:
    """Have one connection end when the next request comes on it, and ask until one has met it,
    or everybody was asked: who keeps no connections never meets it."""
    await run.take_turns(Retires(how, None))
    run.good(await run.talk(tokens=4), "the answer on a sound connection")
    return [await run.talk(tokens=4) for _ in run.servers]


@scenario(
    claim="A request that a server has read is not sent to that server again when its connection "
    "ends without an answer.",
    advice="The HTTP library sends a request again by itself when a kept connection ends without "
    "an answer, although its server has read it: the model works twice. A POST is not idempotent "
    "(RFC 9110, 9.2.2); switch that off, and ask another server or answer 502.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE},
    killed_by={"resends-on-kept"},
    options=POOL,
    timeout=1.0,
    variants=ENDS,
)
async def not_sent_again(run: Run, how: How) -> None:
    """A good answer, then a request that is read and not answered. A library does it always;
    one that retries may choose the same server by chance, so a single round proves nothing."""
    twice = 0
    seen = ""
    for count in range(1, ROUNDS + 1):
        await run.behave(QUICK)
        await run.talk(tokens=4)
        await run.take_turns(Rejects(how))
        answer = await run.talk(tokens=4)
        asked = Counter(record.server for record in run.attempts(answer))
        seen = ", ".join(f"{name}: {times}" for name, times in sorted(asked.items()))
        if max(asked.values(), default=0) < 2:
            break
        twice = count
    run.note(
        "how often in a row the same server was asked for a request twice",
        twice < ROUNDS,
        f"less than {ROUNDS} times",
        f"{twice} times; in the last round {seen}",
        firm=True,
    )


@scenario(
    claim="Whatever became of the request before it, a client gets the answer to its own request.",
    advice="A client got the answer to somebody else's request: a connection to a server was used "
    "again while the answer to the request before was still to come on it. Keep a connection only "
    "when its answer was read to its end; after a timeout, an error or a client that left, close "
    "it.",
    evidence=("redis/redis-py#2624",),
    needs={Feature.NATIVE},
    killed_by={"keeps-unread-connections"},
    options=POOL,
    timeout=1.0,
    variants={
        "left": variant(rate=40, leaves=True),
        "timed-out": variant(rate=16, leaves=False, needs={Feature.TIMEOUT}),
    },
)
async def own_answer(run: Run, rate: float, leaves: bool) -> None:
    """Every server is slow to read a prompt, and its client leaves or its balancer gives up; then
    others ask, at once and one after the other."""
    await run.behave(Normal(tokens_per_sec=200, prompt_eval_tokens_per_sec=rate))
    slow = [run.start(tokens=8) for _ in run.servers]
    for session in slow:
        await run.reached(session)
    if leaves:
        await run.sleep(0.1)
        for session in slow:
            await session.leave()
    else:
        await run.together(*slow)
    await run.behave(QUICK)
    answers = await run.together(*(run.start(tokens=6) for _ in run.servers))
    answers += [await run.talk(tokens=6) for _ in run.servers]
    for answer in answers:
        content = answer.content()
        run.note(
            f"the text of answer {answer.label}",
            answer.expected.startswith(content),
            f"a beginning of {answer.expected!r}",
            next(
                (f"that of {each.label}" for each in run.answers if content == each.expected),
                repr(content),
            ),
        )
