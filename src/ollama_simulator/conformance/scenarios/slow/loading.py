"""A model that is not in memory: nothing comes until it is loaded, not even the head.

Sources: design document 3.6, S48. In Ollama a load ends when nobody waits for it any more, so that
each attempt begins anew.
"""

from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.dialect import CHAT, MESSAGES, OPENAI, Dialect
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.cancel.leaving import free_at
from ollama_simulator.faults.normal import Normal
from ollama_simulator.records import ModelLoaded

EVIDENCE = [
    "cline/cline#12839",
    "ParisNeo/lollms_hub#37",
    "rsynnot/magic-lists-for-navidrome#34",
    "ollama/ollama#8470",
    "ollama/ollama-python#314",
]


@scenario(
    claim="While a server loads a model, for less than the timeout, its client waits, and nobody "
    "else is asked.",
    advice="A server that loads a model sends nothing, not even the head: wait for it as long as "
    "the timeout says, and ask nobody else meanwhile.",
    evidence=EVIDENCE,
    timeout=3.0,
    killed_by={"connect-timeout-for-all"},
    variants={
        "chat": variant(dialect=CHAT, stream=True, needs={CHAT.feature}),
        "chat-whole": variant(dialect=CHAT, stream=False, needs={CHAT.feature}),
        "openai": variant(dialect=OPENAI, stream=True, needs={OPENAI.feature}),
        "messages": variant(dialect=MESSAGES, stream=True, needs={MESSAGES.feature}),
    },
)
async def load(run: Run, dialect: Dialect, stream: bool) -> None:
    """A load of 1.3 s."""
    await run.behave(Normal(tokens_per_sec=400, load_delay_ms=1300))
    answer = await run.talk(dialect, stream=stream, tokens=8)
    _loads(run, answer)
    run.good(answer)
    run.check("servers asked while the model is loaded", len(run.attempts(answer)), 1, firm=True)


@scenario(
    claim="A load that takes longer than the timeout ends for its client in a visible way, after "
    "at most two tries for each server.",
    level=Level.SHOULD,
    needs={Feature.TIMEOUT},
    advice="Give up after a bounded number of tries and tell the client so: each try begins the "
    "load anew, so that trying for ever never ends. A longer timeout is what helps.",
    evidence=EVIDENCE,
    timeout=1.0,
    killed_by={"retries-for-ever"},
)
async def load_too_long(run: Run) -> None:
    """One and a half times the timeout; the client tries twice."""
    await run.behave(Normal(tokens_per_sec=400, load_delay_ms=int(1500 * run.scale)))
    longest = (len(run.servers) * 2 * run.timeout + 2.5) * run.scale
    tries = 0
    begun: list[int] = []
    answer: Answer | None = None
    while tries < 2 and (answer is None or not answer.good):
        tries += 1
        answer = await run.talk(tokens=8, patience=longest)
        begun.append(len(run.attempts(answer)))
        visible = answer.end is not None and answer.outcome.name not in ("HANG", "SILENT")
        run.note(f"try {tries}", visible, "an answer or a visible failure", answer.story)
        bounded = run.note(
            f"servers asked in try {tries}",
            begun[-1] <= 2 * len(run.servers),
            f"at most {2 * len(run.servers)}",
            begun[-1],
            firm=True,
        )
        if not visible or not bounded:
            break
    run.figure("tries of the client", tries)
    run.figure("answered in the end", float(answer is not None and answer.good))
    run.figure("loads begun", sum(begun))
    run.figure("loads finished", len(run.fleet.journal.where(ModelLoaded)))


@scenario(
    claim="A client that gives a load up again and again gets its answer when it waits at last.",
    advice="Free the server of a client that left, while it loads a model, too.",
    evidence=["rsynnot/magic-lists-for-navidrome#34", "cline/cline#12839"],
    timeout=2.0,
    killed_by={"stays-busy"},
)
async def impatient_client(run: Run) -> None:
    """Three times it leaves after 0.2 s of 0.6."""
    await run.behave(Normal(tokens_per_sec=400, load_delay_ms=600))
    begun = 0
    for _ in run.servers:
        session = run.start(tokens=8)
        await run.reached(session)
        await run.sleep(0.2)
        await session.leave()
        asked = run.attempts(session.answer)
        begun += len(asked)
        limit = (run.timeout + 2.5) * run.scale
        await run.until(lambda asked=asked: free_at(run, asked) is not None, seconds=limit)
        await run.sleep(0.1)
    answer = await run.talk(tokens=8)
    run.figure("loads begun", begun + len(run.attempts(answer)))
    run.figure("loads finished", len(run.fleet.journal.where(ModelLoaded)))
    run.good(answer, "the answer of the client that waits at last")


def _loads(run: Run, answer: Answer) -> None:
    run.figure("loads begun", len(run.attempts(answer)))
    run.figure("loads finished", len(run.fleet.journal.where(ModelLoaded)))
