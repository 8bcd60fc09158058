"""Types of KV cache in version 1.0.4: who fits, who is switched, and what happens meanwhile.

Source: seed facts, "Version 1.0.4".
"""

from typing import Any

from ollama_simulator.conformance.asking import MODEL
from ollama_simulator.conformance.feature import SEED, V104
from ollama_simulator.conformance.installed_models import HELPED, LONG_S, install
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.fleet import Fleet
from ollama_simulator.records import Restarted, Stopped
from ollama_simulator.settings import KvType, Settings

EIGHT = "eight-bit:latest"
"""The model that the balancer is told to want `q8_0`."""
DOWN_S = 2.0
"""How long a restart takes where something must happen meanwhile."""
FAST, SLOW = "[speed=90]", "[speed=10]"
WHOLE, HALF = "f16", "q8_0"
"""Ollama's own names of the two types."""


async def typed(
    fleet: Fleet, types: tuple[KvType, ...] = ("f16", "f16"), warm: int | None = None, **more: Any
) -> None:
    """Servers with KV caches of these types; one of them has the model in memory."""
    install(fleet, *([MODEL, EIGHT] for _ in types))
    for server, kind in zip(fleet.servers.values(), types, strict=True):
        if kind != server.kv_cache_type:
            await server.restart(kind, seconds=0.0)
            await server.up()
    if warm is not None:
        list(fleet.servers.values())[warm].load(more["model"])


def switched(run: Run) -> list[str]:
    """Which servers were restarted since the balancer started, and with which type."""
    return [
        f"{record.server}: {record.kv_cache_type}"
        for record in run.fleet.journal.where(Restarted)
        if record.t > run.began
    ]


@scenario(
    claim="A model goes to a server whose KV cache is of the type that it wants: q8_0 if "
    "--kv-q8 names it, else q16; a server without a helper has q8_0.",
    level=Level.SHOULD,
    needs=SEED | V104,
    servers=2,
    settings=HELPED,
    timeout=LONG_S,
    arrange=typed,
    kv_q8=(EIGHT,),
    annotations=(FAST, SLOW),
    advice="Ask each server's helper, on its port + 100, for the type of its KV cache before a "
    "server is chosen, and choose among those that fit the model.",
    killed_by={"ignores-types"},
    variants={
        "q8": variant(model=EIGHT, types=("f16", "q8_0")),
        "q16": variant(model=MODEL, types=("q8_0", "f16")),
    },
)
async def fitting(run: Run, model: str, types: tuple[KvType, ...]) -> None:
    """One request."""
    answer = await run.talk(model=model, stream=False, tokens=2)
    run.served_by(answer, run.s2)
    run.good(answer)
    run.check("servers that were switched", switched(run), [], firm=True)


@scenario(
    claim="A server whose helper does not answer counts as one with q8_0.",
    level=Level.SHOULD,
    needs=SEED | V104,
    servers=2,
    settings=(HELPED, Settings()),
    timeout=LONG_S,
    arrange=typed,
    kv_q8=(EIGHT,),
    advice="Take a helper that refuses, or says nothing of a type, for one that says q8_0.",
    killed_by={"untold-is-usual"},
)
async def untold(run: Run) -> None:
    """One request for the model that wants q8_0."""
    answer = await run.talk(model=EIGHT, stream=False, tokens=2)
    run.served_by(answer, run.s2)
    run.good(answer)
    run.check("servers that were switched", switched(run), [], firm=True)


@scenario(
    claim="If no server has the type of KV cache that a model wants, the fastest, or else the "
    "first, is switched by its helper, whatever it has in memory, and then answers.",
    level=Level.SHOULD,
    needs=SEED | V104,
    servers=2,
    settings=HELPED,
    timeout=LONG_S,
    arrange=typed,
    kv_q8=(EIGHT,),
    advice="Skip the steps that look for a loaded model and for a conversation, choose by speed "
    "and order, POST /set-kv-cache to that server's helper, wait until its /health says healthy, "
    "and send the request then.",
    killed_by=(),
    variants={
        "by-speed": variant(
            model=EIGHT, chosen=1, annotations=(SLOW, FAST), killed_by={"switches-first"}
        ),
        "by-order": variant(model=EIGHT, chosen=0, killed_by={"switches-all", "never-switches"}),
        "not-by-loaded": variant(model=EIGHT, chosen=0, warm=1, killed_by={"switches-loaded"}),
        "to-q16": variant(
            model=MODEL, chosen=0, types=("q8_0", "q8_0"), killed_by={"does-not-wait"}
        ),
    },
)
async def switching(run: Run, model: str, chosen: int, **_: Any) -> None:
    """One request, which has to wait for a restart."""
    answer = await run.talk(model=model, stream=False, tokens=2)
    run.served_by(answer, run.servers[chosen])
    run.good(answer, advice="Wait until the switched server is back before it is asked.")
    kind = HALF if model == EIGHT else WHOLE
    run.check(
        "servers that were switched",
        switched(run),
        [f"{run.servers[chosen].name}: {kind}"],
        firm=True,
    )
    run.figure("seconds until the answer", answer.seconds, "s")


@scenario(
    claim="A server that was switched is not switched again for the next request that wants the "
    "same.",
    level=Level.SHOULD,
    needs=SEED | V104,
    servers=2,
    settings=HELPED,
    timeout=LONG_S,
    arrange=typed,
    kv_q8=(EIGHT,),
    advice="Remember the type that a server was switched to; don't wait for the next poll.",
    killed_by={"forgets-switches"},
)
async def once(run: Run) -> None:
    """Two requests, and one for a model that the other server fits."""
    for what in ("the first answer", "the second answer"):
        answer = await run.talk(model=EIGHT, stream=False, tokens=2)
        run.good(answer, what)
        run.served_by(answer, run.s1, what=what)
    answer = await run.talk(model=MODEL, stream=False, tokens=2)
    run.good(answer, "the answer of the other model")
    run.served_by(answer, run.s2, what="the answer of the other model")
    run.check("servers that were switched", switched(run), [f"{run.s1.name}: {HALF}"], firm=True)


@scenario(
    claim="While a server restarts with another type of KV cache, other requests are answered by "
    "the others.",
    level=Level.SHOULD,
    needs=SEED | V104,
    servers=2,
    settings=Settings(helper=True, downtime=DOWN_S),
    timeout=LONG_S,
    arrange=typed,
    kv_q8=(EIGHT,),
    advice="Treat a server that is being switched as busy, and let nothing else wait for it.",
    killed_by={"waits-for-switches"},
)
async def meanwhile(run: Run) -> None:
    """One request that has a server switched, and one beside it."""
    session = run.start(model=EIGHT, stream=False, tokens=2)
    await run.until(lambda: bool(run.fleet.journal.where(Stopped)), session)
    other = await run.talk(model=MODEL, stream=False, tokens=2)
    run.served_by(other, run.s2, what="the other request")
    run.good(other, "the other answer")
    back = run.fleet.journal.where(Restarted)
    run.in_time(
        "when the other answer came",
        not back or other.ended_at < back[0].t,
        "before the switched server was back",
        "after it",
        tolerance=DOWN_S,
    )
    first = (await run.together(session))[0]
    run.good(first, "the answer that waited")
    run.check("servers that were switched", switched(run), [f"{run.s1.name}: {HALF}"], firm=True)
