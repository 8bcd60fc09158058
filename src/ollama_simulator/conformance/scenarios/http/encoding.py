"""Answers that a server compresses, for clients that bear it and for those that don't."""

import zlib

from ollama_simulator.conformance.answer import Answer, Piece
from ollama_simulator.conformance.dialect import CHAT, GENERATE, OPENAI, Dialect, generated
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.http.odd import (
    DONE,
    GZIP,
    CompressedError,
    Compresses,
    Says,
)

BEARS = [("Accept-Encoding", "gzip")]
BEARS_NONE = [("Accept-Encoding", "identity")]
EVIDENCE = (
    "gadievron/raptor#547",
    "freelensapp/freelens-ai-extension#272",
    "qualixar/superlocalmemory#79",
)
ADVICE = (
    "The coding of an answer and its Content-Encoding don't fit: pass both on as they are, or "
    "decompress and drop the header; many HTTP libraries decompress by themselves."
)
TOKENS = 12
QUICKLY = 400.0
PER_S = 10.0
"""The pace of a compressed stream, in tokens a second."""


def decoded(answer: Answer) -> bool:
    """Decompress an answer in place, once, if its head says that it is. Returns whether that
    was possible."""
    coding = (answer.header("content-encoding") or "identity").lower()
    if coding == "identity":
        return True
    unpacker = zlib.decompressobj(wbits=GZIP)
    try:
        pieces = [Piece(piece.t, unpacker.decompress(piece.data)) for piece in answer.pieces]
    except zlib.error:
        return False
    answer.pieces[:] = [piece for piece in pieces if piece.data]
    return coding == "gzip"


def _one_coding(run: Run, answer: Answer) -> bool:
    said = f"Content-Encoding: {answer.header('content-encoding')}, {answer.body[:24]!r}"
    run.figure("passed on compressed", answer.header("content-encoding") == "gzip")
    return run.note("decompressing the answer once", decoded(answer), "possible", said)


@scenario(
    claim="A compressed answer reaches a client that bears it so that it decodes it once.",
    advice=ADVICE,
    needs={Feature.PASSTHROUGH},
    evidence=EVIDENCE,
    killed_by={"decompresses-silently"},
    variants={
        "json": variant(dialect=CHAT, stream=False, needs={Feature.NATIVE}),
        "ndjson": variant(dialect=GENERATE, stream=True, needs={Feature.NATIVE}),
        "sse": variant(dialect=OPENAI, stream=True, needs={Feature.OPENAI}),
    },
)
async def gzip(run: Run, dialect: Dialect, stream: bool) -> None:
    """One request of a client that accepts gzip, to servers that compress then."""
    # A balancer may well say that it wants nothing compressed.
    await run.behave(Aimed(Compresses(QUICKLY)), may_miss=True)
    answer = await run.talk(dialect, stream=stream, tokens=12, headers=BEARS)
    if _one_coding(run, answer):
        run.good(answer)


@scenario(
    claim="A compressed error reaches a client that bears it so that it decodes it once.",
    advice=ADVICE,
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=("lablup/backend.ai#5771", *EVIDENCE),
    killed_by={"decompresses-silently"},
)
async def gzip_error(run: Run) -> None:
    """A 500 from every server."""
    await run.behave(Aimed(CompressedError()))
    answer = await run.talk(CHAT, stream=False, tokens=12, headers=BEARS)
    if not run.note(
        "the status of the answer", (answer.status or 0) >= 500, "500 or above", answer.story
    ):
        return
    if _one_coding(run, answer) and answer.status == 500:
        plain = b"the model failed" in answer.body
        run.note("the server's own words", plain, "there", repr(answer.body[:60]))


@scenario(
    claim="A compressed stream stays a stream.",
    level=Level.SHOULD,
    advice="Pass each piece of a compressed stream on as it comes; if you decompress or compress "
    "it, flush behind each piece.",
    needs={Feature.PASSTHROUGH},
    evidence=EVIDENCE,
    after=("http.gzip",),
    killed_by={"buffers"},
    variants={
        "ndjson": variant(dialect=GENERATE, needs={Feature.NATIVE}),
        "sse": variant(dialect=OPENAI, needs={Feature.OPENAI}),
    },
)
async def gzip_stream(run: Run, dialect: Dialect) -> None:
    """A second of tokens, compressed one by one."""
    await run.behave(Aimed(Compresses(PER_S)), may_miss=True)
    answer = await run.talk(dialect, tokens=TOKENS, headers=BEARS)
    if not _one_coding(run, answer) or not run.good(answer):
        return
    times = [t for t, line in answer.lines() if generated(line)]
    middle = times[len(times) // 2]
    early = times[-1] - middle
    run.figure("the middle token came before the last by", early, "s")
    half = TOKENS / 2 / PER_S
    run.in_time(
        "how long before the last token the middle one came",
        early > half / 2,
        f"about {half:.2f} s",
        f"{early:.2f} s",
        tolerance=half,
    )


@scenario(
    claim="A client that wants nothing compressed gets nothing compressed.",
    level=Level.SHOULD,
    advice="A server was told that its answer may be compressed, though the client doesn't bear "
    "that: pass Accept-Encoding on as the client wrote it, or decompress.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"accepts-gzip-for-all"},
)
async def not_compressed(run: Run) -> None:
    """A client that accepts `identity` alone, and servers that compress if they may."""
    await run.behave(Aimed(Compresses(QUICKLY)), may_miss=True)
    answer = await run.talk(CHAT, stream=False, tokens=12, headers=BEARS_NONE)
    run.check(
        "the coding of the answer", answer.header("content-encoding") or "identity", "identity"
    )
    run.good(answer)


@scenario(
    claim="An answer that is called compressed and isn't reaches the client as it is, or is "
    "refused.",
    level=Level.TELL,
    advice="Pass a body on as it is: who decompresses it must bear that it can't be decompressed.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"loses-what-lies"},
)
async def lying_coding(run: Run) -> None:
    """JSON that says it is gzip."""
    lines = (
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        "Content-Encoding: gzip",
        f"Content-Length: {len(DONE)}",
    )
    await run.behave(Aimed(Says(("\r\n".join([*lines, "", ""]).encode() + DONE,))))
    answer = await run.talk(CHAT, stream=False, tokens=3, headers=BEARS)
    refused = (answer.status or 502) >= 500 or not answer.complete
    held = answer.body == DONE or (refused and answer.seconds < run.timeout + 2.5)
    run.figure("passed on", answer.body == DONE)
    run.note("the answer", held, f"{DONE[:30]!r}... or a refusal", answer.story)
