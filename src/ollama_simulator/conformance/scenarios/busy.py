"""Servers that are sound and say that they have too much to do."""

from collections.abc import Callable
from email.utils import formatdate

from ollama_simulator.clock import Clock
from ollama_simulator.conformance.answer import Outcome
from ollama_simulator.conformance.drive import QUICK
from ollama_simulator.conformance.faults import Aimed
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.saying import Says, error
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.faults.normal import Normal
from ollama_simulator.records import Asked, Finished
from ollama_simulator.settings import Settings

FULL = "server busy, please try again.  maximum pending requests exceeded"
"""Ollama's words when its queue is full (native specification, 6.2)."""
QUEUE_EVIDENCE = (
    "ollama/ollama#4124",
    "ollama/ollama#4144",
    "ollama/ollama#4159",
    "ollama/ollama#7758",
    "IBM/prompt-declaration-language#702",
    "valentinfrlch/ha-llmvision#648",
)
QUOTA_EVIDENCE = ("BerriAI/litellm#34399", "BerriAI/litellm#27823", "BerriAI/litellm#41261")
MOST_ATTEMPTS = 9
"""Three for each server: whoever asks more often adds to the load that is too much already."""
TOLD_S = 5.0
"""Within this a client knows that nobody can answer it now."""
BACK_S = 10.0
"""Within this a server that was busy for a moment is used again."""

Header = Callable[[Clock], tuple[str, str]]


def _in_seconds(clock: Clock) -> tuple[str, str]:
    return "Retry-After", f"{LEFT_ALONE_S}"


def _as_date(clock: Clock) -> tuple[str, str]:
    # So many seconds at least: a date has no fractions.
    when = clock.wall_ns() // 1_000_000_000 + LEFT_ALONE_S + 1
    return "Retry-After", formatdate(when, usegmt=True)


def _in_milliseconds(clock: Clock) -> tuple[str, str]:
    return "retry-after-ms", f"{LEFT_ALONE_S * 1000}"


ASKING = {
    "seconds": variant(header=_in_seconds),
    "date": variant(header=_as_date),
    "milliseconds": variant(header=_in_milliseconds),
}
LEFT_ALONE_S = 30
"""What each of them asks for, at least; ten requests to other servers take a second of it, or some
on a slow machine."""


def full(status: int = 503) -> Says:
    """The answer of a server whose queue is full."""
    return error(status, FULL)


@scenario(
    claim="While one server's queue is full, its requests are answered by the others.",
    advice="A 503 says that this server has too much to do, and no byte of an answer was made: "
    "send the request to another one.",
    evidence=QUEUE_EVIDENCE,
    needs={Feature.NATIVE, Feature.RETRIES_5XX},
    killed_by={"passes-busy-on"},
)
async def hidden(run: Run) -> None:
    """One server refuses whatever it is asked to generate."""
    await run.strike_first(full())
    for count in range(1, 5):
        run.good(await run.talk(tokens=2), f"answer {count}")


@scenario(
    claim="When every server says that it is full, the client soon gets an error, and the servers "
    "are not asked again and again.",
    advice="Retrying when everybody is overloaded makes the overload worse. Ask each server once, "
    "then pass the last answer on.",
    evidence=QUEUE_EVIDENCE,
    needs={Feature.NATIVE},
    killed_by={"storms"},
    variants={"503": variant(status=503), "429": variant(status=429)},
)
async def all_full(run: Run, status: int) -> None:
    """All servers refuse whatever they are asked to generate."""
    await run.behave(Aimed(full(status)))
    answer = await run.talk(tokens=2)
    run.note(
        "what the client gets",
        answer.outcome in (Outcome.ERROR, Outcome.NONE, Outcome.CUT, Outcome.IN_BAND),
        "an error",
        answer.story,
        advice="A server that is too busy must not look like one that answered: pass its status "
        "on, or one of your own.",
    )
    run.soon_enough("the time of the request", answer.seconds, TOLD_S)
    attempts = len(run.attempts(answer))
    run.note(
        "attempts for one request", attempts <= MOST_ATTEMPTS, f"at most {MOST_ATTEMPTS}", attempts
    )
    run.figure("attempts for one request", attempts)


@scenario(
    claim="A server that was full for a moment is used again when it is not.",
    advice="A server that says it is busy is healthy. Pass it over for a moment at most, and try "
    "it again by yourself.",
    evidence=QUEUE_EVIDENCE,
    level=Level.SHOULD,
    needs={Feature.NATIVE},
    killed_by={"bans-busy"},
)
async def not_banned(run: Run) -> None:
    """All servers are full for three requests; then we ask until an answer is good."""
    await run.behave(Aimed(full()))
    for _ in run.servers:
        await run.talk(tokens=2)
    await run.behave(QUICK)
    began = run.fleet.clock.now()
    limit = began + BACK_S * run.scale
    answer = await run.talk(tokens=2)
    while not answer.good and run.fleet.clock.now() < limit:
        await run.sleep(0.25)
        answer = await run.talk(tokens=2)
    run.good(answer, f"the answer within {BACK_S:g} s")
    run.figure("time until they were used again", run.fleet.clock.now() - began, "s")


@scenario(
    claim="Of more requests than the servers' queues can take, each is answered well or refused, "
    "in the words of the server that was asked.",
    advice="Pass the server's 503 on as it is, and let the requests that it took go on.",
    evidence=QUEUE_EVIDENCE,
    needs={Feature.NATIVE, Feature.PASSTHROUGH, Feature.SHARES},
    settings=Settings(max_queue=1),
    killed_by={"ok-for-server-errors"},
)
async def real_queue(run: Run) -> None:
    """Twelve requests at once; each server loads its model for one, and lets one more wait."""
    await run.behave(Normal(tokens_per_sec=400, load_delay_ms=400))
    answers = await run.together(*(run.start(tokens=6) for _ in range(12)))
    refused = [answer for answer in answers if not answer.good]
    for answer in refused:
        # Whoever asked several servers or none, or found nobody else to ask, has words of its own.
        retries = Feature.RETRIES_5XX in run.subject.features
        once = len(run.attempts(answer)) == 1 and not retries
        refusal = answer.status == 503 and FULL in answer.text
        run.note(
            f"the answer of {answer.label}",
            refusal if once else answer.outcome is Outcome.ERROR and (answer.status or 0) >= 429,
            f"whole, or 503 {FULL!r}" if once else "whole, or an error of the balancer's own",
            answer.state,
        )
    run.note("answers that are whole", len(answers) > len(refused), "some", 12 - len(refused))
    run.figure("requests refused", len(refused))


@scenario(
    claim="When servers answer 429, the client reads the status, the body, and how long it should "
    "wait.",
    advice="Pass status, body and headers of a 429 on: Retry-After and retry-after-ms tell the "
    "client's library when to try again.",
    evidence=QUOTA_EVIDENCE,
    needs={Feature.NATIVE, Feature.PASSTHROUGH},
    killed_by={"drops-retry-after"},
    variants=ASKING,
)
async def retry_after_kept(run: Run, header: Header) -> None:
    """All servers share a quota, which is spent."""
    name, value = header(run.fleet.clock)
    said = error(429, "quota exceeded", (name, value))
    await run.behave(Aimed(said))
    answer = await run.talk(tokens=2)
    run.check("the status", answer.status, 429)
    run.check(f"the header {name}", answer.header(name.lower()), value)
    run.check("the body", answer.body, said.body)


@scenario(
    claim="A server that answered 429 with Retry-After is left alone for as long as it asks.",
    advice="Read Retry-After (seconds or an HTTP date, RFC 9110, 10.2.3) and retry-after-ms of a "
    "429, and send the server nothing before that time.",
    evidence=QUOTA_EVIDENCE,
    level=Level.SHOULD,
    needs={Feature.NATIVE},
    wants={Feature.RETRY_AFTER},
    killed_by={"ignores-retry-after"},
    variants={
        "seconds": ASKING["seconds"],
        "date": variant(header=_as_date, killed_by={"waits-for-seconds-only"}),
        "milliseconds": variant(header=_in_milliseconds, killed_by={"waits-for-seconds-only"}),
    },
)
async def left_alone(run: Run, header: Header) -> None:
    """The server that is asked first has spent its quota; ten more requests follow."""
    chosen = await run.strike_first(error(429, "quota exceeded", header(run.fleet.clock)))
    first = await run.talk(tokens=2)
    refusals = [each for each in run.server_side(first) if each.server == chosen.name]
    for _ in range(10):
        await run.talk(tokens=2)
    since = refusals[0].t if refusals else 0.0
    asked = [
        each
        for each in run.fleet.journal.where(Asked, server=chosen.name)
        if since < each.t < since + LEFT_ALONE_S and each.method == "POST"
    ]
    run.note(
        f"requests to {chosen.name} while it wants to be left alone",
        not asked,
        0,
        len(asked),
        sure=True,
    )
    answered = run.fleet.journal.where(Finished, status=200)
    run.note("requests that the others answered", bool(answered), "some", len(answered))
