"""Who has which model: requests go there."""

from collections.abc import Callable
from typing import Any

from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.dialect import DIALECTS, Dialect
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
from ollama_simulator.fleet import Fleet

EVIDENCE = (
    "open-webui/open-webui#1745",
    "open-webui/open-webui#1081",
    "open-webui/open-webui#788",
    "thushan/olla#86",
    "ParisNeo/lollms_hub#39",
)
UNFAIR = {
    "models.stale-index": "A router that follows the events of a KV cache can be told wrong ones; "
    "Ollama has no such events, so there is nothing to send it (S40).",
    "models.spill-threshold": "From which imbalance on a conversation should leave its server is "
    "a matter of taste, and one request at a time for each server leaves no imbalance (S39).",
    "models.digests": "Which of two different models under one name a client means, nobody can "
    "tell; models.same-name asks whether the list shows that there are two (S36).",
}
NEW = "new-model:latest"
POLLS = ("--poll=0.3",)
"""For cases in which something changes meanwhile."""


async def disjoint(fleet: Fleet, **_: Any) -> None:
    """Each server has a model that no other one has, and nothing else."""
    install(fleet, *([] for _ in fleet.servers))


def works(path: str, **body: Any) -> Callable[[str], tuple[str, dict[str, Any]]]:
    """A request that is no text, for a model."""
    return lambda name: (path, {"model": name} | body)


EMBEDDINGS = {
    "embed": variant(other=works("/api/embed", input="a text"), needs={Feature.NATIVE}),
    "embeddings": variant(other=works("/api/embeddings", prompt="a text"), needs={Feature.NATIVE}),
    "openai-embeddings": variant(
        other=works("/v1/embeddings", input="a text"), needs={Feature.OPENAI}
    ),
    "show": variant(other=works("/api/show"), needs={Feature.NATIVE}, level=Level.TELL),
}


@scenario(
    claim="A request goes to the server that has its model, whatever endpoint is asked.",
    needs={Feature.MODEL_AWARE},
    settings=HELPED,
    timeout=LONG_S,
    arrange=disjoint,
    evidence=EVIDENCE,
    advice="Read the model from the body of every request that names one, and send it to a server "
    "that has it: a 404 that could be avoided is the balancer's.",
    killed_by={"ignores-models"},
    variants={
        name: variant(
            needs=dialect.needs,
            dialect=dialect,
            killed_by={"ignores-models"} if name == "chat" else {"reads-chat-only"},
        )
        for name, dialect in DIALECTS.items()
    }
    | {
        name: variant(
            needs=each.needs, level=each.level, killed_by={"reads-chat-only"}, **each.arguments
        )
        for name, each in EMBEDDINGS.items()
    },
)
async def routed(
    run: Run,
    dialect: Dialect | None = None,
    other: Callable[[str], tuple[str, dict[str, Any]]] | None = None,
) -> None:
    """One request for each of three models, the last one first."""
    missed = 0
    for number in (3, 1, 2):
        name = sole(number)
        if other is None:
            answer = await run.talk(dialect, model=name, tokens=4)
            run.good(answer, f"the answer of {name}")
        else:
            path, body = other(run.subject.model(name))
            answer = await run.ask("POST", path, body)
            run.check(f"the status of the answer of {name}", answer.status, 200)
        missed += answer.status == 404
        asked = [each.server for each in run.attempts(answer)]
        run.check(f"who answered for {name}", asked[-1:], [f"s{number}"], firm=True)
    run.figure("avoidable 404s", missed)


async def spelled(fleet: Fleet, names: tuple[list[str], ...], **_: Any) -> None:
    """Servers with models of these names."""
    install(fleet, *names)


@scenario(
    claim="A model is found by every spelling of its name that Ollama takes: without its tag it is "
    "the one tagged latest.",
    level=Level.SHOULD,
    needs={Feature.MODEL_AWARE},
    settings=HELPED,
    servers=2,
    timeout=LONG_S,
    arrange=spelled,
    evidence=EVIDENCE,
    advice="Complete names before they are compared: no tag means :latest, and another tag is "
    "another model.",
    killed_by={"compares-names-literally"},
    variants={
        "bare": variant(names=([], ["thing:latest"]), asked="thing"),
        "latest": variant(
            names=([], ["thing"]), asked="thing:latest", killed_by={"ignores-models"}
        ),
        "tag": variant(
            names=(["thing:7b"], ["thing:latest"]), asked="thing", killed_by={"ignores-tags"}
        ),
        "case": variant(names=([], ["thing:latest"]), asked="THING:latest", level=Level.TELL),
    },
)
async def spelling(run: Run, names: tuple[list[str], ...], asked: str) -> None:
    """One request."""
    answer = await run.talk(model=asked, tokens=4, stream=False)
    run.check("the status of the answer", answer.status, 200)
    servers = [each.server for each in run.attempts(answer)]
    run.check("who answered", servers[-1:], ["s2"], firm=True)


async def found(run: Run, name: str) -> tuple[Answer, int, float]:
    """Ask for a model until a server is found that has it, or the balancer should know that. Tells
    the last answer, how many said 404, and how long it took."""
    clock = run.fleet.clock
    began = clock.now()
    knows = fresh(run)
    missed = 0
    while True:
        told = knows()
        answer = await run.talk(model=name, tokens=4, stream=False)
        if answer.status == 200 or told or clock.now() > began + KNOWN_S:
            return answer, missed, clock.now() - began
        missed += answer.status == 404
        await run.sleep(0.15)


@scenario(
    claim="A model that is installed on a server is found there as soon as the server was asked "
    "again what it has.",
    level=Level.SHOULD,
    needs={Feature.MODEL_AWARE},
    settings=HELPED,
    timeout=LONG_S,
    arrange=disjoint,
    options=POLLS,
    evidence=EVIDENCE,
    advice="Ask servers for /api/tags every now and then, and take in what is new.",
    killed_by={"keeps-first-list"},
)
async def appears(run: Run) -> None:
    """A pull beside the balancer."""
    before = await run.talk(model=NEW, tokens=4, stream=False)
    run.note("the status before", before.status != 200, "an error", before.state)
    run.s3.store.install(model(NEW))
    answer, missed, seconds = await found(run, NEW)
    run.good(answer, "the answer of the new model")
    run.figure("seconds until the new model is found", seconds, "s")
    run.figure("404s until then", missed)


async def on_two(fleet: Fleet, **_: Any) -> None:
    """Two of three servers have the model."""
    install(fleet, [NEW], [NEW], [])


@scenario(
    claim="A server from which a model was deleted is not asked for it any more; the one that "
    "still has it is.",
    level=Level.SHOULD,
    needs={Feature.MODEL_AWARE},
    settings=HELPED,
    timeout=LONG_S,
    arrange=on_two,
    options=POLLS,
    evidence=EVIDENCE,
    advice="Ask servers for /api/tags every now and then, and forget what is gone; a 404 for a "
    "model tells it, too.",
    killed_by={"keeps-first-list"},
)
async def disappears(run: Run) -> None:
    """A deletion on whichever server is asked first."""
    server = await run.favourite(model=NEW, tokens=4, stream=False)
    server.store.remove(NEW)
    answer, missed, seconds = await found(run, NEW)
    run.good(answer, "the answer of the model that is still there")
    run.figure("seconds until the deletion is noticed", seconds, "s")
    run.figure("404s until then", missed)
    for _ in range(2):
        answer = await run.talk(model=NEW, tokens=4, stream=False)
        run.check("the status of a later answer", answer.status, 200)


@scenario(
    claim="A request for a model that no server has is answered with a 4xx that names it.",
    level=Level.SHOULD,
    needs={Feature.MODEL_AWARE},
    settings=HELPED,
    timeout=LONG_S,
    arrange=disjoint,
    evidence=EVIDENCE,
    advice="Say which model is missing, in the form of an error of the dialect that was spoken.",
    killed_by={"missing-without-a-word"},
    variants={
        name: variant(needs=DIALECTS[name].needs, dialect=DIALECTS[name])
        for name in ("chat", "generate", "openai", "messages")
    },
)
async def unknown(run: Run, dialect: Dialect) -> None:
    """One request."""
    answer = await run.talk(dialect, model="nobody-has-this:7b", tokens=4)
    status = answer.status or 0
    run.note("the status", 400 <= status < 500, "4xx", answer.state)
    match answer.json():
        case {"error": {"message": str(words)}}:
            shown = words
        case {"error": str(words)} if dialect.feature is Feature.NATIVE:
            shown = words
        case _:
            shown = ""
    run.note("the error", "nobody-has-this" in shown, "the model's name in it", answer.state)
