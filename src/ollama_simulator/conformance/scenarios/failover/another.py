"""A request whose server failed is sent to another one, if the balancer does that: as it was?"""

import hashlib

from ollama_simulator.acts import How
from ollama_simulator.conformance.dialect import CHAT
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.failover.endings import Rejects
from ollama_simulator.conformance.scenarios.http.sending import bodies, ours, sent, values
from ollama_simulator.faults.connection_refused import ConnectionRefused

TRIES = 13
"""As many as who draws one of three servers at random meets a dead one in a row once in a million
plays."""
TOKEN = "Bearer alice-5f0c1d"


@scenario(
    claim="A request that is sent to another server is sent as its client wrote it: path, headers "
    "and body.",
    advice="A request came to the second server without what it had been: its body was read for "
    "the first one and is gone, or its headers were. Keep the body of a request until its answer "
    "has begun, and write all of it for each server; or don't send it to a second one.",
    evidence=("envoyproxy/envoy#1979",),
    needs={Feature.NATIVE, Feature.PASSTHROUGH},
    killed_by={"retries-empty"},
    options=("--retry",),
    after=("http.body-of-request", "secrets.kept"),
    timeout=1.0,
    variants={
        "refused": variant(fault=ConnectionRefused()),
        "closed": variant(fault=Rejects(How.FIN)),
        "reset": variant(fault=Rejects(How.RST)),
    },
)
async def same_request(run: Run, fault: ConnectionRefused | Rejects) -> None:
    """The favourite fails before its answer. Who asks nobody else has nothing to keep."""
    first = await run.favourite(tokens=2)
    shut = isinstance(fault, ConnectionRefused)
    await run.behave(fault if shut else Aimed(fault), first, may_miss=True)
    right = (CHAT.path, [TOKEN], ["one"], "the body")
    changed = []
    for _ in range(4):
        headers = [("Authorization", TOKEN), ("X-Conversation", "one")]
        spelled = run.spell(CHAT, stream=False, tokens=3, headers=headers)
        digest = hashlib.sha256(spelled.body).hexdigest()
        answer = await sent(run, spelled)
        whole = {each.exchange: each.digest for each in bodies(run, answer)}
        for record in ours(run, answer):
            found = (
                record.target,
                values(record.headers, "authorization"),
                values(record.headers, "x-conversation"),
                "the body" if whole.get(record.exchange) == digest else "another body, or none",
            )
            if record.server != first.name and found != right:
                changed.append((record.server, *found))
    run.check(f"requests that came to another server, and were not {right}", changed, [], firm=True)


@scenario(
    claim="While one server is dead, requests that don't generate are answered by the others, too.",
    advice="Requests that don't generate, as GET /api/tags, always go to the same server, and fail "
    "when it is dead. Choose a server for them as for all others.",
    needs={Feature.NATIVE, Feature.PASSTHROUGH},
    killed_by={"never-marks"},
)
async def lists_too(run: Run) -> None:
    """The first server is dead; we ask for the list of models until there is one."""
    await run.behave(ConnectionRefused(), run.s1, may_miss=True)
    good = False
    for failures in range(TRIES):
        answer = await run.ask("GET", "/api/tags")
        good = answer.status == 200 and answer.complete
        if good:
            run.figure("failed requests before a good one", failures)
            break
    expected = f"at most {TRIES}"
    run.note("requests until there was a list", good, expected, f"none of {TRIES}", sure=True)
