"""Requests that no server would answer: they are not retried."""

from ollama_simulator.conformance.dialect import CHAT, OPENAI, Dialect
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.saying import error
from ollama_simulator.conformance.scenario import scenario, variant

EVIDENCE = ("agent0ai/agent-zero#1857", "routatic/proxy#108", "open-ace/open-ace#2003")
WORDS = {
    400: "invalid options: num_ctx",
    401: "unauthorized",
    403: "forbidden",
    404: "no such thing",
    413: "request too large",
    422: "input does not fit the schema",
}
NATIVE = {
    str(status): variant(
        status=status,
        dialect=CHAT,
        needs={Feature.NATIVE, Feature.PASSTHROUGH},
        # Whoever has several credentials may have a reason to try the next one.
        level=Level.SHOULD if status in (401, 403) else None,
    )
    for status in (400, 401, 403, 413, 422)
}
COMPATIBLE = {
    f"openai-{status}": variant(
        status=status, dialect=OPENAI, needs={Feature.OPENAI}, level=Level.SHOULD
    )
    for status in (400, 413, 422)
}


@scenario(
    claim="An answer that finds fault with the request reaches its client, and no second server is "
    "asked.",
    advice="A 4xx says that the request is wrong: every other server would say so, too. Retry "
    "only what may succeed elsewhere (no connection, no answer, 502, 503), and pass a 4xx on with "
    "its body.",
    evidence=EVIDENCE,
    killed_by={"retries-client-errors"},
    variants=NATIVE | COMPATIBLE,
)
async def refused_once(run: Run, status: int, dialect: Dialect) -> None:
    """The server that is asked refuses; all others would answer."""
    said = error(status, WORDS[status])
    await run.take_turns(said)
    answer = await run.talk(dialect, tokens=2)
    run.check("servers asked", len(run.attempts(answer)), 1, firm=True)
    run.check("the status that the client gets", answer.status, status)
    if Feature.PASSTHROUGH in run.subject.features:
        run.check("the body that the client gets", answer.body, said.body)


@scenario(
    claim="When all servers answer 404, so does the balancer, and each was asked once at most.",
    advice="Another server may have what this one misses, but when none has it the client must "
    "read so: pass the 404 on with its body, not an error of your own.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE, Feature.PASSTHROUGH},
    killed_by={"own-status-for-client-errors"},
)
async def missing(run: Run) -> None:
    """Nobody has it."""
    said = error(404, WORDS[404])
    await run.behave(Aimed(said))
    answer = await run.talk(tokens=2)
    asked = [record.server for record in run.attempts(answer)]
    run.note("who was asked", 0 < len(asked) == len(set(asked)), "each server at most once", asked)
    run.check("the status that the client gets", answer.status, 404)
    run.check("the body that the client gets", answer.body, said.body)


@scenario(
    claim="However many requests servers refuse for a fault of the request, they are asked again.",
    advice="A 4xx was counted as a failure of its server, so one client's bad requests took the "
    "servers away from everybody. Count only what is the server's failure.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE},
    killed_by={"bans-on-client-errors"},
    variants={str(status): variant(status=status) for status in (400, 404)},
)
async def nobody_banned(run: Run, status: int) -> None:
    """Six requests are refused by whoever is asked; the next one is sound."""
    await run.behave(Aimed(error(status, WORDS[status])))
    for _ in range(6):
        await run.talk(tokens=2)
    await run.behave(QUICK)
    run.good(await run.talk(tokens=2), "the answer to a sound request")
