"""A server falls silent when a part of its answer has reached the client, and stays."""

from ollama_simulator.conformance.answer import Outcome
from ollama_simulator.conformance.dialect import Dialect
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario
from ollama_simulator.conformance.scenarios.failover.endings import Stalls
from ollama_simulator.conformance.scenarios.failover.midway import SPOKEN

EARLY_S, LATE_S = 0.2, 2.5
"""How much sooner or later than the timeout a balancer may give up, in seconds."""


@scenario(
    claim="A server that falls silent within an answer is given up after the timeout, and its "
    "client is told.",
    advice="The timeout holds only until an answer begins: a stream that stalls lasts until its "
    "client leaves. Bound the silence between two reads of the body as well, and cut the client's "
    "connection when it is over.",
    evidence=("ollama/ollama#14420", "kortix-ai/suna#3696"),
    wants={Feature.STALL_TIMEOUT},
    killed_by={"no-stall-timeout"},
    timeout=1.0,
    variants=SPOKEN,
)
async def stalled(run: Run, dialect: Dialect) -> None:
    """One server falls silent after three tokens of twenty."""
    await run.take_turns(Stalls(3))
    answer = await run.talk(dialect, tokens=20)
    run.soon_enough(
        "when the stream that stalled ended",
        answer.seconds,
        run.timeout + LATE_S,
        least=run.timeout - EARLY_S,
    )
    run.note(
        "the outcome of the stream that stalled",
        answer.outcome is not Outcome.COMPLETE and answer.outcome is not Outcome.HANG,
        "an error, or a connection that ends too early",
        answer.story,
    )
    run.figure("seconds until the client knew", answer.seconds, "s")
