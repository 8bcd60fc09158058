"""Lists of models: those of all servers, told by the balancer."""

from collections import Counter
from typing import Any

from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.installed_models import (
    HELPED,
    KNOWN_S,
    LONG_S,
    fresh,
    install,
    model,
    sole,
)
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.models.routing import EVIDENCE, POLLS
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.fleet import Fleet


async def sets(fleet: Fleet, **_: Any) -> None:
    """Each server has a model of its own, and one that all have."""
    install(fleet, *(["common:latest"] for _ in fleet.servers))


LISTS = {
    "tags": variant(path="/api/tags", needs={Feature.NATIVE}),
    "openai": variant(path="/v1/models", needs={Feature.OPENAI}),
}


def listed(answer: Answer) -> list[str]:
    """The names in a list of models of either dialect."""
    match answer.json():
        # First, as some tell their models once more beside OpenAI's list.
        case {"data": [*entries]}:
            return [str(each.get("id")) for each in entries]
        case {"models": [*entries]}:
            return [str(each.get("name")) for each in entries]
    return []


@scenario(
    claim="The list of models has those of all servers, each of them once.",
    level=Level.SHOULD,
    needs={Feature.AGGREGATES},
    settings=HELPED,
    timeout=LONG_S,
    arrange=sets,
    evidence=EVIDENCE,
    advice="Answer GET /api/tags and /v1/models with the union of what all servers have.",
    killed_by={"asks-one-server", "lists-doubles"},
    variants=LISTS,
)
async def union(run: Run, path: str) -> None:
    """One list."""
    answer = await run.ask("GET", path)
    run.check("the status of the list", answer.status, 200)
    names = listed(answer)
    wanted = sorted(["common:latest", *(sole(number) for number in (1, 2, 3))])
    run.check(
        "the models in the list",
        sorted(set(names)),
        wanted,
        advice="Answer GET /api/tags and /v1/models with the union of what all servers have.",
    )
    doubles = [name for name, count in Counter(names).items() if count > 1]
    run.check(
        "models that are listed twice",
        doubles,
        [],
        advice="List a model that several servers have once.",
    )


@scenario(
    claim="What the list tells of a model is what its server tells: size, digest, details.",
    level=Level.SHOULD,
    needs={Feature.AGGREGATES, Feature.NATIVE},
    settings=HELPED,
    timeout=LONG_S,
    arrange=sets,
    evidence=EVIDENCE,
    advice="Pass the entries of the servers' lists on whole, not the names alone.",
    killed_by={"lists-names-only"},
)
async def entries(run: Run) -> None:
    """The list, beside that of a server."""
    ours = await run.ask("GET", "/api/tags")
    theirs = await run.ask("GET", "/api/tags", port=run.s2.listener.port)
    for entry in (theirs.json() or {}).get("models", []):
        name = entry["name"]
        told = [each for each in (ours.json() or {}).get("models", []) if each.get("name") == name]
        first = told[0] if told else {}
        for field in ("model", "size", "digest"):
            run.check(f"{field} of {name}", first.get(field), entry[field])
        details = first.get("details") or {}
        # More may be told beside them, as which servers have it.
        known = {key: details.get(key) for key in entry["details"]}
        run.check(f"details of {name}", known, entry["details"])


@scenario(
    claim="While a server is down, the list still has the models of the others.",
    level=Level.SHOULD,
    needs={Feature.AGGREGATES},
    settings=HELPED,
    timeout=LONG_S,
    arrange=sets,
    options=POLLS,
    evidence=EVIDENCE,
    advice="A server that does not tell what it has is no reason to tell of nobody.",
    killed_by={"all-or-nothing"},
    variants=LISTS,
)
async def union_without_one(run: Run, path: str) -> None:
    """A list, after the balancer had the time to notice."""
    knows = fresh(run, *run.servers[1:])
    await run.behave(ConnectionRefused(), run.s1)
    await run.until(knows, seconds=KNOWN_S)
    answer = await run.ask("GET", path)
    run.check("the status of the list", answer.status, 200)
    missing = {"common:latest", sole(2), sole(3)} - set(listed(answer))
    run.check("models of living servers that are not listed", sorted(missing), [])


async def two_releases(fleet: Fleet, **_: Any) -> None:
    """Two servers have different models under one name."""
    for server, release in zip(fleet.servers.values(), ("one", "two", "two"), strict=True):
        server.store.replace([model("common:latest", release)])


@scenario(
    claim="Where servers have different models under one name, the list shows that there are two.",
    level=Level.TELL,
    needs={Feature.AGGREGATES, Feature.NATIVE},
    settings=HELPED,
    timeout=LONG_S,
    arrange=two_releases,
    evidence=EVIDENCE,
    advice="Compare digests, not the names alone, when lists are put together.",
    killed_by={"lists-by-name"},
)
async def same_name(run: Run) -> None:
    """One list."""
    answer = await run.ask("GET", "/api/tags")
    models = (answer.json() or {}).get("models", [])
    digests = {each.get("digest") for each in models}
    wanted = {model("common:latest", release).digest for release in ("one", "two")}
    run.check("digests in the list", sorted(map(str, digests)), sorted(wanted))
