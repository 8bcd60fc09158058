"""Credentials: a client's reach the server that answers it, and nobody else's do."""

from ollama_simulator.acts import How
from ollama_simulator.conformance.dialect import CHAT, MESSAGES, Dialect
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.failover.endings import Rejects
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.records import Asked

EVIDENCE = (
    "BerriAI/litellm#14371",
    "kcolemangt/llm-router#13",
    "pleaseai/shunt#224",
    "diegosouzapw/OmniRoute#7645",
)
ALICE = "Bearer alice-5f0c1d"
BOB = "Bearer bob-91e7aa"
OWN = ("alpha-77c1", "beta-12f9", "gamma-5e30")
"""The servers' own tokens, in their order."""
NOTES = tuple(f"[token={token}]" for token in OWN)

UNFAIR = {
    "secrets.in-body": "Where a credential stands in a body depends on its provider, and none that "
    "speaks Ollama's dialects has one there.",
    "secrets.missing-key": "What a balancer does for a server whose credential is missing is set "
    "in its own configuration, which has no common form.",
    "secrets.logs": "What a balancer writes into its logs is not seen from outside.",
}
"""What can't be made into a fair scenario, and why."""


def _named(asked: Asked, name: str) -> list[str]:
    return [value for key, value in asked.headers if key.lower() == name]


@scenario(
    claim="A client's credential reaches the server as it is.",
    advice="Pass the client's Authorization, x-api-key and Cookie on unchanged: whoever puts a "
    "gate before the servers needs them.",
    evidence=EVIDENCE,
    needs={Feature.PASSTHROUGH},
    killed_by={"drops-credentials"},
    variants={
        "bearer": variant(dialect=CHAT, name="authorization", value=ALICE, needs={Feature.NATIVE}),
        "api-key": variant(
            dialect=MESSAGES, name="x-api-key", value="alice-5f0c1d", needs={Feature.ANTHROPIC}
        ),
        "cookie": variant(
            dialect=CHAT, name="cookie", value="session=alice-5f0c1d", needs={Feature.NATIVE}
        ),
    },
)
async def kept(run: Run, dialect: Dialect, name: str, value: str) -> None:
    """One request with a credential."""
    answer = await run.talk(dialect, tokens=2, headers=[(name, value)])
    run.good(answer)
    seen = [_named(asked, name) for asked in run.attempts(answer)]
    run.check(f"the header {name} at the server", seen, [[value]], firm=True)


@scenario(
    claim="No request carries a credential of another client.",
    advice="A credential outlives its request: it is kept with a connection, in a shared object of "
    "headers, or as a default. Build the headers of each request from that request alone.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE, Feature.PASSTHROUGH},
    killed_by={"remembers-credentials"},
    options=("--pool",),
)
async def not_mixed(run: Run) -> None:
    """Two clients and one without a credential in turn, then two at once."""
    turns = [ALICE, BOB, None, BOB, ALICE, None]
    answers = [await run.talk(tokens=2, headers=_own(token)) for token in turns]
    pair = [run.start(tokens=8, headers=_own(token)) for token in (ALICE, BOB)]
    answers += await run.together(*pair)
    for answer, token in zip(answers, [*turns, ALICE, BOB], strict=True):
        for asked in run.attempts(answer):
            run.check(
                f"foreign credentials with which {asked.server} was asked for {answer.label}",
                [value for value in _named(asked, "authorization") if value != token],
                [],
                firm=True,
            )


def _own(token: str | None) -> list[tuple[str, str]]:
    return [("Authorization", token)] if token else []


@scenario(
    claim="A request that is sent to another server carries its client's credential there, too.",
    advice="Send the second server what the first one got: all headers of the client, and its "
    "whole body.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE, Feature.PASSTHROUGH, Feature.RETRIES},
    killed_by={"forgets-credentials"},
)
async def retried(run: Run) -> None:
    """The first server closes without an answer."""
    await run.take_turns(Rejects(How.FIN))
    answer = await run.talk(tokens=2, headers=_own(ALICE))
    run.good(answer)
    attempts = run.attempts(answer)
    run.note("servers asked", len(attempts) > 1, "a second one", len(attempts))
    for asked in attempts:
        run.check(f"the credential at {asked.server}", _named(asked, "authorization"), [ALICE])


@scenario(
    claim="Where servers have credentials of their own, each gets its own and no other, least of "
    "all the client's.",
    advice="Replace the client's credential, don't add to it, and choose the server's own after "
    "the server is chosen, for each attempt anew.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE, Feature.CREDENTIALS},
    killed_by={"adds-credentials"},
    annotations=NOTES,
    variants={
        "in-turn": variant(fails=False),
        "after-failure": variant(
            fails=True, needs={Feature.RETRIES}, killed_by={"first-credential"}
        ),
    },
)
async def own(run: Run, fails: bool) -> None:
    """Three requests of one client; in one variant the first server asked closes each time."""
    own = {server.name: token for server, token in zip(run.servers, OWN, strict=True)}
    for count in range(1, 4):
        if fails:
            await run.take_turns(Rejects(How.FIN))
        answer = await run.talk(
            tokens=2, headers=[("Authorization", ALICE), ("x-api-key", "alice")]
        )
        run.good(answer, f"answer {count}")
        for asked in run.attempts(answer):
            expected = f"Bearer {own[asked.server]}"
            run.check(
                f"the credential at {asked.server}", _named(asked, "authorization"), [expected]
            )
            told = " ".join(value for _, value in asked.headers)
            foreign = [
                token for token in (*OWN, "alice") if token in told and token != own[asked.server]
            ]
            run.check(f"foreign credentials at {asked.server}", foreign, [])


@scenario(
    claim="A server's credential is never shown to a client.",
    advice="The text of an error has the server's configuration in it. Name the server by its "
    "name, and keep addresses and credentials for your own log.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE, Feature.CREDENTIALS},
    annotations=NOTES,
    killed_by={"tells-credentials"},
)
async def not_told(run: Run) -> None:
    """Nobody can be reached."""
    await run.behave(ConnectionRefused())
    answer = await run.talk(tokens=2)
    told = answer.text + str(answer.headers)
    run.check("credentials in the answer", [token for token in OWN if token in told], [])
