"""A client leaves before a server works for it: within its request, or in a queue.

Sources: design document 3.2, S15.
"""

from ollama_simulator.acts import How
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.cancel.leaving import free_at
from ollama_simulator.faults.normal import Normal
from ollama_simulator.records import Asked, Received


@scenario(
    claim="A request that its client breaks off within the body is never sent on as if it were "
    "whole, and leaves no server waiting.",
    advice="Read a request's body to the end that its framing declares. When the connection ends "
    "before, drop the request and close the connection to its server.",
    evidence=["linkerd/linkerd2#986"],
    timeout=1.0,
    killed_by={"sends-halves"},
    variants={"length": variant(chunked=False), "chunked": variant(chunked=True)},
)
async def within_a_request(run: Run, chunked: bool) -> None:
    """FIN after half of the body."""
    headers = [("Transfer-Encoding", "chunked")] if chunked else []
    spelled = run.spell(headers=headers)
    half = spelled.body[: len(spelled.body) // 2]
    sent = b"%x\r\n%s\r\n" % (len(half), half) if chunked else half
    since = run.fleet.journal.dropped + len(run.fleet.journal.records)
    session = run.send(spelled, [spelled.head, sent])
    await run.sleep(0.3)
    await session.leave()

    def asked() -> list[Asked]:
        return run.fleet.journal.where(Asked, since=since, method="POST")

    await run.sleep(0.3)
    limit = (run.timeout + 2.5) * run.scale
    await run.until(lambda: not asked() or free_at(run, asked()) is not None, seconds=limit)
    run.note(
        "servers that wait for the rest of a request whose client left",
        not asked() or free_at(run, asked()) is not None,
        "none",
        f"{len(asked())} after {limit:g} s",
        advice="Close the connection to the server when the request to it can't be completed.",
    )
    taken = [
        record.size
        for record in run.fleet.journal.where(Received, since=since)
        if any(record.exchange == each.exchange for each in asked())
    ]
    run.note(
        "requests that a server took for whole",
        not taken,
        "none",
        f"one of {taken} bytes, where {len(spelled.body)} were announced"
        if not chunked
        else f"one of {taken} bytes, whose last chunk never came",
        firm=True,
    )
    run.good(await run.talk(), "a request after it")


@scenario(
    claim="A client that leaves while its request waits for a server is forgotten: no server is "
    "asked for it, and those before and behind it are served.",
    needs={Feature.QUEUES},
    servers=1,
    timeout=4.0,
    advice="Watch the connections of those who wait, too, and take a request out of the queue when "
    "its client leaves; look again when its turn comes.",
    evidence=[
        "ikawrakow/ik_llama.cpp#1929",
        "evenfire-ai/evenfire#671",
        "linkerd/linkerd2#986",
        "llm-d/llm-d-async#299",
    ],
    killed_by={"leavers-take-all"},
    variants={
        "fin": variant(how=How.FIN, killed_by={"asks-for-leavers", "leavers-take-all"}),
        "rst": variant(how=How.RST),
    },
)
async def while_queued(run: Run, how: How) -> None:
    """One is served, three wait, and the second of those leaves."""
    await run.behave(Normal(tokens_per_sec=40))
    running = run.start(tokens=40)
    await run.started(running)
    waiting = []
    for _ in range(3):
        waiting.append(run.start(tokens=5))
        await run.sleep(0.1)
    first, leaver, third = waiting
    run.note(
        "the request of a client that waits for a server",
        leaver.answer.end is None,
        "waiting",
        leaver.answer.story,
        advice="While every server is busy, let requests wait.",
    )
    await leaver.leave(how)
    stay = {"that ran": running, "before it in the queue": first, "behind it in the queue": third}
    answers = await run.together(*stay.values())
    for what, answer in zip(stay, answers, strict=True):
        run.good(answer, f"the answer {what}")
    run.served_by(leaver.answer, what="a client that left the queue")
