"""Headers that belong to one connection, and those that belong to the request or its answer."""

from collections.abc import Sequence

from ollama_simulator.conformance.dialect import CHAT
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.http.odd import DONE, Says
from ollama_simulator.conformance.scenarios.http.sending import asked, sent, values

Pairs = Sequence[tuple[str, str]]
EVIDENCE = ("h2o/h2o#3342", "golang/go#65505", "fabric8io/fabric8#1428")
FRAMED = (("Content-Type", "application/json"), ("Content-Length", str(len(DONE))))


def _answer(*headers: tuple[str, str]) -> Says:
    """A short answer with these headers."""
    lines = [f"{name}: {value}" for name, value in (*FRAMED, *headers)]
    head = "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""])
    return Says((head.encode("latin-1") + DONE,))


@scenario(
    claim="Headers that are meant for one connection are not passed on to a server.",
    level=Level.TELL,
    advice="Drop Connection, every header that it names, Keep-Alive, Proxy-Connection, TE, "
    "Trailer, Transfer-Encoding and Upgrade, and say your own (RFC 9110, 7.6.1).",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"passes-on-hops"},
    variants={
        "named": variant(
            headers=[("Connection", "close, X-Hop"), ("X-Hop", "secret")], dropped=["x-hop"]
        ),
        "known": variant(
            headers=[("Keep-Alive", "timeout=77"), ("Proxy-Connection", "keep-alive")],
            dropped=["keep-alive", "proxy-connection"],
        ),
        "upgrade": variant(
            headers=[("Connection", "close, Upgrade"), ("Upgrade", "odd/1")], dropped=["upgrade"]
        ),
    },
)
async def hop_of_request(run: Run, headers: Pairs, dropped: Sequence[str]) -> None:
    """A sound request with such headers."""
    answer = await sent(run, run.spell(CHAT, stream=False, tokens=3, headers=headers))
    run.good(answer)
    seen = asked(run, answer)
    found = [pair for pair in (seen.headers if seen else ()) if pair[0].lower() in dropped]
    run.check("such headers that a server saw", found, [])


@scenario(
    claim="Headers that are meant for one connection are not passed on to a client.",
    level=Level.TELL,
    advice="Drop Connection, every header that it names, Keep-Alive and Upgrade from answers, "
    "and say your own (RFC 9110, 7.6.1).",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"returns-hops"},
    variants={
        "named": variant(
            headers=[("Connection", "close, X-Hop"), ("X-Hop", "secret")], dropped=["x-hop"]
        ),
        "known": variant(
            headers=[("Keep-Alive", "timeout=77"), ("Proxy-Connection", "close")],
            dropped=["keep-alive", "proxy-connection"],
        ),
    },
)
async def hop_of_answer(run: Run, headers: Pairs, dropped: Sequence[str]) -> None:
    """A short answer with such headers."""
    await run.behave(Aimed(_answer(*headers)))
    answer = await run.talk(CHAT, stream=False, tokens=3)
    if run.check("the body of the answer", answer.body, DONE):
        # A balancer may say such a header itself, and then its own value stands there.
        found = [each for each in answer.headers if each in headers and each[0].lower() in dropped]
        run.check("such headers that the client saw", found, [])


@scenario(
    claim="What a client says of its own connection, in Connection, is not passed on.",
    level=Level.SHOULD,
    advice="Connection is a hop-by-hop header: it speaks of one connection, and whoever passes it "
    "on has it speak of another one. Drop it, with Keep-Alive, TE, Trailer, Transfer-Encoding, "
    "Upgrade and the headers that it names, and say your own (RFC 9110, 7.6.1).",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"passes-on-hops"},
)
async def connection_header(run: Run) -> None:
    """A sound request with a Connection that names a header."""
    headers = [("Connection", "close, X-Hop"), ("X-Hop", "secret")]
    answer = await sent(run, run.spell(CHAT, stream=False, tokens=3, headers=headers))
    run.good(answer)
    seen = asked(run, answer)
    found = values(seen.headers, "connection") if seen else []
    # Some drop `close` alone: what they say then is not what the client said.
    passed = [value for value in found if value.replace(" ", "").lower() == "close,x-hop"]
    run.check("the client's Connection as a server saw it", passed, [], firm=True)


@scenario(
    claim="A server sees the headers of a request as its client wrote them: what it accepts, who "
    "it is, what it sends.",
    level=Level.SHOULD,
    advice="A header of the client is lost or changed on its way: pass on every header that is "
    "not of one connection.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    killed_by={"drops-client-headers"},
    variants={
        "authorization": variant(pair=("Authorization", "Bearer sk-of-the-client")),
        "accept": variant(pair=("Accept", "application/x-ndjson, */*;q=0.1")),
        "content-type": variant(pair=("Content-Type", "application/json; charset=utf-8")),
        "user-agent": variant(pair=("User-Agent", "curious/1.0 (of the suite)")),
        "unknown": variant(pair=("X-Conversation", "a=1; b=\"two\", c")),
    },
)  # fmt: skip
async def header_of_request(run: Run, pair: tuple[str, str]) -> None:
    """A sound request with such a header."""
    answer = await sent(run, run.spell(CHAT, stream=False, tokens=3, headers=[pair]))
    run.good(answer)
    seen = asked(run, answer)
    found = values(seen.headers, pair[0].lower()) if seen else []
    run.check(f"{pair[0]} as a server saw it", found, [pair[1]], firm=True)


@scenario(
    claim="A client sees the headers of an answer as its server wrote them.",
    level=Level.SHOULD,
    advice="A header of the answer is lost or changed on its way: pass on every header that is "
    "not of one connection.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    killed_by={"drops-unknown-headers"},
    variants={
        "media": variant(
            pair=("Content-Type", "application/x-ndjson"), killed_by={"changes-media"}
        ),
        "unknown": variant(pair=("X-Request-Id", "req-1; of=\"the server\"")),
    },
)  # fmt: skip
async def header_of_answer(run: Run, pair: tuple[str, str]) -> None:
    """A short answer with such a header."""
    headers = dict([*FRAMED, pair])
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    await run.behave(Aimed(Says((f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode() + DONE,))))
    answer = await run.talk(CHAT, stream=False, tokens=3)
    if run.check("the body of the answer", answer.body, DONE):
        found = values(answer.headers, pair[0].lower())
        run.check(f"{pair[0]} as the client saw it", found, [pair[1]])


@scenario(
    claim="A header that an answer has twice, as cookies are, reaches the client twice.",
    level=Level.TELL,
    advice="Keep the headers of an answer in a list, not in a dictionary: the second Set-Cookie "
    "must not take the place of the first.",
    needs={Feature.PASSTHROUGH, Feature.NATIVE},
    evidence=EVIDENCE,
    killed_by={"keeps-one-of-each"},
)
async def header_twice(run: Run) -> None:
    """Two cookies."""
    await run.behave(Aimed(_answer(("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))))
    answer = await run.talk(CHAT, stream=False, tokens=3)
    run.check(
        "the cookies that the client saw", values(answer.headers, "set-cookie"), ["a=1", "b=2"]
    )
