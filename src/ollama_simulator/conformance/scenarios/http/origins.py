"""Whom a server believes to talk to: `Host`, `Origin`, and what balancers add."""

from ollama_simulator.conformance.dialect import CHAT
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.http.sending import asked, sent, values

EVIDENCE = ("ollama/ollama#6021", "ollama/ollama#2425", "ollama/ollama#6712")
PAGE = "http://localhost:3000"
"""A page that Ollama lets ask, whatever is configured."""
STRANGER = "https://pages.example"
ALLOWED = "access-control-allow-origin"


@scenario(
    claim="A page that the server lets ask may ask through the balancer, too.",
    level=Level.SHOULD,
    advice="Pass Origin on to the server, and the Access-Control headers of its answer back; or "
    "answer for the pages that your own configuration lets ask.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"drops-permissions"},
)
async def page(run: Run) -> None:
    """A chat of a page on this machine."""
    answer = await run.talk(CHAT, stream=False, tokens=3, headers=[("Origin", PAGE)])
    run.good(answer)
    permission = answer.header(ALLOWED)
    run.note("who may read the answer", permission in (PAGE, "*"), PAGE, permission)


@scenario(
    claim="A browser that asks first whether a page may ask gets a permission.",
    level=Level.SHOULD,
    advice="Relay OPTIONS to a server and its Access-Control headers back, or answer it yourself "
    "with 204 and those headers; without them no page can use the balancer.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"drops-permissions"},
    variants={
        "chat": variant(path="/api/chat"),
        "openai": variant(path="/v1/chat/completions", needs={Feature.OPENAI}),
    },
)
async def preflight(run: Run, path: str) -> None:
    """An OPTIONS as browsers send it."""
    headers = [
        ("Origin", PAGE),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    ]
    answer = await run.ask("OPTIONS", path, headers=headers)
    run.note("the status", answer.status in (200, 204), "204 or 200", answer.state)
    permission = answer.header(ALLOWED)
    run.note("who may ask", permission in (PAGE, "*"), PAGE, permission)
    methods = (answer.header("access-control-allow-methods") or "").upper()
    run.note("by which methods", "POST" in methods or methods == "*", "POST among them", methods)


@scenario(
    claim="A page that the server does not let ask is refused in the server's own way.",
    level=Level.TELL,
    advice="Pass Origin on unchanged: who drops it lets every page of the Web use the servers, "
    "and who changes it locks the user's own pages out.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=(*EVIDENCE, "janhq/jan#8131"),
    killed_by={"drops-client-headers"},
    variants={"stranger": variant(origin=STRANGER), "null": variant(origin="null")},
)
async def refused_page(run: Run, origin: str) -> None:
    """A chat of a page that may not ask."""
    answer = await run.talk(CHAT, stream=False, tokens=3, headers=[("Origin", origin)])
    run.check("the status", answer.status, 403)


@scenario(
    claim="A server sees the Host that the client asked for.",
    level=Level.TELL,
    advice="Ollama refuses a Host that is not its own, unless it listens for everybody: keep the "
    "client's or say the server's, but know which.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=("ollama/ollama#3269", *EVIDENCE),
    killed_by={"drops-client-headers"},
)
async def host(run: Run) -> None:
    """A chat to a name that Ollama bears."""
    name = "balancer.localhost"
    headers = [("Host", f"{name}:{run.port}")]
    answer = await sent(run, run.spell(CHAT, stream=False, tokens=3, headers=headers))
    run.good(answer)
    seen = asked(run, answer)
    run.check("the Host that a server saw", values(seen.headers, "host") if seen else [],
              [f"{name}:{run.port}"])  # fmt: skip


@scenario(
    claim="A client that calls the balancer by a name that the servers don't know is answered.",
    level=Level.TELL,
    advice="Ollama answers 403 to a Host that is not its own: say the server's address as Host, "
    "or let the servers listen for everybody (OLLAMA_HOST).",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=("ollama/ollama#3269", "ollama/ollama#6021"),
    # The reference keeps the client's Host; told otherwise it says the server's.
    options=("--own-host",),
    killed_by={"keeps-strange-hosts"},
)
async def strange_host(run: Run) -> None:
    """A chat to a name on the Web."""
    headers = [("Host", "models.example")]
    answer = await run.talk(CHAT, stream=False, tokens=3, headers=headers)
    run.figure("status", answer.status or 0)
    run.good(answer)


@scenario(
    claim="A server is told for whom the balancer asks: X-Forwarded-For, Forwarded or Via.",
    level=Level.TELL,
    advice="Add X-Forwarded-For with the client's address, so that servers' logs tell who asked; "
    "never take a client's own word for it without adding yours.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    options=("--via",),
    killed_by={"tells-nobody"},
)
async def forwarded(run: Run) -> None:
    """A chat."""
    answer = await sent(run, run.spell(CHAT, stream=False, tokens=3))
    run.good(answer)
    seen = asked(run, answer)
    names = ("x-forwarded-for", "x-real-ip", "forwarded", "via", "x-forwarded-host")
    found = [name for name in names if seen is not None and values(seen.headers, name)]
    for name in names:
        run.figure(f"says {name}", name in found)
    run.note("what a server is told", bool(found), "one of them", "nothing")
