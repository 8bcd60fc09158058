"""The nine steps of version 1.0.4: which comes before which.

Source: seed facts, "Version 1.0.4".

Each case is a dispute between two servers. The first one has the order of the command line on its
side, and whatever a later step asks for; the second one has what an earlier step asks for.
"""

import msgspec

from ollama_simulator.conformance.asking import MODEL
from ollama_simulator.conformance.conversing import Conversation
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.feature import SEED, V104
from ollama_simulator.conformance.installed_models import HELPED, LONG_S, busy, install, known, sole
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import Variant, scenario, variant
from ollama_simulator.faults.empty_reply import EmptyReply
from ollama_simulator.fleet import Fleet
from ollama_simulator.server import SimServer


class Standing(msgspec.Struct, frozen=True):
    """How a server stands when the request comes."""

    has: bool = True
    """Whether it has the model."""
    busy: bool = False
    failed: bool = False
    """Whether its last request failed, so that it is Unreliable."""
    q8: bool = False
    """Whether its KV cache is of the type that the model does not want."""
    loaded: bool = True
    """Whether it has the model in memory."""
    talks: bool = False
    """Whether it has the conversation in its cache."""


NOTHING = Standing()
COLD = Standing(loaded=False)


def dispute(
    killed_by: str,
    first: Standing = NOTHING,
    second: Standing = NOTHING,
    notes: tuple[str, str] = ("", ""),
) -> Variant:
    """A variant, with what stands behind the two names."""
    return variant(first=first, second=second, annotations=notes, killed_by={killed_by})


async def stand(fleet: Fleet, first: Standing, second: Standing) -> None:
    """What can be arranged before the balancer starts."""
    install(fleet, *([MODEL] if standing.has else [] for standing in (first, second)))
    for server, standing in zip(fleet.servers.values(), (first, second), strict=True):
        if standing.q8:
            await server.restart("q8_0", seconds=0.0)
            await server.up()
        server.load(MODEL if standing.has and standing.loaded else None)


async def converse(run: Run, standings: dict[SimServer, Standing]) -> Conversation | None:
    """Have a conversation on the server that is said to have one."""
    for server, standing in standings.items():
        if not standing.talks:
            continue
        conversation = Conversation(run)
        async with busy(run, *(other for other in run.servers if other is not server)):
            for _ in range(2):
                run.good(await conversation.turn(), "the conversation so far")
        if not standing.loaded:
            server.load(None)
            await known(run)
        return conversation
    return None


FAST, SLOW = "[speed=90]", "[speed=10]"
HIGH, LOW = "[capability=50]", "[capability=10]"


@scenario(
    claim="Of two servers the one is chosen that an earlier one of the nine steps speaks for, "
    "whatever later ones say.",
    level=Level.SHOULD,
    needs=SEED | V104,
    servers=2,
    settings=HELPED,
    timeout=LONG_S,
    arrange=stand,
    options=("--poll=0.4",),
    advice="Ask the nine questions in their order: free, installed, reliable, lowest tier, type of "
    "KV cache, loaded, conversation, speed, order; each narrows what the one before left.",
    killed_by=(),
    variants={
        "free-before-reliable": dispute("asks-busy", Standing(busy=True), Standing(failed=True)),
        "installed-before-reliable": dispute(
            "trust-before-models", Standing(has=False), Standing(failed=True)
        ),
        "reliable-before-tier": dispute(
            "tier-before-trust", Standing(failed=True), NOTHING, (LOW, HIGH)
        ),
        "tier-before-loaded": dispute("loaded-before-tier", NOTHING, COLD, (HIGH, LOW)),
        "tier-before-conversation": dispute(
            "conversation-before-tier", Standing(talks=True), NOTHING, (HIGH, LOW)
        ),
        "tier-before-speed": dispute(
            "ignores-tiers",
            notes=("[capability=50,speed=90]", "[capability=10,speed=10]"),
        ),
        "type-before-loaded": dispute("loaded-before-type", Standing(q8=True), COLD),
        "type-before-speed": dispute("ignores-types", Standing(q8=True), NOTHING, (FAST, SLOW)),
        "loaded-before-conversation": dispute(
            "conversation-before-loaded", Standing(loaded=False, talks=True), NOTHING
        ),
        "loaded-before-speed": dispute("ignores-loaded", COLD, NOTHING, (FAST, SLOW)),
        "conversation-before-speed": dispute(
            "ignores-conversations", NOTHING, Standing(talks=True), (FAST, SLOW)
        ),
        "speed-before-order": dispute("ignores-speed", notes=(SLOW, FAST)),
    },
)
async def steps(run: Run, first: Standing, second: Standing) -> None:
    """Arrange what needs requests, then ask."""
    standings = dict(zip(run.servers, (first, second), strict=True))
    conversation = await converse(run, standings)
    for number, (server, standing) in enumerate(standings.items(), 1):
        if standing.failed:
            await run.behave(EmptyReply(), server)
            await run.talk(model=sole(number), stream=False, tokens=2)
            await run.behave(QUICK, server)
    async with busy(run, *(each for each, standing in standings.items() if standing.busy)):
        if conversation is not None:
            answer = await conversation.turn()
            asked = [each.server for each in conversation.asked(answer)]
        else:
            answer = await run.talk(stream=False, tokens=2)
            asked = [each.server for each in run.attempts(answer)]
        run.check("who was asked", asked, [run.s2.name], firm=True)
        run.good(answer)
