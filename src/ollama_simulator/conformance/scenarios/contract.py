"""What only some balancers promise: one request at a time, 503 when busy, 502 on failure."""

from collections import Counter

from ollama_simulator.acts import How
from ollama_simulator.conformance.dialect import PATHS
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.failover.endings import Rejects
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.fault import Fault
from ollama_simulator.faults.hang import Hang
from ollama_simulator.faults.normal import Normal
from ollama_simulator.records import Asked, Finished

STEADY = Normal(tokens_per_sec=40)


@scenario(
    claim="A server is never asked to generate while it generates for somebody else.",
    advice="Mark a server as busy before the first byte is sent to it, in one step with choosing "
    "it, and free it when its answer is over.",
    needs={Feature.NATIVE, Feature.EXCLUSIVE},
    killed_by={"always-first"},
)
async def one_at_a_time(run: Run) -> None:
    """Nine requests at once, for three servers."""
    await run.behave(STEADY)
    answers = await run.together(*(run.start(tokens=6) for _ in range(9)))
    running: Counter[str] = Counter()
    generating: set[int | None] = set()
    most = 0
    for record in run.fleet.journal.records:
        if isinstance(record, Asked) and record.target in PATHS:
            generating.add(record.exchange)
            running[record.server] += 1
            most = max(most, running[record.server])
        elif isinstance(record, Finished) and record.exchange in generating:
            running[record.server] -= 1
    run.note("requests at once on one server", most == 1, "1", most, firm=True)
    good = sum(answer.good for answer in answers)
    run.note("answers that are whole", good >= 3, "at least 3", good, firm=True)


@scenario(
    claim="While every server is busy, a request is soon refused with 503, and nobody else "
    "suffers.",
    advice="When no server is free answer 503, not another status, and don't let the request wait.",
    needs={Feature.NATIVE, Feature.EXCLUSIVE, Feature.REFUSES_BUSY},
    killed_by={"ok-for-busy", "waits-when-busy"},
)
async def busy_503(run: Run) -> None:
    """Three long answers, and a fourth request."""
    await run.behave(STEADY)
    sessions = []
    for _ in run.servers:
        sessions.append(run.start(tokens=100))
        await run.started(sessions[-1])
    refused = await run.talk(tokens=2)
    run.check("the status of the fourth request", refused.status, 503, firm=True)
    run.soon_enough("when it was refused", refused.seconds, 1.5)
    run.check("servers asked for it", len(run.attempts(refused)), 0, firm=True)
    for answer in await run.together(*sessions):
        run.good(answer, f"answer {answer.label}")


@scenario(
    claim="A request whose server fails before its answer is answered 502, and nobody else is "
    "asked.",
    advice="Answer 502 with a sentence that says what went wrong, and leave it to the client "
    "whether to ask again.",
    needs={Feature.NATIVE, Feature.BAD_GATEWAY},
    timeout=1.0,
    killed_by={"retries-elsewhere"},
    variants={
        "refused": variant(fault=ConnectionRefused(), killed_by={"hangs-up-on-failure"}),
        "reset": variant(fault=Rejects(How.RST)),
        "closed": variant(fault=Rejects(How.FIN)),
        "silent": variant(fault=Hang(), needs={Feature.TIMEOUT}),
    },
)
async def failure_502(run: Run, fault: Fault) -> None:
    """Whoever is asked first fails; where nobody can be asked, all do."""
    if isinstance(fault, ConnectionRefused):
        await run.behave(fault)
    else:
        await run.take_turns(fault)
    answer = await run.talk(tokens=2)
    run.check("the status", answer.status, 502, firm=True)
    attempts = len(run.attempts(answer))
    run.note("servers asked", attempts <= 1, "at most 1", attempts, firm=True)


@scenario(
    claim="While every server is busy, requests wait for one, and all are answered.",
    advice="Keep requests until a server is free, wake them one by one, and don't lose any when "
    "several become free at once.",
    needs={Feature.NATIVE, Feature.QUEUES},
    killed_by={"queues-one"},
)
async def queue(run: Run) -> None:
    """Nine requests at once, for three servers."""
    await run.behave(Normal(tokens_per_sec=40))
    answers = await run.together(*(run.start(tokens=6) for _ in range(9)))
    for answer in answers:
        run.good(answer, f"answer {answer.label}")
    run.figure("longest time of a request", max(answer.seconds for answer in answers), "s")
