"""What version 1.0.4 reads from its command line, and what it answers itself.

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
from ollama_simulator.net.client import Broken, Client, End

UNFAIR = {
    "v104.default-timeout": "The time-out of 120 s that holds when nobody says another would take "
    "two minutes to see.",
    "v104.type-before-conversation": "A server whose type of KV cache was changed was restarted, "
    "and has no conversation any more: the two steps never disagree.",
    "v104.idle-helpers": "How often servers and helpers are polled is a range in the plan, and "
    "would take minutes to see; what a poll finds is in models.appears and models.disappears.",
}
ELSEWHERE = "127.0.0.2"
"""An address of this machine that nobody bound."""


async def alike(fleet: Fleet, **_: Any) -> None:
    """Servers that differ by what stands behind their names alone."""
    install(fleet, *([MODEL] for _ in fleet.servers))


@scenario(
    claim="Capability and speed are read from the brackets in any order, and are 0 if they are "
    "absent.",
    level=Level.SHOULD,
    needs=SEED | V104,
    servers=2,
    settings=HELPED,
    timeout=LONG_S,
    arrange=alike,
    advice="Read [capability=N,speed=N] by the names, not by the places; what isn't there is 0.",
    killed_by=(),
    variants={
        "no-speed": variant(
            annotations=("[capability=0]", "[speed=1]"), killed_by={"absent-is-50"}
        ),
        "no-capability": variant(annotations=("[capability=1]", ""), killed_by={"absent-is-50"}),
        "other-order": variant(
            annotations=("[capability=10,speed=20]", "[speed=10,capability=5]"),
            killed_by={"reads-places"},
        ),
    },
)
async def annotations(run: Run) -> None:
    """One request: the second server is the one."""
    answer = await run.talk(stream=False, tokens=2)
    run.served_by(answer, run.s2)
    run.good(answer)


@scenario(
    claim="A request for a model that no server has is answered at once, with a 4xx that names it, "
    "and no server is asked for it.",
    level=Level.SHOULD,
    needs=SEED | V104,
    servers=2,
    settings=HELPED,
    timeout=LONG_S,
    arrange=alike,
    advice="Read the model from the body of the request; if no server has it, say so instead of "
    "sending the request anywhere.",
    killed_by={"sends-unknown"},
)
async def unknown(run: Run) -> None:
    """One request."""
    answer = await run.talk(model="nobody-has-this:7b", stream=False, tokens=2)
    status = answer.status or 0
    run.note("the status", 400 <= status < 500, "4xx", answer.state)
    run.note("what it says", "nobody-has-this" in answer.text, "the model's name", answer.state)
    run.check("who was asked", [each.server for each in run.attempts(answer)], [], firm=True)


@scenario(
    claim="With --bind 127.0.0.1:PORT it is reached there, and at no other address.",
    level=Level.SHOULD,
    needs=SEED | V104,
    servers=1,
    settings=HELPED,
    timeout=LONG_S,
    options=("--bind=127.0.0.1:0",),
    advice="Listen on the address that --bind says, not on all.",
    killed_by={"binds-everywhere"},
)
async def bind(run: Run) -> None:
    """Knock at another address of this machine."""
    run.good(await run.talk(stream=False, tokens=2))
    seen = "connected"
    try:
        (await Client.connect(ELSEWHERE, run.port, run.soon)).close()
    except Broken as broken:
        seen = broken.end.value
    refused = seen in (End.REFUSED.value, End.UNREACHABLE.value)
    run.note(f"a connection to {ELSEWHERE}", refused, "refused or unreachable", seen, firm=True)
