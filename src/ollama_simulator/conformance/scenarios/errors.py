"""What a client reads when its server answers with an error, or nobody answers at all."""

import gzip
import json

from ollama_simulator.acts import How
from ollama_simulator.conformance.answer import Answer, Outcome
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.saying import Says, error
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.failover.endings import Rejects
from ollama_simulator.faults.connection_refused import ConnectionRefused
from ollama_simulator.faults.fault import Fault
from ollama_simulator.records import Asked

EVIDENCE = (
    "mnfst/llm-gateway#2126",
    "lablup/backend.ai#5771",
    "openresty/openresty#351",
    "webserver-llc/angie#169",
)
DOCUMENT = json.dumps({"error": "the model is \u00fcberlastet"}, ensure_ascii=False).encode()
PAGE = b"<html><body><h1>Something is wrong</h1></body></html>"
AVOIDED_S = 0.9
"""For so long at least a server that failed is passed over by whoever does that."""
LARGE = b"0123456789abcdef" * 65_536
"""One MiB."""
JSON = (("Content-Type", "application/json; charset=utf-8"),)
TEXT = (("Content-Type", "text/plain; charset=utf-8"),)
HTML = (("Content-Type", "text/html; charset=utf-8"),)
ZIPPED = (*JSON, ("Content-Encoding", "gzip"))

KINDS: dict[str, tuple[bytes, tuple[tuple[str, str], ...], tuple[int, ...], str]] = {
    "json": (DOCUMENT, JSON, (400, 500, 529), "own-words-for-errors"),
    "text": (b"no healthy upstream", TEXT, (404, 503), "json-for-all-errors"),
    "html": (PAGE, HTML, (403, 502), "json-for-all-errors"),
    "empty": (b"", (), (404, 500), "fills-empty-errors"),
    "gzip": (gzip.compress(DOCUMENT, mtime=0), ZIPPED, (400, 500), "unzips-errors"),
    "large": (LARGE, TEXT, (413, 500), "cuts-large-errors"),
}
"""Bodies by kind: bytes, headers, the statuses that they are sent with, and the flaw that is
looked for."""


def _plain(body: bytes, encoding: str | None) -> bytes:
    """A body without its coding: a proxy may undo it, if it says so."""
    if encoding != "gzip":
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError):
        return b"(not gzip) " + body


@scenario(
    claim="An error of a server reaches the client with its status, its type and its body.",
    advice="Pass the server's answer on whatever its status is: its body says what was wrong, and "
    "clients decide by the status whether to try again. Treat Content-Encoding as in any other "
    "answer.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE, Feature.PASSTHROUGH},
    killed_by={"own-words-for-errors"},
    variants={
        f"{kind}-{status}": variant(said=Says(status, body, headers), killed_by={flaw})
        for kind, (body, headers, statuses, flaw) in KINDS.items()
        for status in statuses
    },
)
async def fidelity(run: Run, said: Says) -> None:
    """All servers answer the same."""
    await run.behave(Aimed(said))
    answer = await run.talk(tokens=2, headers=[("Accept-Encoding", "gzip")])
    if said.status >= 500 and len(run.attempts(answer)) > 1 and answer.status != said.status:
        # Of several failures it may make one of its own.
        run.note("the status", (answer.status or 0) >= 500, "500 or more", answer.state)
        return
    run.check("the status", answer.status, said.status)
    run.check("the end of the answer", answer.ending, "complete")
    sent = dict(said.headers)
    was = _plain(said.body, sent.get("Content-Encoding"))
    got = _plain(answer.body, answer.header("content-encoding"))
    if got == was:
        run.check("the body", len(got), len(was))
    else:
        run.check("the body", f"{len(got)} bytes: {got[:60]!r}", f"{len(was)} bytes: {was[:60]!r}")
    if said.body:
        run.check("the type of the body", answer.header("content-type"), sent["Content-Type"])


@scenario(
    claim="When no server can be reached or none answers, the client gets an error.",
    advice="Answer 502, 503 or 504, with a body that says why: a client must never take a failure "
    "for an answer, nor wait for one that can't come.",
    evidence=EVIDENCE,
    needs={Feature.NATIVE},
    killed_by={"ok-for-failures"},
    timeout=1.0,
    variants={
        "refused": variant(fault=ConnectionRefused()),
        "reset": variant(fault=Aimed(Rejects(How.RST))),
        "closed": variant(fault=Aimed(Rejects(How.FIN))),
    },
)
async def nobody_left(run: Run, fault: Fault) -> None:
    """All servers fail in the same way."""
    await run.behave(fault)
    for count, stream in ((1, True), (2, False)):
        answer = await run.talk(tokens=2, stream=stream)
        run.note(
            f"what the client of request {count} gets",
            _visible(answer, stream=stream),
            "a status of 500 or more, or the end of its connection",
            answer.story,
            firm=True,
        )


def _visible(answer: Answer, *, stream: bool) -> bool:
    if answer.outcome is Outcome.ERROR:
        return (answer.status or 0) >= 500
    # A stream may have begun before anybody was asked; a whole answer has no such excuse.
    in_band = answer.outcome is Outcome.IN_BAND and stream
    return in_band or answer.outcome in (Outcome.NONE, Outcome.CUT)


@scenario(
    claim="The next request avoids a server that just answered with an error of its own.",
    advice="A server that answers 500 or 503 is likely to do so again, and as it answers fast it "
    "gets more requests than the others. Count it as a failure, and pass the server over for a "
    "while.",
    evidence=EVIDENCE,
    level=Level.SHOULD,
    needs={Feature.NATIVE},
    wants={Feature.MARKS_5XX},
    killed_by={"never-marks"},
    variants={str(status): variant(status=status) for status in (500, 503)},
)
async def passed_over(run: Run, status: int) -> None:
    """The server that is asked first always answers so; ten more requests follow at once. What
    comes much later is not judged: then it may have been forgiven."""
    chosen = await run.strike_first(error(status, "something is wrong"))
    await run.talk(tokens=2)
    before = len(_asked(run, chosen.name))
    limit = run.fleet.clock.now() + AVOIDED_S
    count = 0
    while count == 0 or (count < 10 and run.fleet.clock.now() < limit):
        await run.talk(tokens=2)
        count += 1
    after = len(_asked(run, chosen.name)) - before
    # A health check that succeeds meanwhile may forgive it once; there is one in a second.
    forgiven = 1 if Feature.HEALTH_CHECKS in run.subject.features else 0
    run.note(
        f"requests to {chosen.name} after its {status}",
        after <= forgiven,
        f"at most {forgiven}" if forgiven else "none",
        f"{after} of {count}",
    )
    run.figure("share of the server that failed", after / count)


def _asked(run: Run, name: str | None) -> list[Asked]:
    return run.fleet.journal.where(Asked, server=name, method="POST")
