"""Conversations: they stay where their cache is, and move once when that is gone."""

import contextlib
import itertools
from collections.abc import Iterable
from typing import Any

from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.asking import MODEL
from ollama_simulator.conformance.conversing import Conversation
from ollama_simulator.conformance.dialect import DIALECTS, Dialect
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.installed_models import LONG_S, busy, held, install
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.session import Session
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.fleet import Fleet
from ollama_simulator.settings import Settings

EVIDENCE = (
    "thushan/olla#133",
    "agentgateway/agentgateway#2572",
    "kubeovn/kube-ovn#6029",
    "verl-project/verl#6533",
)
CACHED = Settings(helper=True, cache_endpoints="all")
"""Servers that remember the last conversation, in whatever dialect it was."""
TRIES = 4
"""How often a client asks again when it was refused."""


def opening() -> list[dict[str, Any]]:
    """Some turns from before, so that a conversation is worth something from the beginning."""
    return [
        {"role": "system", "content": "Tell long stories, and never the same one twice."},
        {"role": "user", "content": "A story of a whale and of those who looked for it."},
        {"role": "assistant", "content": "Call me a sailor. The whale was white, and far away."},
    ]


async def warmed(fleet: Fleet, **_: Any) -> None:
    """All servers have the model in memory, and each a model of its own."""
    install(fleet, *([MODEL] for _ in fleet.servers))
    fleet.load(None, MODEL)


async def reached(run: Run, said: Conversation, session: Session) -> None:
    """Wait until a turn has come to a server, or is over."""
    await run.until(lambda: bool(said.asked(session.answer)), session)


def moves(said: Conversation) -> int:
    """How often a conversation was answered by another server than before."""
    homes = [path[-1] for path in said.path if path]
    return sum(before != after for before, after in itertools.pairwise(homes))


def efficiency(run: Run, conversations: Iterable[Conversation]) -> float:
    """The share of those tokens that came from a cache which could have come from one: all that a
    conversation's last answered turn evaluated."""
    possible = cached = 0
    for said in conversations:
        before = 0
        for record in said.evaluated():
            possible += min(before, record.prompt)
            cached += min(before, record.cached)
            before = record.prompt
    return cached / possible if possible else 0.0


@scenario(
    claim="A conversation goes to the server that answered it before, whoever else asks meanwhile.",
    level=Level.SHOULD,
    needs={Feature.AFFINITY},
    settings=CACHED,
    timeout=LONG_S,
    arrange=warmed,
    evidence=EVIDENCE,
    advice="Remember which server answered a conversation last, and send what goes on with it "
    "there: its prompt is in that server's KV cache.",
    killed_by={"ignores-conversations"},
    variants={
        name: variant(
            dialect=DIALECTS[name],
            needs=DIALECTS[name].needs,
            killed_by={"ignores-conversations" if name == "chat" else "reads-native-only"},
        )
        for name in ("chat", "openai", "messages")
    },
)
async def affinity(run: Run, dialect: Dialect) -> None:
    """Three conversations of four turns at once, in another order each time."""
    conversations = [Conversation(run, opening=opening()) for _ in range(3)]
    for number in range(4):
        begun = []
        async with held(run):
            for index in range(3):
                said = conversations[(index - number) % 3]
                session = said.begin(dialect=dialect)
                await reached(run, said, session)
                begun.append((said, session))
        for said, session in begun:
            answer = await said.end(session)
            run.good(answer, f"the answer of turn {number + 1}")
    moved = [moves(said) for said in conversations]
    run.check("how often each conversation moved", moved, [0, 0, 0], firm=True)
    run.figure("hit efficiency", efficiency(run, conversations))


async def insistently(run: Run, said: Conversation, answer: Answer) -> int:
    """Ask again if a turn failed, as clients do. Tells how often it was asked."""
    tries = 1
    while answer.status != 200 and tries < TRIES:
        await run.sleep(0.1)
        tries += 1
        answer = await said.turn()
    run.good(answer, "an answer of the conversations")
    return tries


@scenario(
    claim="A conversation whose server dies is answered by another one, and stays there; it may go "
    "home once when that is back.",
    level=Level.SHOULD,
    needs={Feature.AFFINITY},
    settings=CACHED,
    timeout=LONG_S,
    arrange=warmed,
    evidence=EVIDENCE,
    advice="Let go of a server that failed: a conversation is bound to a cache, not to a server. "
    "Bind it to the one that answered it last.",
    killed_by={"pins-for-ever", "spreads-conversations"},
)
async def failover(run: Run) -> None:
    """Two conversations of six turns. The server of the first one dies before the third turn, and
    is back for the fifth one."""
    first, second = conversations = [Conversation(run, opening=opening()) for _ in range(2)]
    clock = run.fleet.clock
    for number in range(1, 7):
        home = run.named(first.path[-1][-1]) if number > 1 and first.path[-1] else run.s1
        if number == 3:
            dead = home
            await run.behave(ConnectionRefused(), dead)
            died = clock.now()
        if number == 5:
            await run.behave(QUICK, dead)
        begun = []
        async with held(run) if number == 1 else contextlib.nullcontext():
            for said in conversations:
                begun.append(said.begin())
                await reached(run, said, begun[-1])
        for said, session in zip(conversations, begun, strict=True):
            tries = await insistently(run, said, await said.end(session))
            if number == 3 and said is first:
                run.figure("requests until it was answered again", tries)
                run.figure("seconds until then", clock.now() - died, "s")
    run.note(
        "how often the first conversation moved",
        moves(first) <= 2,
        "away, and home once at most",
        " ".join(path[-1] for path in first.path if path),
        firm=True,
    )
    run.figure("moves", moves(first) + moves(second))
    run.figure("hit efficiency", efficiency(run, conversations))


def who_answered(said: Conversation) -> str:
    """The server that the last turn ended at."""
    return said.path[-1][-1] if said.path[-1] else "nobody"


@scenario(
    claim="A conversation whose server was busy for once is still known there, and where it was "
    "answered meanwhile.",
    level=Level.SHOULD,
    needs={Feature.AFFINITY, Feature.MODEL_AWARE},
    settings=CACHED,
    timeout=LONG_S,
    arrange=warmed,
    evidence=EVIDENCE,
    advice="A server that is busy has not lost its cache: don't forget a conversation for that, "
    "and remember the server that answered instead.",
    killed_by={"busy-evicts"},
)
async def busy_home(run: Run) -> None:
    """Turns on the second server; one on the third, while the others are busy; and another one."""
    said = Conversation(run, opening=opening())
    async with busy(run, run.s1):
        for _ in range(2):
            run.good(await said.turn(), "a turn while the first server is busy")
    home = who_answered(said)
    async with busy(run, *(each for each in run.servers if each.name in (home, "s1"))):
        run.good(await said.turn(), "the turn while its server is busy")
    meanwhile = who_answered(said)
    answer = await said.turn()
    run.good(answer, "the turn afterwards")
    run.note(
        "who was asked afterwards",
        who_answered(said) in (home, meanwhile),
        f"{home} or {meanwhile}",
        who_answered(said),
        firm=True,
    )
