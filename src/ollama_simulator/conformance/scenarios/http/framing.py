"""Answers that are framed in another way than Ollama's, plain ones and odd ones."""

from collections.abc import Sequence

from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.dialect import CHAT
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.http.odd import DONE, Says, chunked
from ollama_simulator.conformance.scenarios.http.sending import values
from ollama_simulator.net.client import End

OK = b"HTTP/1.1 200 OK\r\n"
MEDIA = b"Content-Type: application/json\r\n"
CLOSE = b"Connection: close\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(DONE)
TE = b"Transfer-Encoding: chunked\r\n"
CHUNKS = chunked(DONE, 30)
EVIDENCE = ("envoyproxy/envoy#9016", "haproxy/haproxy#2677", "h2o/h2o#3342", "golang/go#65505")

UNFAIR = {
    "http.folded-header-of-an-answer": "A header over two lines may be refused, dropped or joined "
    "(RFC 9112, 5.2), so there is nothing that a balancer could do wrong but hang.",
}


def _bytewise(data: bytes) -> tuple[bytes, ...]:
    """A head in pieces of 40 bytes, and the framing of its body byte by byte."""
    head, _, body = data.partition(b"\r\n\r\n")
    head += b"\r\n\r\n"
    pieces = [head[start : start + 40] for start in range(0, len(head), 40)]
    return (*pieces, *(body[at : at + 1] for at in range(50)), body[50:-6], body[-6:-3], body[-3:])


async def _ask(run: Run, parts: Sequence[bytes], apart: float = 0.0) -> Answer:
    """One request to servers that all say this."""
    await run.behave(Aimed(Says(tuple(parts), apart)))
    return await run.talk(CHAT, stream=False, tokens=3)


def _is_whole(run: Run, answer: Answer) -> bool:
    """Check that an answer came as the server meant it."""
    whole = answer.complete and answer.status == 200
    ended = f"{answer.status}, {answer.ending}"
    return run.note("how the answer ended", whole, "200, complete", ended) and run.note(
        "the body of the answer", answer.body == DONE, repr(DONE), repr(answer.body[:200])
    )


def _is_safe(run: Run, answer: Answer) -> bool:
    """Check that an answer came as the server meant it, or that the client can tell."""
    refused = answer.complete and (answer.status or 0) >= 500
    if refused or answer.end in (End.CUT, End.RESET):
        return run.note("an honest refusal", True, "5xx, or no whole answer", answer.story)
    return _is_whole(run, answer)


@scenario(
    claim="An answer is understood in every framing and spelling that HTTP/1 has for it.",
    advice="Read answers with an HTTP parser: names of headers in any case, bodies by length, by "
    "chunks or up to the end of the connection, and a head or chunk that comes in any pieces.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"wants-a-length"},
    variants={
        "close-delimited": variant(says=[OK + MEDIA + CLOSE + b"\r\n" + DONE]),
        "http-1-0": variant(
            says=[b"HTTP/1.0 200 OK\r\n" + MEDIA + b"\r\n" + DONE[:30], DONE[30:]], apart=0.1
        ),
        "lower-case": variant(
            says=[OK.replace(b"OK", b"ok") + (MEDIA + TE).lower() + b"\r\n" + CHUNKS],
            killed_by={"knows-one-case"},
        ),
        "upper-case": variant(
            says=[OK + (MEDIA + LENGTH).upper() + b"\r\n" + DONE],
            killed_by={"knows-one-case"},
        ),
        "in-pieces": variant(
            says=_bytewise(OK + MEDIA + TE + b"\r\n" + CHUNKS),
            apart=0.004,
            killed_by={"passes-on-pieces"},
        ),
        "no-reason": variant(
            says=[b"HTTP/1.1 200 \r\n" + MEDIA + LENGTH + b"\r\n" + DONE],
            level=Level.SHOULD,
            killed_by={"wants-a-reason"},
        ),
    },
)
async def plain_answer(run: Run, says: Sequence[bytes], apart: float = 0.0) -> None:
    """One request, answered so by every server."""
    _is_whole(run, await _ask(run, says, apart))


@scenario(
    claim="What HTTP/1.1 allows around an answer, extensions of chunks, trailers and interim "
    "answers, does not keep its body from the client.",
    level=Level.TELL,
    advice="Pass over extensions of chunks and trailers, and answers below 200 before the one "
    "that counts (RFC 9112, 7.1; RFC 9110, 15.2).",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"takes-the-first-status"},
    variants={
        "chunk-extension": variant(
            says=[OK + MEDIA + TE + b"\r\n" + CHUNKS.replace(b"1e\r\n", b"1E;sum=12\r\n", 1)],
            killed_by={"passes-on-pieces"},
        ),
        "trailers": variant(
            says=[
                OK + MEDIA + TE + b"Trailer: X-Sum\r\n\r\n",
                CHUNKS.removesuffix(b"\r\n") + b"X-Sum: 12\r\nX-Odd: 1\r\n\r\n",
            ],
            killed_by={"passes-on-pieces"},
        ),
        "interim-100": variant(
            says=[b"HTTP/1.1 100 Continue\r\n\r\n", OK + MEDIA + LENGTH + b"\r\n" + DONE]
        ),
        "interim-102": variant(
            says=[b"HTTP/1.1 102 Processing\r\n\r\n" * 3, OK + MEDIA + LENGTH + b"\r\n" + DONE],
            apart=0.2,
        ),
        "interim-103": variant(
            says=[
                b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
                OK + MEDIA + LENGTH + b"\r\n" + DONE,
            ],
            apart=0.2,
        ),
    },
)  # fmt: skip
async def rich_answer(run: Run, says: Sequence[bytes], apart: float = 0.0) -> None:
    """One request, answered so by every server. What else passes is told."""
    answer = await _ask(run, says, apart)
    if _is_whole(run, answer):
        run.figure("interim answers passed on", len(answer.interim))
        run.figure("trailers passed on", len(answer.trailers))


@scenario(
    claim="An answer that contradicts itself reaches the client in one clear reading, or not "
    "at all.",
    level=Level.TELL,
    advice="Where an answer has both Content-Length and Transfer-Encoding, or one of them twice, "
    "keep Transfer-Encoding alone or answer 502; never pass both on (RFC 9112, 6.3).",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"passes-on-ambiguity"},
    variants={
        "both-framings": variant(
            says=[OK + MEDIA + b"Content-Length: 7\r\n" + TE + b"\r\n" + CHUNKS]
        ),
        "te-twice": variant(says=[OK + MEDIA + TE + TE + b"\r\n" + CHUNKS]),
        "two-lengths": variant(says=[OK + MEDIA + LENGTH + b"Content-Length: 7\r\n\r\n" + DONE]),
        "same-length-twice": variant(says=[OK + MEDIA + LENGTH + LENGTH + b"\r\n" + DONE]),
    },
)
async def odd_answer(run: Run, says: Sequence[bytes]) -> None:
    """One request, answered so by every server."""
    answer = await _ask(run, says)
    if not _is_safe(run, answer):
        return
    run.figure("passed on", answer.status == 200)
    framings = values(answer.headers, "content-length") + values(
        answer.headers, "transfer-encoding"
    )
    run.note("how the answer is framed", len(framings) <= 1, "in one way", framings)


@scenario(
    claim="A header of a form or size that few have seen passes unchanged, or the answer is "
    "refused.",
    level=Level.TELL,
    advice="Where a header of an answer is too long for a buffer or spread over lines, answer "
    "502 and say so, or make the buffer larger; don't drop it.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"drops-unknown-headers"},
    variants={
        "6-kb": variant(header=b"X-Odd: " + b"a" * 6_144, value="a" * 6_144),
        "32-kb": variant(header=b"X-Odd: " + b"a" * 32_768, value="a" * 32_768),
    },
)
async def odd_header(run: Run, header: bytes, value: str) -> None:
    """One request, answered so by every server."""
    answer = await _ask(run, [OK + MEDIA + header + b"\r\n" + LENGTH + b"\r\n" + DONE])
    if not _is_safe(run, answer):
        return
    run.figure("passed on", answer.status == 200)
    if answer.status == 200:
        got = " ".join((answer.header("x-odd") or "").split())
        what = f"{value[:20]!r} ... ({len(value)} characters)"
        run.note("the header", got == value, what, f"{got[:20]!r} ... ({len(got)} characters)")


@scenario(
    claim="A 204 has no body for the client, though its server sent one, and what was sent does "
    "not become part of another answer.",
    level=Level.TELL,
    advice="Answers with 204 and 304 end with their head: forget what follows, and don't use "
    "that connection again.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=("fabric8io/fabric8#1428", "h2o/h2o#3342"),
    killed_by={"gives-204-a-body"},
)
async def body_on_204(run: Run) -> None:
    """The odd answer, then a sound one."""
    says = [b"HTTP/1.1 204 No Content\r\n" + LENGTH + b"\r\n" + DONE]
    answer = await _ask(run, says)
    run.note("the status of the answer", answer.status in (204, 502), "204 or 502", answer.story)
    run.check("the length that its head tells", answer.header("content-length") or "0", "0")
    if answer.status == 204:
        await run.behave(Aimed(Says((OK + MEDIA + LENGTH + b"\r\n" + DONE,))), may_miss=True)
        _is_whole(run, await run.talk(CHAT, stream=False, tokens=3))
