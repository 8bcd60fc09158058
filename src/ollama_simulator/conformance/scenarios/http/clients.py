"""Clients that write requests in another way than most: old ones, terse ones, dangerous ones."""

from ollama_simulator.conformance.dialect import CHAT
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.http.odd import Swallows, chunked
from ollama_simulator.conformance.scenarios.http.sending import Wire, asked, sent, values
from ollama_simulator.records import Asked

EVIDENCE = ("h2o/h2o#3342", "golang/go#65505")
UNFAIR = {
    "http.two-lengths": "A request with two lengths is refused by every parser that is in use; a "
    "balancer that passes it on meets a server that refuses it.",
    "http.pipelining": "Who closes behind each answer may drop what a client sent ahead "
    "(RFC 9112, 9.3.2), and a client can't tell that from a loss.",
}
HIDDEN = "/api/hidden-in-a-body"
"""The path of a request that stands where a body is."""


@scenario(
    claim="A request is understood however its headers' names are written.",
    advice="Names of headers are the same in upper and lower case: many clients write "
    "content-length and transfer-encoding in small letters.",
    needs={Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"knows-one-case-of-requests"},
    variants={"lower-case": variant(lower=True), "upper-case": variant(lower=False)},
)
async def spelling_of_request(run: Run, lower: bool) -> None:
    """A chat whose whole head but for its first line is in one case."""
    spelled = run.spell(CHAT, stream=False, tokens=3)
    line, _, rest = spelled.head.partition(b"\r\n")
    names = [each.partition(b":") for each in rest.removesuffix(b"\r\n\r\n").split(b"\r\n")]
    cased = [(n.lower() if lower else n.upper()) + colon + value for n, colon, value in names]
    answer = await sent(run, spelled, [b"\r\n".join([line, *cased, b"", b""]) + spelled.body])
    run.good(answer)


@scenario(
    claim="A client that speaks HTTP/1.0 gets an answer without chunks, ended by its length or by "
    "the end of the connection.",
    level=Level.TELL,
    advice="To HTTP/1.0 send no Transfer-Encoding: send the bytes alone, and close (RFC 9112, "
    "6.1).",
    needs={Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"chunks-for-everybody"},
    variants={"stream": variant(stream=True), "whole": variant(stream=False)},
)
async def old_client(run: Run, stream: bool) -> None:
    """A chat as HTTP/1.0."""
    spelled = run.spell(CHAT, stream=stream, tokens=12)
    head = spelled.head.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)
    answer = await sent(run, spelled, [head + spelled.body])
    run.good(answer)
    run.check("codings of the answer", values(answer.headers, "transfer-encoding"), [])


@scenario(
    claim="What stands in the body of a request is never taken for another request.",
    level=Level.SHOULD,
    advice="A body was taken for a request of its own (request smuggling): where a request has "
    "both Content-Length and Transfer-Encoding answer 400, or go by Transfer-Encoding, pass that "
    "on alone, and read nothing more from that connection (RFC 9112, 6.1 and 11.2).",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"serves-what-follows"},
)
async def smuggling(run: Run) -> None:
    """A request with both framings, whose client wants to close behind it. Its length tells that
    all is body; its chunks end before the hidden request."""
    await run.behave(Aimed(Swallows()), may_miss=True)
    hidden = f"GET {HIDDEN} HTTP/1.1\r\nHost: 127.0.0.1:{run.port}\r\n\r\n".encode()
    spelled = run.spell(CHAT, stream=False, tokens=3)
    body = chunked(spelled.body) + hidden
    extra = f"Content-Length: {len(body)}\r\nTransfer-Encoding: chunked\r\n".encode()
    head, _, _ = spelled.head.partition(b"Content-Length: ")
    async with Wire(run, f"{spelled.asked} with another behind it") as wire:
        wire.send(head + extra + b"\r\n" + body)
        said = await wire.head(run.patience)
        run.figure("refused", said is None or said.status >= 400)
        # Somebody who takes it for a request does so at once.
        await wire.until(lambda: wire.over, 0.3)
    found = [each for each in run.fleet.journal.where(Asked) if each.target == HIDDEN]
    run.check("requests for what stands in the body", len(found), 0, firm=True)


@scenario(
    claim="A request that contradicts itself is refused, or made plain before it is passed on.",
    level=Level.TELL,
    advice="Where a request has both Content-Length and Transfer-Encoding answer 400, or drop "
    "Content-Length; don't leave it to the server to choose (RFC 9112, 6.3).",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"passes-on-framing"},
)
async def both_framings(run: Run) -> None:
    """A request with a right Content-Length and right chunks."""
    await run.behave(Aimed(Swallows()), may_miss=True)
    spelled = run.spell(CHAT, stream=False, tokens=3)
    body = chunked(spelled.body)
    extra = f"Content-Length: {len(body)}\r\nTransfer-Encoding: chunked\r\n".encode()
    head, _, _ = spelled.head.partition(b"Content-Length: ")
    answer = await sent(run, spelled, [head + extra + b"\r\n" + body], patience=run.patience)
    run.figure("refused", (answer.status or 400) >= 400)
    seen = asked(run, answer)
    framings = [
        f"{name}: {value}"
        for name in ("content-length", "transfer-encoding")
        for value in (values(seen.headers, name) if seen else ())
    ]
    run.note("the framing that a server saw", len(framings) <= 1, "at most one", framings)


@scenario(
    claim="Behind an answer the connection to the client is closed, or the next request on it is "
    "answered right.",
    advice="Something of the answer before, or of the request before, was left on the connection: "
    "read each body to its end, write none for HEAD, 204 and 304, and end each answer exactly as "
    "its head says; or close.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=("stdapi-ai/stdapi.ai#254", "h2o/h2o#3342"),
    killed_by={"writes-too-much"},
    variants={
        "after-head": variant(first=b"HEAD /api/tags HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        "after-get": variant(
            first=b"GET /api/tags HTTP/1.1\r\nHost: HOST\r\n\r\n",
        ),
        "after-post": variant(
            first=b"POST /api/show HTTP/1.1\r\nHost: HOST\r\nContent-Length: 22\r\n\r\n"
            b'{"model":"test-model"}',
        ),
        "after-chunks": variant(
            first=b"POST /api/show HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n"
            b'16\r\n{"model":"test-model"}\r\n0\r\n\r\n',
        ),
        "after-error": variant(
            first=b"POST /no/such/path HTTP/1.1\r\nHost: HOST\r\nContent-Length: 22\r\n\r\n"
            b'{"model":"test-model"}',
        ),
    },
)
async def next_request(run: Run, first: bytes) -> None:
    """Two requests, one after the other, on one connection."""
    host = f"127.0.0.1:{run.port}".encode()
    async with Wire(run, first.partition(b" HTTP")[0].decode()) as wire:
        wire.send(first.replace(b"HOST", host))
        said = await wire.head()
        if not run.note("the first answer", said is not None, "a status", "none"):
            return
        assert said is not None, "noted above"
        await _take_body(run, wire, bodiless=first.startswith(b"HEAD"))
        # What is too much comes late, if at all.
        await wire.until(lambda: wire.came, 0.15)
        if not run.check("bytes behind the first answer", wire.came[:60], b""):
            return
        if wire.over:
            run.figure("closed behind the first", 1)
            return
        wire.send(b"GET /api/version HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
        again = await wire.head()
        # Whoever closes just then may; the client asks again.
        if again is None and wire.over and not wire.came:
            run.figure("closed behind the first", 1)
            return
        run.check("the status of the second answer", again.status if again else None, 200)
        await wire.until(lambda: b'"version"' in wire.came, 1.0)
        run.note("the second answer", b'"version"' in wire.came, "a version", wire.came[:60])


async def _take_body(run: Run, wire: Wire, *, bodiless: bool) -> None:
    """Read the body of the answer whose head came, and check that it is all there."""
    said = wire.last
    if bodiless or said.status in (204, 304):
        return
    length = said.header("content-length")
    if length is not None:
        size = int(length)
        await wire.until(lambda: len(wire.came) >= size)
        run.note("the first body", len(wire.came) >= size, f"{size} bytes", len(wire.came))
        wire.came = wire.came[size:]
    elif "chunked" in (said.header("transfer-encoding") or "").lower():
        await wire.until(lambda: wire.came.endswith(b"0\r\n\r\n"))
        _, last, wire.came = wire.came.rpartition(b"0\r\n\r\n")
        run.note("the first body", last != b"", "its terminator", "none")
    else:
        await wire.until(lambda: wire.over)
        run.note("the first body", wire.over, "ended by the connection", "still going on")
        wire.came = b""
