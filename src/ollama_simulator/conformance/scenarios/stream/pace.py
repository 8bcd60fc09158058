"""Tokens come when they are made, in whatever dialect and size."""

from functools import partial
from statistics import median
from typing import Any

from ollama_simulator.conformance.answer import Answer
from ollama_simulator.conformance.dialect import (
    CHAT,
    GENERATE,
    MESSAGES,
    OPENAI,
    RESPONSES,
    Dialect,
)
from ollama_simulator.conformance.drive import NotArranged
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import each_of, scenario, variant
from ollama_simulator.conformance.scenarios.stream import playing, shapes
from ollama_simulator.conformance.scenarios.stream.playing import Tape, spoken

GAP_S = 0.12
"""Between two tokens."""
LATE_S = 0.08
"""A token that comes so much later than it was sent was held back. Less than a gap, so that a
balancer that waits for the next token is found; much more than the slowest relay needs."""
COUNT = 10
MANY = 4
"""A stream is held back if one token in so many is late."""
FIRST_GAP_S = 0.3
FIRST_LATE_S = 0.12
TRIES = 3
UNBUFFERED = {"X-Accel-Buffering": "no", "Cache-Control": "no-cache, no-transform"}
BIG = 5_000
"""Bytes of a large token."""

FLUSH = (
    "It holds tokens back. Write each piece of an answer to the client when it comes: no reading "
    "up to a full buffer or for the next piece, response buffering off, TCP_NODELAY on (HAProxy: "
    "`option http-no-delay`, nginx: `proxy_buffering off`)."
)


def late(answer: Answer, tape: Tape) -> list[float]:
    """How late each token was: from when a server wrote it to when a client had its text."""
    had: list[tuple[float, int]] = []
    for t, text in answer.tokens():
        had.append((t, (had[-1][1] if had else 0) + len(text)))
    found, length = [], 0
    for t, text in tape.heard().tokens():
        length += len(text)
        came = next((when for when, most in had if most >= length), None)
        if came is not None:
            found.append(came - t)
    return found


def timely(run: Run, answer: Answer, tape: Tape, advice: str) -> None:
    """Check that a stream is complete, and came as it was sent."""
    if not run.good(answer, "the stream", advice=advice):
        return
    delays = late(answer, tape)
    if not delays:
        raise NotArranged("the answer is not the one that was taken down: it was asked for again")
    run.figure("median delay of a token", median(delays) * 1000, "ms")
    run.figure("longest delay of a token", max(delays) * 1000, "ms")
    limit = LATE_S * run.scale
    held = [delay for delay in delays if delay > limit]
    # One pause of the machine holds up a few tokens; for a quarter of them to be so late, it
    # must have been as late itself.
    usual = sorted(delays, reverse=True)[len(delays) // MANY]
    run.in_time(
        f"tokens that came more than {limit * 1000:.0f} ms late",
        len(held) * MANY < len(delays),
        f"fewer than one in {MANY}",
        f"{len(held)} of {len(delays)}: "
        + ", ".join(f"{delay * 1000:.0f}" for delay in delays)
        + " ms",
        tolerance=3 * max(limit, usual),
        since=answer.asked_at,
        until=answer.ended_at,
        advice=advice,
    )


SIZES = {
    "small": variant(size=0),
    "5-kb": variant(size=BIG, killed_by={"fills-buffers"}),
}
PLAIN = {"plain": variant(headers={})}
HEADERS = {**PLAIN, "told": variant(headers=UNBUFFERED)}


@scenario(
    claim="Server-sent events reach the client as they are sent, small ones and large ones, "
    "whether or not the server asks for that with X-Accel-Buffering.",
    advice=FLUSH,
    killed_by={"one-behind"},
    evidence=[
        "mostlygeek/llama-swap#236",
        "ggml-org/llama.cpp#24774",
        "ggml-org/llama.cpp#20872",
        "open-webui/docs#308",
    ],
    variants={
        **each_of(spoken(OPENAI), SIZES, HEADERS),
        **each_of(spoken(MESSAGES, RESPONSES), {"small": SIZES["small"]}, PLAIN),
        "openai-60-bytes-plain": variant(
            dialect=OPENAI,
            size=60,
            headers={},
            needs={Feature.OPENAI, Feature.PASSTHROUGH},
            killed_by={"buffers-unless-told"},
        ),
    },
)
async def events(run: Run, dialect: Dialect, size: int, headers: dict[str, str]) -> None:
    """Some tokens at an even pace; each arrival is compared with the server's clock."""
    # What a balancer only does for its first answer is no habit.
    await run.talk(dialect, tokens=1)
    text = say_big(run) if size == BIG else ""
    chain = [partial(shapes.spaced, gap=GAP_S)]
    if size == 60:
        chain.insert(0, partial(shapes.rewritten, edit=shapes.editing(slim)))
    if headers:
        chain.append(partial(shapes.headed, headers=headers))
    answer, tape = await playing.ask(run, shapes.in_turn(*chain), dialect, tokens=COUNT)
    if text:
        answer.expected = text
    timely(run, answer, tape, FLUSH)
    if headers:
        passed = answer.header("x-accel-buffering") is not None
        run.figure("whether X-Accel-Buffering is passed on", passed)


def say_big(run: Run) -> str:
    """Have the servers say large tokens."""
    return playing.say(run, *(f"{number:x}" * BIG for number in range(COUNT)))


def slim(event: dict[str, Any]) -> None:
    """Leave nothing in an event of OpenAI's but its text: about 60 bytes."""
    for choice in event.get("choices", ()):
        if choice.get("finish_reason") is None:
            delta = choice["delta"]
            event.clear()
            event["choices"] = [{"delta": {"content": delta.get("content", "")}}]
            return


@scenario(
    claim="Ollama's newline-delimited JSON streams reach the client line by line, with their "
    "content type, whether the request says `stream` or leaves it out.",
    advice="Streams are not only text/event-stream: pass on every body piece by piece, whatever "
    "its content type and whatever the request says of `stream`, which Ollama takes for true.",
    killed_by={"streams-events-only"},
    evidence=[
        "higress-group/higress#3149",
        "decolua/9router#4002",
        "open-webui/open-webui#1891",
        "CopilotKit/aimock#175",
    ],
    variants=each_of(
        spoken(CHAT, GENERATE),
        {
            "absent": variant(stream=None, media="", killed_by={"buffers-absent"}),
            "explicit": variant(stream=True, media=""),
            "as-json": variant(stream=True, media="application/json", level=Level.SHOULD),
        },
    ),
)
async def lines(run: Run, dialect: Dialect, stream: bool | None, media: str) -> None:
    """Some lines at an even pace, maybe under another content type."""
    chain = [partial(shapes.spaced, gap=GAP_S)]
    if media:
        chain.append(partial(shapes.headed, headers={"Content-Type": media}))
    answer, tape = await playing.ask(
        run, shapes.in_turn(*chain), dialect, tokens=COUNT, stream=stream
    )
    timely(run, answer, tape, "")
    told = (answer.header("content-type") or "").partition(";")[0]
    # Who writes answers anew may give a stream the type that Ollama gives it.
    own = media and told == dialect.media and Feature.PASSTHROUGH not in run.subject.features
    run.check(
        "the content type",
        told,
        told if own else media or dialect.media,
        advice="Pass the server's Content-Type on unchanged.",
    )
    torn = sum(line is None for _, line in answer.lines())
    run.check("lines that are no JSON", torn, 0, advice="Pass lines on as they are.")


@scenario(
    claim="The first token of a stream doesn't wait for the second one.",
    advice="The head and the first token are held back: flush them when they come. Peeking at a "
    "first piece must not wait for a second, and TCP_NODELAY belongs on the client's connection "
    "(HAProxy: `option http-no-delay`).",
    killed_by={"one-behind"},
    evidence=["mostlygeek/llama-swap#236", "ggml-org/llama.cpp#20872"],
    variants=spoken(*playing.FOUR),
)
async def first_token(run: Run, dialect: Dialect) -> None:
    """Three streams of two tokens far apart. Who holds back holds back every time, so the best
    of them counts: the machine can't hold up all three."""
    delays = []
    for _ in range(TRIES):
        shape = partial(shapes.spaced, gap=FIRST_GAP_S)
        answer, tape = await playing.ask(run, shape, dialect, tokens=2)
        if not run.good(answer, "the stream"):
            return
        delays.append(late(answer, tape)[0])
    run.figure("delay of the first token", min(delays) * 1000, "ms")
    limit = FIRST_LATE_S * run.scale
    run.in_time(
        "how late the first token was, the best of three",
        min(delays) <= limit,
        f"at most {limit * 1000:.0f} ms",
        ", ".join(f"{delay * 1000:.0f} ms" for delay in delays),
        tolerance=3 * max(limit, min(delays)),
    )
