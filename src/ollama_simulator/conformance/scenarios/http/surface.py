"""All that Ollama's clients ask for beside texts: every method, path and query.

An answer is compared with what the server that gave it says when it is asked directly.
"""

import hashlib
import re
from typing import Any

from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.http.odd import chunked
from ollama_simulator.conformance.scenarios.http.sending import (
    Wire,
    bodies,
    may_be_a_probe,
    ours,
    sent,
)
from ollama_simulator.settings import Settings

MODEL = {"model": "test-model"}
HINT = "Relay every method and path of the server, known or not, with its body, status and headers."
EVIDENCE = (
    "BigBIueWhale/ollama_load_balancer#5",
    "stdapi-ai/stdapi.ai#254",
    "CherryHQ/cherry-studio#18789",
)
FILE = b"the weights of a small model\n" * 8_000
TOOK = re.compile(rb'"[a-z_]+_duration":\d+')
"""What differs from one answer to the next."""
DIGEST = hashlib.sha256(FILE).hexdigest()


def _reached(run: Run, answer: Answer, expected: str) -> bool:
    """Check what servers were asked for one request, once."""
    method, _, target = expected.partition(" ")
    found = [f"{each.method} {each.target}" for each in ours(run, answer)]
    if may_be_a_probe(method, target):
        # Whatever else looks like it may be the balancer's own.
        found = found[: found.count(expected) and 1]
    return run.check("what servers were asked", found, [expected], firm=True)


async def _directly(
    run: Run, answer: Answer, method: str, target: str, body: Any = None
) -> Answer | None:
    """What the server that was asked says without a balancer; None if none was."""
    direct = None
    for name in dict.fromkeys(each.server for each in ours(run, answer)):
        port = run.named(name).listener.port
        direct = await run.ask(method, target, body, port=port)
        if (direct.status, direct.body) == (answer.status, answer.body):
            break
    return direct


def _same(run: Run, answer: Answer, direct: Answer, what: str) -> None:
    """Check that an answer is the server's own."""
    run.check(f"the status of {what}", answer.status, direct.status)
    run.check(f"the end of {what}", answer.ending, direct.ending)
    # A redirect repeats the query.
    expected = direct.body.replace(direct.nonce.encode(), answer.nonce.encode())
    run.note(
        f"the body of {what}",
        TOOK.sub(b"", answer.body) == TOOK.sub(b"", expected),
        f"{len(expected)} bytes, {expected[:60]!r}",
        f"{len(answer.body)} bytes, {answer.body[:60]!r}",
    )
    run.check(
        f"the content type of {what}", answer.header("content-type"), direct.header("content-type")
    )


@scenario(
    claim="Whatever Ollama can be asked for is answered by a server, as that server would answer.",
    advice=HINT,
    needs={Feature.NATIVE},
    wants={Feature.PASSTHROUGH},
    evidence=EVIDENCE,
    killed_by={"relays-texts-only"},
    variants={
        "get-root": variant(method="GET", path="/"),
        "get-tags": variant(method="GET", path="/api/tags"),
        "get-version": variant(method="GET", path="/api/version"),
        "get-ps": variant(method="GET", path="/api/ps"),
        "get-models": variant(method="GET", path="/v1/models", needs={Feature.OPENAI}),
        "get-model": variant(method="GET", path="/v1/models/test-model", needs={Feature.OPENAI}),
        "show": variant(method="POST", path="/api/show", body=MODEL),
        "show-missing": variant(method="POST", path="/api/show", body={"model": "no-such"}),
        "embed": variant(method="POST", path="/api/embed", body={**MODEL, "input": ["a", "b c"]}),
        "bad-request": variant(
            method="POST", path="/api/chat", body=b"{not JSON", killed_by={"drops-path"}
        ),
        "delete": variant(
            method="DELETE",
            path="/api/delete",
            body={"model": "no-such"},
            killed_by={"drops-bodies"},
        ),
        "unknown-path": variant(method="GET", path="/no/such/path"),
        "unknown-post": variant(method="POST", path="/v1/no-such", body=MODEL),
        "wrong-method": variant(method="GET", path="/api/chat"),
        "put": variant(method="PUT", path="/api/tags", body=MODEL, level=Level.TELL),
        "patch": variant(method="PATCH", path="/api/tags", body=MODEL, level=Level.TELL),
    },
)
async def relayed(run: Run, method: str, path: str, body: Any = None) -> None:
    """One request, through the balancer and then directly."""
    answer = await run.ask(method, path, body)
    what = f"{method} {path}"
    _reached(run, answer, what)
    direct = await _directly(run, answer, method, path, body)
    if direct is None:
        return
    _same(run, answer, direct, what)
    if body is not None and (sizes := run.received(direct)):
        run.check(
            f"the size of the body that arrived for {what}",
            [each.size for each in bodies(run, answer)],
            sizes,
            advice="The body of a request is lost: pass it on whatever the method is.",
        )


@scenario(
    claim="The answer to HEAD has the status of the server's and no body, and is over at once.",
    advice="A HEAD is answered with a head alone: don't wait for the body that its Content-Length "
    "tells of, and write neither a body nor the end of chunks.",
    needs={Feature.NATIVE},
    wants={Feature.PASSTHROUGH},
    evidence=("stdapi-ai/stdapi.ai#254", *EVIDENCE[:1]),
    killed_by={"writes-too-much"},
    variants={
        "root": variant(path="/"),
        "tags": variant(path="/api/tags", killed_by={"waits-for-head-bodies"}),
        "version": variant(path="/api/version"),
        "missing-blob": variant(path=f"/api/blobs/sha256:{DIGEST}"),
    },
)
async def head(run: Run, path: str) -> None:
    """One HEAD, on a connection that stays open to see what follows; then directly."""
    clock = run.fleet.clock
    direct = await run.ask("HEAD", path, port=run.s1.listener.port)
    async with Wire(run, f"HEAD {path}") as wire:
        wire.send(f"HEAD {path} HTTP/1.1\r\nHost: 127.0.0.1:{run.port}\r\n\r\n".encode())
        begun = clock.now()
        said = await wire.head(run.soon)
        run.soon_enough("the time it took", clock.now() - begun, 1.0)
        await wire.until(lambda: wire.came, 0.2)
        run.check("the status", said.status if said else None, direct.status)
        run.check("bytes behind the head", wire.came[:60], b"")
        if said is not None and (length := direct.header("content-length")) is not None:
            run.figure("tells the length of the body", said.header("content-length") == length)


@scenario(
    claim="The query of a request reaches the server, byte for byte.",
    advice="The query string is dropped or rewritten: pass the whole target of the request on, "
    "path and query, as it came.",
    needs={Feature.NATIVE},
    wants={Feature.PASSTHROUGH},
    evidence=EVIDENCE[:1],
    killed_by={"drops-query"},
    variants={
        "get": variant(target="/api/tags?check=NONCE"),
        "post": variant(target="/api/show?check=NONCE", body=MODEL),
        "several": variant(target="/api/tags?b=2&check=NONCE&a=1&b=3"),
        "odd": variant(
            target="/api/tags?check=NONCE&a=b%20c+d&e=%2F%3f&f=&g&h=~*'()!;", level=Level.TELL
        ),
    },
)
async def query(run: Run, target: str, body: Any = None) -> None:
    """One request."""
    method = "GET" if body is None else "POST"
    answer = await run.ask(method, target, body)
    run.check("the status of the answer", answer.status, 200)
    _reached(run, answer, f"{method} {target.replace('NONCE', answer.nonce)}")


@scenario(
    claim="The path of a request reaches the server as its client wrote it, escapes included.",
    level=Level.SHOULD,
    advice="The path was decoded, cleaned or escaped anew on its way: pass on the target's own "
    "bytes. Names of models have slashes, which clients write as %2F.",
    needs={Feature.NATIVE},
    wants={Feature.PASSTHROUGH},
    evidence=("Haidra-Org/AI-Horde#391",),
    killed_by={"decodes-paths"},
    variants={
        "escaped-slash": variant(path="/v1/models/hf.co%2Fuser%2Fmodel:Q4"),
        "escaped-space": variant(path="/v1/models/my%20model"),
        "escaped-utf-8": variant(path="/v1/models/%C3%BCber", killed_by={"drops-path"}),
        "needless-escape": variant(path="/v1/models/%74est-model", level=Level.TELL),
        "two-slashes": variant(
            path="/v1//models/test-model", level=Level.TELL, killed_by={"cleans-paths"}
        ),
        "dots": variant(
            path="/v1/models/../models/test-model", level=Level.TELL, killed_by={"cleans-paths"}
        ),
        "trailing-slash": variant(
            path="/v1/models/test-model/", level=Level.TELL, killed_by={"cleans-paths"}
        ),
    },
)
async def path(run: Run, path: str) -> None:
    """One GET."""
    answer = await run.ask("GET", path)
    _reached(run, answer, f"GET {path}")


@scenario(
    claim="A redirection that a server answers is its client's to follow: it comes back as it is.",
    level=Level.SHOULD,
    advice="The balancer followed the redirection itself: switch that off in its HTTP client, and "
    "pass status and Location on. Its client must know where it is, and its method and body may "
    "not survive (RFC 9110, 15.4).",
    needs={Feature.NATIVE},
    wants={Feature.PASSTHROUGH},
    evidence=EVIDENCE[:1],
    killed_by={"follows-redirections"},
)
async def redirection(run: Run) -> None:
    """A path with a slash too many, which Ollama redirects."""
    answer = await run.ask("GET", "/api/tags/?check=NONCE")
    run.check("the status of the answer", answer.status, 301)
    run.note(
        "where it points to",
        "/api/tags" in (answer.header("location") or ""),
        "a path with /api/tags",
        answer.header("location"),
    )
    _reached(run, answer, f"GET /api/tags/?check={answer.nonce}")


@scenario(
    claim="The file of a model can be uploaded, and asked for, through the balancer.",
    advice="Relay POST and HEAD of /api/blobs/..., with bodies in chunks as `ollama create` "
    "sends them.",
    needs={Feature.NATIVE},
    wants={Feature.PASSTHROUGH},
    evidence=EVIDENCE,
    killed_by={"relays-texts-only"},
    variants={
        "length": variant(chunks=False),
        "chunked": variant(chunks=True, killed_by={"drops-chunked-bodies"}),
    },
)
async def blob(run: Run, chunks: bool) -> None:
    """An upload; then a question for it to the server that got it."""
    target = f"/api/blobs/sha256:{DIGEST}"
    headers = [("Content-Type", "application/octet-stream")]
    headers += [("Transfer-Encoding", "chunked")] if chunks else []
    spelled = run.spell_any("POST", target, FILE, headers=headers)
    answer = await sent(run, spelled, [spelled.head, chunked(FILE) if chunks else FILE])
    run.check("the status of the upload", answer.status, 201)
    _reached(run, answer, f"POST {target}")
    if answer.status == 201 and (direct := await _directly(run, answer, "HEAD", target)):
        run.check("the status of a HEAD straight to that server", direct.status, 200)


@scenario(
    claim="A pull tells its progress while it goes on, and runs to its end.",
    advice="Relay /api/pull as the stream it is: pass each line on at once, and don't limit how "
    "long an answer takes as long as something comes.",
    needs={Feature.NATIVE},
    wants={Feature.PASSTHROUGH},
    evidence=EVIDENCE[:1],
    killed_by={"relays-texts-only", "total-timeout"},
    timeout=1.0,
    settings=Settings(pull_bytes_per_second=25e6),
)
async def pull(run: Run) -> None:
    """A pull that takes longer than the longest silence of a server."""
    session = run.begin_any("POST", "/api/pull", {"model": "all-minilm"}, patience=run.patience)
    (answer,) = await run.together(session)
    lines = [line for _, line in answer.lines()]
    run.check("the status of the answer", answer.status, 200)
    run.check("the end of the answer", answer.ending, "complete")
    run.check("the last line", lines[-1] if lines else None, {"status": "success"})
    run.note("the lines of progress", len(lines) > 10, "more than 10", len(lines))
