"""Models in memory: who is warm is preferred, a cold one is not loaded more often than needed."""

import asyncio
import statistics
from typing import Any

from ollama_simulator.conformance.dialect import CHAT
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.installed_models import LONG_S, install
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.faults.normal import Normal
from ollama_simulator.fleet import Fleet
from ollama_simulator.records import ModelLoaded, ModelUnloaded
from ollama_simulator.settings import Settings

ONE_MODEL = Settings(helper=True, max_loaded_models=1)
"""Servers that have one model in memory at a time."""
SUMMER, WINTER = "summer:latest", "winter:latest"
CROWD = 20
"""Requests that come at once for a cold model."""
WARM_EVIDENCE = (
    "thushan/olla#166",
    "thushan/olla#152",
    "thushan/olla#84",
    "mostlygeek/llama-swap#19",
)


def loads(run: Run) -> list[ModelLoaded]:
    """What servers loaded since the balancer was there."""
    return [each for each in run.fleet.journal.where(ModelLoaded) if each.t > run.began]


def unloads(run: Run) -> list[ModelUnloaded]:
    """What left their memory since then."""
    return [each for each in run.fleet.journal.where(ModelUnloaded) if each.t > run.began]


def figures(run: Run) -> None:
    """Report how often models came and went."""
    run.figure("loads", len(loads(run)))
    run.figure("evictions", len(unloads(run)))


async def crossed(fleet: Fleet, **_: Any) -> None:
    """The first server has one model in memory, the second one the other."""
    install(fleet, *([SUMMER, WINTER] for _ in fleet.servers))
    for server, name in zip(fleet.servers.values(), (WINTER, SUMMER), strict=True):
        server.load(name)


@scenario(
    claim="Requests for two models that are in memory, one on each server, make nobody load.",
    level=Level.SHOULD,
    needs={Feature.WARM_FIRST},
    settings=ONE_MODEL,
    servers=2,
    timeout=LONG_S,
    arrange=crossed,
    evidence=WARM_EVIDENCE,
    advice="Prefer a server that has the model in memory (GET /api/ps tells): a load takes longer "
    "than most answers, and may drive another model out.",
    killed_by={"ignores-loaded"},
    variants={
        "in-turn": variant(together=False),
        "together": variant(together=True),
    },
)
async def warm(run: Run, together: bool) -> None:
    """Six requests, the two models in turn, one by one or in pairs."""
    for _ in range(3):
        sessions = []
        for name in (SUMMER, WINTER):
            session = run.start(model=name, tokens=12, stream=False)
            sessions.append(session)
            await (run.reached(session) if together else asyncio.wait([session.task]))
            await run.sleep(0.0 if together else 0.06)
        for answer in await run.together(*sessions):
            run.good(answer)
    told = [f"{each.server}: {each.model}" for each in loads(run)]
    run.check("loads", told, [], firm=True)
    figures(run)


async def cold(fleet: Fleet, **_: Any) -> None:
    """All servers have one model in memory and another one on disk."""
    install(fleet, *([SUMMER, WINTER] for _ in fleet.servers))
    for server in fleet.servers.values():
        server.load(WINTER)


@scenario(
    claim="Many requests at once for a model that is cold everywhere are all answered, and no "
    "server loads it twice.",
    level=Level.SHOULD,
    needs={Feature.WARM_FIRST, Feature.QUEUES},
    settings=ONE_MODEL,
    timeout=LONG_S,
    arrange=cold,
    evidence=WARM_EVIDENCE,
    advice="Let requests wait for a load that is under way, don't unload between them, and don't "
    "change their keep_alive.",
    killed_by={"unloads-afterwards"},
)
async def stampede(run: Run) -> None:
    """Twenty requests at once."""
    await run.behave(Normal(tokens_per_sec=400, load_delay_ms=200))
    sessions = [
        run.start(model=SUMMER, tokens=4, stream=False, patience=run.patience) for _ in range(CROWD)
    ]
    answers = await run.together(*sessions)
    good = sum(answer.good for answer in answers)
    run.check("good answers", good, CROWD)
    most = max(
        (sum(each.server == server.name for each in loads(run)) for server in run.servers),
    )
    run.note("loads of one server", most <= 1, "at most 1", most, firm=True)
    figures(run)
    late = statistics.quantiles([answer.seconds for answer in answers], n=20)[-1]
    run.figure("time to the end, 95th percentile", late, "s")
    await run.behave(QUICK)


def asks(**fields: Any) -> dict[str, Any]:
    """Further fields of a request; its answer is short in any case."""
    options = {"num_predict": 4} | fields.pop("options", {})
    return fields | {"options": options}


@scenario(
    claim="Clients with different options of one model have them served as they asked: the "
    "balancer neither changes nor drops num_ctx, num_gpu and keep_alive.",
    level=Level.TELL,
    needs={Feature.NATIVE},
    timeout=LONG_S,
    evidence=("ollama/ollama#8029", "ollama/ollama#10948", "ollama/ollama#8903"),
    advice="Pass the options of a request on as they are; who wants fewer reloads can keep clients "
    "with equal options on one server.",
    killed_by=(),
    variants={
        "num-ctx": variant(
            first=asks(options={"num_ctx": 2048}),
            second=asks(options={"num_ctx": 8192}),
            shapes=2,
            killed_by={"drops-options"},
        ),
        "num-gpu": variant(
            first=asks(options={"num_gpu": 0}),
            second=asks(options={"num_gpu": 99}),
            shapes=2,
            killed_by={"drops-options"},
        ),
        "keep-alive": variant(
            first=asks(keep_alive="5m"),
            second=asks(keep_alive=0),
            shapes=1,
            emptied=3,
            killed_by={"keeps-for-ever"},
        ),
    },
)
async def options(
    run: Run, first: dict[str, Any], second: dict[str, Any], shapes: int, emptied: int | None = None
) -> None:
    """Two clients in turn, three requests each."""
    for _ in range(3):
        for more in (first, second):
            answer = await run.talk(CHAT, more=more, tokens=4, stream=False)
            run.check("the status of an answer", answer.status, 200)
    told = {(each.context, each.vram) for each in loads(run)}
    run.check("different contexts and sizes of the model in memory", len(told), shapes)
    if emptied is not None:
        asked = sum(each.why != "reloaded" for each in unloads(run))
        run.check("how often the model left memory because a client asked for it", asked, emptied)
    figures(run)
