"""A server is slower than the balancer's patience: who works on the request then?"""

from collections import Counter

from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.normal import Normal
from ollama_simulator.records import Left, Released

LATE_S = 2.5
"""How much later than its timeout a balancer may give up."""
EVIDENCE = (
    "NatLabRockies/api-umbrella#18",
    "nearai/nearai#805",
    "pleaseai/shunt#126",
    "tombii/better-ccflare#465",
    "azrtydxb/Fastllm-proxy#21",
)


def asked_once(run: Run, answer: Answer) -> None:
    """Check that no server was asked twice for a request."""
    asked = Counter(record.server for record in run.attempts(answer))
    run.note(
        "how often each server was asked for one request",
        max(asked.values(), default=0) <= 1,
        "at most once",
        ", ".join(f"{name}: {count}" for name, count in sorted(asked.items())) or "nobody was",
        advice="After its timeout the balancer sent the request to a server that works on it "
        "already, which then does the work twice. Remember who was tried, and ask another server "
        "or nobody.",
        firm=True,
    )
    run.figure("servers asked for one request", asked.total())


@scenario(
    claim="A request whose server is silent for too long is never sent to that server again.",
    advice="A server that is silent may be generating. Remember who was tried for a request, and "
    "bound how often it is tried at all.",
    evidence=EVIDENCE,
    level=Level.SHOULD,
    needs={Feature.NATIVE, Feature.TIMEOUT},
    killed_by={"retries-the-same"},
    timeout=1.0,
    variants={"one": variant(everybody=False), "all": variant(everybody=True)},
)
async def not_doubled(run: Run, everybody: bool) -> None:
    """One server reads the request and says nothing, or all of them do."""
    if everybody:
        await run.behave(Aimed(Hang()))
    else:
        await run.strike_first(Hang())
    asked_once(run, await run.talk(tokens=4))


@scenario(
    claim="When a balancer gives up a server that is silent, it closes its connection to it, so "
    "that the server can stop working.",
    advice="Close the connection to the server when its timeout has run out, whatever is done "
    "with the request then: as long as it is open, the server goes on working for nobody.",
    evidence=EVIDENCE,
    level=Level.SHOULD,
    needs={Feature.NATIVE, Feature.TIMEOUT},
    killed_by={"abandons-silent"},
    timeout=1.0,
    variants={"stream": variant(stream=True), "whole": variant(stream=False)},
)
async def gives_up_cleanly(run: Run, stream: bool) -> None:
    """All servers need ten seconds for the prompt."""
    await run.behave(Normal(prompt_eval_tokens_per_sec=4))
    answer = await run.talk(stream=stream, tokens=4)
    attempts = run.attempts(answer)
    run.note("servers asked", bool(attempts), "at least one", len(attempts), firm=True)
    for asked in attempts:
        left = await run.fleet.journal.wait_for(Left, run.soon, exchange=asked.exchange)
        run.note(
            f"whether {asked.server} sees that it was given up",
            left is not None,
            f"within {run.soon:g} s of the client's answer",
            "seen" if left else "it is still working",
        )
        if left is not None:
            run.soon_enough(
                f"when {asked.server} was given up", left.t - asked.t, run.timeout + LATE_S
            )
            run.figure(f"{asked.server} worked for nobody", left.t - asked.t, "s")
    wasted = sum(each.wasted_prompt for each in run.fleet.journal.where(Released))
    run.figure("prompt tokens evaluated for nobody", wasted)
