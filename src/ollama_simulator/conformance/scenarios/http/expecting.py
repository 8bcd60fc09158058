"""Clients that ask before they send a body (`Expect: 100-continue`), and servers that refuse one
before they have read it."""

import hashlib

from ollama_simulator.conformance.answer import Outcome
from ollama_simulator.conformance.dialect import CHAT, GENERATE
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.http.odd import Refuses, Swallows
from ollama_simulator.conformance.scenarios.http.sending import Wire, bodies, sent
from ollama_simulator.conformance.spelling import Part

EXPECT = ("Expect", "100-continue")
HOLD_S = 0.4
"""How long our client waits before it sends the body all the same. Curl waits for 1 s."""
STALL_S = 1.0
UNFAIR = {
    "http.expected-body-of-a-server-that-keeps-silent": "Ollama, as every Go program, says 100 "
    "Continue when it reads the body; how long a server may be silent is asked elsewhere.",
}
EVIDENCE = ("haproxy/haproxy#3316", "mitmproxy/mitmproxy#2180", "mockoon/mockoon#1126")
LONG = "a" * 20_000


@scenario(
    claim="The body of a client that asks first, with Expect: 100-continue, arrives whole.",
    advice="A body that follows Expect: 100-continue is lost, or 100 Continue is taken for the "
    "answer: say 100 Continue yourself and drop the header, or pass the server's 100 on and wait "
    "for the status behind it.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"drops-expected-bodies"},
    variants={"prompt": variant(late=0.0), "late": variant(late=0.6)},
)
async def expected_body(run: Run, late: float) -> None:
    """A server that reads at once, and one that makes the client wait."""
    await run.behave(Aimed(Swallows(late)), may_miss=True)
    spelled = run.spell(GENERATE, LONG, stream=False, headers=[EXPECT])
    answer = await sent(run, spelled, [spelled.head, HOLD_S, spelled.body])
    if answer.status == 417:
        run.note("an honest refusal", answer.complete, "417, complete", answer.story)
        return
    run.note("the answer", answer.outcome is Outcome.COMPLETE, "200, complete", answer.story)
    run.check(
        "the bodies that servers received",
        [each.digest for each in bodies(run, answer)],
        [hashlib.sha256(spelled.body).hexdigest()],
        firm=True,
    )


@scenario(
    claim="A client that asks before it sends a body is told within a second to go on, or that "
    "this can't be asked here.",
    level=Level.SHOULD,
    advice="Answer Expect: 100-continue with 100 Continue as soon as the body is wanted: clients "
    "like curl wait for it for a second.",
    needs={Feature.NATIVE},
    evidence=("abhinavsingh/proxy.py#124", "mockoon/mockoon#1126"),
    killed_by={"keeps-expecting"},
)
async def told_to_go_on(run: Run) -> None:
    """The head alone; then the body."""
    spelled = run.spell(CHAT, LONG, stream=False, headers=[EXPECT])
    clock = run.fleet.clock
    async with Wire(run, spelled.asked) as wire:
        begun = clock.now()
        wire.send(spelled.head)
        told = await wire.until(lambda: wire.came, STALL_S * run.scale)
        took = clock.now() - begun
        if told:
            run.figure("until it was told", took * 1000, "ms")
        refused = wire.came.startswith(b"HTTP/1.1 417 ")
        run.in_time(
            "whether the client was told to go on",
            told and (wire.interim or refused),
            f"100 Continue within {STALL_S:g} s",
            repr(wire.came[:40].decode("latin-1")) if wire.came else "nothing",
            tolerance=STALL_S,
        )
        if refused:
            return
        wire.send(spelled.body)
        said = await wire.head()
        run.check("the status of the answer", said.status if said else None, 200)


@scenario(
    claim="A client whose body is refused by the server, before it was read, reads that refusal.",
    level=Level.TELL,
    advice="Read the answer while the body is still being sent: a server that refuses early is "
    "no broken one, and its status is what the client needs to know.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=("haproxy/haproxy#3316",),
    killed_by={"hides-refusals"},
    variants={
        "asking": variant(size=20_000, asks=True),
        "sending": variant(size=20_000),
        "sending-much": variant(size=2_000_000),
    },
)
async def early_refusal(run: Run, size: int, asks: bool = False) -> None:
    """413 from every server, as soon as the head is there."""
    # A balancer that refuses so much itself asks nobody.
    await run.behave(Aimed(Refuses()), may_miss=True)
    spelled = run.spell(
        GENERATE,
        "What is this?",
        stream=False,
        headers=[EXPECT] if asks else [],
        more={"images": ["A" * size]},
    )
    pause: list[Part] = [HOLD_S] if asks else []
    parts = [spelled.head, *pause, spelled.body]
    answer = await sent(run, spelled, parts)
    run.check("the status that the client reads", answer.status, 413)
    run.soon_enough("the time it took", answer.seconds, run.timeout + 2.5)
