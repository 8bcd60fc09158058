"""Large bodies of requests: pictures, and the files of models."""

import base64
import hashlib
import random
import re
from pathlib import Path

from ollama_simulator.conformance.answer import Answer, Outcome
from ollama_simulator.conformance.dialect import GENERATE
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import each_of, scenario, variant
from ollama_simulator.conformance.scenarios.http.odd import Swallows, chunked
from ollama_simulator.conformance.scenarios.http.sending import bodies, sent
from ollama_simulator.conformance.spelling import Part, Spelled, trickle

SIZES = {
    "900-kb": 900_000,
    "1100-kb": 1_100_000,
    "2100-kb": 2_100_000,
    "4100-kb": 4_100_000,
    "10-mb": 10_000_000,
}
FRAMINGS = {
    "length": variant(chunks=False),
    "chunked": variant(chunks=True, killed_by={"drops-chunked-bodies"}),
}
CHUNKED = ("Transfer-Encoding", "chunked")
EVIDENCE = (
    "mnfst/llm-gateway#2126",
    "llamastash/llamastash#65",
    "clawvisor/clawvisor#428",
    "archestra-ai/archestra#1417",
)
REFUSED = (411, 413)
"""No length, and too large: what an honest limit says."""


def _picture(run: Run, size: int, *, chunks: bool) -> tuple[Spelled, list[Part]]:
    """A request with a picture, of about so many bytes, and how it goes out."""
    # Nobody's buffer has the size of the pattern, so that a lost or repeated one is seen.
    pattern = base64.b64encode(random.Random(size).randbytes(59_997)).decode()
    headers = [CHUNKED] if chunks else []
    more = {"images": [(pattern * (size // len(pattern) + 1))[:size]]}
    spelled = run.spell(GENERATE, "What is this?", stream=False, headers=headers, more=more)
    body = chunked(spelled.body) if chunks else spelled.body
    return spelled, [spelled.head, body]


def _arrived(run: Run, answer: Answer, spelled: Spelled) -> bool:
    """Check that a body reached one server as it was sent."""
    size = len(spelled.body)
    received = bodies(run, answer)
    sizes = [each.size for each in received]
    if not run.note(
        "the sizes of the bodies that servers received",
        sizes == [size],
        [size],
        sizes,
        advice="The body of a request is lost, cut, written anew or sent twice on its way: read "
        "it to its end by Content-Length or by its chunks, write its own bytes, all of them, and "
        "send them once.",
        firm=True,
    ):
        return False
    return run.check(
        "the SHA-256 of the body that a server received",
        received[0].digest,
        hashlib.sha256(spelled.body).hexdigest(),
        advice="The body of a request is changed on its way: pass its bytes on unread.",
        firm=True,
    )


@scenario(
    claim="A large body of a request reaches one server byte for byte, or is refused with 413.",
    advice="Pass bodies of requests on as they come, whatever their size and framing, or answer "
    "413; never cut them, and never close the connection without an answer.",
    needs={Feature.NATIVE},
    wants={Feature.PASSTHROUGH},
    evidence=EVIDENCE,
    killed_by={"cuts-bodies"},
    timeout=10.0,
    variants=each_of({name: variant(size=size) for name, size in SIZES.items()}, FRAMINGS),
)
async def large_body(run: Run, size: int, chunks: bool) -> None:
    """One request with a picture."""
    await _large(run, size, chunks=chunks)


@scenario(
    claim="A very large body of a request reaches one server byte for byte, or is refused "
    "with 413.",
    advice="Pass bodies of requests on as they come, whatever their size, or answer 413; never "
    "cut them, and never close the connection without an answer.",
    needs={Feature.NATIVE},
    wants={Feature.PASSTHROUGH},
    evidence=("MAXeaglet/commandcode-proxy#20",),
    killed_by={"cuts-bodies"},
    timeout=10.0,
    # So many bytes hold everybody else up.
    alone=True,
    variants={"33-mb": variant(size=33_000_000), "64-mb": variant(size=64_000_000)},
)
async def huge_body(run: Run, size: int) -> None:
    """One request with a picture."""
    await _large(run, size, chunks=False)


async def _large(run: Run, size: int, *, chunks: bool) -> None:
    await run.behave(Aimed(Swallows()), may_miss=True)
    spelled, parts = _picture(run, size, chunks=chunks)
    before = _most_memory(run.subject.pid)
    answer = await sent(run, spelled, parts, patience=30.0 * run.scale)
    run.figure("bytes of the body", len(spelled.body))
    after = _most_memory(run.subject.pid)
    if size >= SIZES["10-mb"] and before is not None and after is not None:
        run.figure("memory taken, in sizes of the body", (after - before) / size)
    if answer.status in REFUSED:
        run.figure("refused above", size, "bytes")
        run.note("an honest refusal", answer.complete, "413, complete", answer.story)
        return
    # Where so many bytes held us up, a health check may have waited for our servers.
    whole = answer.outcome is Outcome.COMPLETE
    run.in_time("the answer", whole, "200, complete", answer.story, tolerance=2.0)
    if whole:
        _arrived(run, answer, spelled)


def _most_memory(pid: int | None) -> int | None:
    """The most memory that a process ever had, in bytes, where the system tells."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found.group(1)) * 1024 if found else None


@scenario(
    claim="A request with a few pictures, 10 MB of JSON, is accepted.",
    level=Level.SHOULD,
    advice="Bodies are limited to less than what pictures need: raise the limit on the size of "
    "a request's body, or take it away.",
    needs={Feature.NATIVE},
    wants={Feature.PASSTHROUGH},
    evidence=EVIDENCE,
    killed_by={"limits-bodies"},
    timeout=10.0,
)
async def pictures_accepted(run: Run) -> None:
    """One request."""
    await run.behave(Aimed(Swallows()), may_miss=True)
    spelled, parts = _picture(run, SIZES["10-mb"], chunks=False)
    answer = await sent(run, spelled, parts, patience=30.0 * run.scale)
    run.note("the answer", answer.outcome is Outcome.COMPLETE, "200, complete", answer.story)


@scenario(
    claim="A body arrives whole when its server is slow to read it, or its client slow to send it.",
    advice="Wait for whoever is slow: stop reading from the client while the server doesn't "
    "read, and go on sending until the body is complete.",
    needs={Feature.NATIVE},
    wants={Feature.PASSTHROUGH},
    evidence=("lbjlaq/Antigravity-Manager#1167",),
    killed_by={"cuts-bodies"},
    timeout=4.0,
    variants={
        "server": variant(size=4_100_000, late=0.6),
        "client": variant(size=900_000, pieces=8),
        "client-chunked": variant(
            size=900_000, pieces=8, chunks=True, killed_by={"drops-chunked-bodies"}
        ),
    },
)
async def slow_body(
    run: Run, size: int, late: float = 0.0, pieces: int = 0, chunks: bool = False
) -> None:
    """One request, held up for a little more than half a second at one of its ends."""
    await run.behave(Aimed(Swallows(late)), may_miss=True)
    spelled, parts = _picture(run, size, chunks=chunks)
    if pieces:
        head, body = parts
        assert isinstance(body, bytes), "a picture goes out in one piece"
        parts = [head, *trickle(body, pieces, 0.6)]
    answer = await sent(run, spelled, parts, patience=run.patience)
    if answer.status in REFUSED:
        run.note("an honest refusal", answer.complete, "413, complete", answer.story)
        return
    _arrived(run, answer, spelled)
    run.note("the answer", answer.outcome is Outcome.COMPLETE, "200, complete", answer.story)
