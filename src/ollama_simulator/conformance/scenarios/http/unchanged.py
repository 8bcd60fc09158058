"""What an intermediary is tempted to do with requests and answers: read, write anew, keep."""

import hashlib

import zstandard

from ollama_simulator.conformance.answer import Outcome
from ollama_simulator.conformance.dialect import CHAT
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.installed_models import model
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.http.odd import Swallows
from ollama_simulator.conformance.scenarios.http.sending import asked, bodies, sent, values

ODD_JSON = (
    b'{ "model":"test-model", "stream" : false, "options":{"seed":12345678901234567890, '
    b'"temperature":1e0, "top_p":0.90}, "prompt":"\\u00fcber <b>&amp;</b> \xc3\xbc \\/ ", '
    b'"unknown":null,"system":"" }\n'
)
"""Whoever reads it and writes it anew writes other bytes, and often another number."""


CUT = (
    "The end of a request's body is lost: Content-Length counts bytes, and a text has more bytes "
    "than characters. Count the bytes that you send."
)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@scenario(
    claim="The body of a request reaches its server as its client wrote it, byte for byte.",
    advice="The body of a request was parsed and written anew: numbers, escapes, white space and "
    "fields that the balancer doesn't know change. Look into it if you must, and pass on the "
    "client's own bytes.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    killed_by={"rewrites-json"},
    variants={
        "json": variant(body=ODD_JSON, media="application/json"),
        "json-unnamed": variant(body=ODD_JSON, media=""),
    },
)
async def body_of_request(run: Run, body: bytes, media: str) -> None:
    """A request for a text, in unusual JSON."""
    await run.behave(Aimed(Swallows()), may_miss=True)
    headers = [("Content-Type", media)] if media else []
    answer = await sent(run, run.spell_any("POST", "/api/generate", body, headers=headers))
    received = bodies(run, answer)
    for each in received:
        if each.digest != _digest(body) and each.digest == _digest(body[: each.size]):
            run.check("how many bytes of the body arrived", each.size, len(body), advice=CUT)
            return
    found = [each.digest for each in received]
    run.check("the bodies that servers received", found, [_digest(body)], firm=True)
    run.note("the answer", answer.outcome is Outcome.COMPLETE, "200, complete", answer.story)


@scenario(
    claim="The compressed body of a request reaches its server so that it can be decompressed.",
    advice="The coding of a request and its Content-Encoding don't fit: pass both on as they are, "
    "or decompress and drop the header.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    killed_by={"drops-request-coding"},
)
async def compressed_request(run: Run) -> None:
    """A body in zstd, which Ollama's own clients may send."""
    await run.behave(Aimed(Swallows()), may_miss=True)
    plain = run.spell(CHAT, stream=False).body
    packed = zstandard.ZstdCompressor().compress(plain)
    coding = [("Content-Type", "application/json"), ("Content-Encoding", "zstd")]
    answer = await sent(run, run.spell_any("POST", CHAT.path, packed, headers=coding))
    seen = asked(run, answer)
    digests = [each.digest for each in bodies(run, answer)]
    found = ", ".join(values(seen.headers, "content-encoding") if seen else []) or "no coding"
    what = {_digest(plain): "no coding, the body decompressed"}
    what[_digest(packed)] = "zstd, the body as it was"
    body = what.get(digests[0] if digests else "", "another body")
    run.note(
        "the request as a server saw it",
        body.startswith(f"{found}, "),
        " or ".join(reversed(what.values())),
        f"{found}; of the bodies it is that which belongs to: {body}",
        firm=True,
    )


@scenario(
    claim="What a server says of its models is not remembered: who asks again gets what is true "
    "now.",
    level=Level.SHOULD,
    advice="The answer to a GET was kept and given to those who asked later. Lists of models "
    "change with each pull and each load: ask a server each time, or at least every few seconds.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    killed_by={"remembers-answers"},
)
async def fresh_lists(run: Run) -> None:
    """A list of models, before and after all servers got another one."""
    before = await run.ask("GET", "/api/tags")
    run.check("the status of the first list", before.status, 200)
    for server in run.servers:
        server.store.replace([model("brand-new")])
    deadline = run.fleet.clock.now() + 10.0 * run.scale
    after = await run.ask("GET", "/api/tags")
    while b"brand-new" not in after.body and run.fleet.clock.now() < deadline:
        await run.sleep(1.0)
        after = await run.ask("GET", "/api/tags")
    run.note(
        "the list of models when all servers have another one",
        b"brand-new" in after.body,
        "names the new model within 10 s",
        repr(after.text[:80]),
        sure=True,
    )
