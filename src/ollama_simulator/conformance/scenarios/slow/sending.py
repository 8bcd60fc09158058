"""Clients that send slowly: they are served in the end, and keep nobody else waiting.

Sources: design document 3.6, S47. The evidence is thin, so what depends on taste only tells.
"""

from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.spelling import Part, Spelled, trickle
from ollama_simulator.records import Asked, Received

EVIDENCE = ["autobrr/autobrr#946", "akka/akka-http#813"]
CROWD = 20
"""Clients that send slowly."""
PIECES = 12
"""Into so many a body is cut."""


@scenario(
    claim="A request whose head comes byte by byte is answered like any other.",
    advice="Read from a client until the empty line behind the head is there, however many reads "
    "that takes, and give it seconds, not a fraction of one.",
    evidence=EVIDENCE,
    timeout=4.0,
    killed_by={"impatient-with-heads"},
    variants={
        "text": variant(generates=True),
        "version": variant(generates=False, needs={Feature.NATIVE, Feature.PASSTHROUGH}),
    },
)
async def head(run: Run, generates: bool) -> None:
    """One byte each 8 ms: more than a second in all."""
    spelled = run.spell(tokens=8) if generates else run.spell_any("GET", "/api/version?n=NONCE")
    parts = trickle(spelled.head, len(spelled.head), 0.008 * len(spelled.head))
    answer = (await run.together(run.send(spelled, [*parts, spelled.body])))[0]
    if generates:
        run.good(answer)
    else:
        run.check("the status of the answer", answer.status, 200)
        run.check("the end of the answer", answer.ending, "complete")


@scenario(
    claim="A request whose body comes in pieces over half of the timeout is answered like any "
    "other, and its server gets every byte of it.",
    advice="Read a request's body to the end that its framing declares, however many reads that "
    "takes: the first read is not the body.",
    evidence=EVIDENCE,
    timeout=2.0,
    killed_by={"reads-once"},
)
async def body(run: Run) -> None:
    """Twelve pieces in a second."""
    spelled = run.spell(tokens=8)
    session = run.send(spelled, _slow_body(spelled, run.timeout / 2))
    answer = (await run.together(session))[0]
    run.good(answer)
    _all_of_it(run, spelled)


@scenario(
    claim="A request whose body takes longer to send than a server may be silent is answered "
    "like any other.",
    level=Level.TELL,
    advice="Begin to count a server's silence when the whole request has been sent to it.",
    evidence=["2witstudios/PageSpace#2544", *EVIDENCE],
    timeout=1.0,
    killed_by={"reads-once"},
)
async def long_body(run: Run) -> None:
    """One and a half times the timeout."""
    spelled = run.spell(tokens=8)
    session = run.send(spelled, _slow_body(spelled, run.timeout * 1.5))
    answer = (await run.together(session))[0]
    run.good(answer)
    _all_of_it(run, spelled)
    asked = run.attempts(answer)
    if asked and session.sent_at is not None:
        early = session.sent_at - asked[0].t
        run.figure("a server was asked before the body was there by", max(0.0, early), "s")


@scenario(
    claim="Twenty clients that have sent half of a request keep nobody else waiting.",
    level=Level.SHOULD,
    advice="Let a client that sends slowly hold nothing that others need: no thread of a small "
    "pool, no lock, no place in a list of few.",
    evidence=EVIDENCE,
    timeout=4.0,
    variants={
        "heads": variant(bodies=False, killed_by={"few-connections"}),
        "bodies": variant(bodies=True, needs={Feature.SHARES}, killed_by={"one-upload-at-a-time"}),
    },
    killed_by={"few-connections"},
)
async def crowd(run: Run, bodies: bool) -> None:
    """Half of the head, or of the body; then others ask."""
    alone = await run.talk(tokens=8)
    run.good(alone, "an answer without the crowd")
    slow = []
    for _ in range(CROWD):
        spelled = run.spell(tokens=8)
        whole = spelled.head + spelled.body
        half = len(spelled.head) // 2 if not bodies else len(spelled.head) + len(spelled.body) // 2
        slow.append(run.send(spelled, [whole[:half], 30.0, whole[half:]]))
    await run.sleep(0.2)
    for what in ("the first", "the second", "the third"):
        answer = await run.talk(tokens=8, patience=3.0 * run.scale)
        if not run.good(answer, f"{what} answer beside the crowd"):
            break
        run.soon_enough(f"{what} answer beside the crowd", answer.seconds, alone.seconds + 1.5)
    for session in slow:
        await session.leave()


@scenario(
    claim="A request whose body is still coming occupies no server.",
    level=Level.TELL,
    advice="Read a body that is not large before you choose a server for it.",
    evidence=EVIDENCE,
    timeout=4.0,
    killed_by={"takes-early"},
)
async def place(run: Run) -> None:
    """As many half requests as there are servers; then another client asks."""
    since = run.fleet.journal.dropped + len(run.fleet.journal.records)
    slow = []
    for _ in run.servers:
        spelled = run.spell(tokens=8)
        half = len(spelled.body) // 2
        parts: list[Part] = [spelled.head, spelled.body[:half], 30.0, spelled.body[half:]]
        slow.append(run.send(spelled, parts))
    await run.sleep(0.3)
    asked = run.fleet.journal.where(Asked, since=since, method="POST")
    run.figure("servers that were asked meanwhile", len({record.server for record in asked}))
    run.good(await run.talk(tokens=8), "an answer beside them")
    for session in slow:
        await session.leave()


def _slow_body(spelled: Spelled, seconds: float) -> list[Part]:
    return [spelled.head, *trickle(spelled.body, PIECES, seconds)]


def _all_of_it(run: Run, spelled: Spelled) -> None:
    """Check that what a server got is no less than a whole request."""
    if not run.claims(Feature.PASSTHROUGH):
        return
    sizes = [record.size for record in run.fleet.journal.where(Received, nonce=spelled.nonce)]
    run.check("bytes of the body that servers read", sizes, [len(spelled.body)])
