"""What is no text keeps a stream alive, and must not become any."""

from collections.abc import Callable
from functools import partial
from statistics import median

from ollama_simulator.conformance import sse
from ollama_simulator.conformance.dialect import CHAT, MESSAGES, OPENAI, Dialect
from ollama_simulator.conformance.drive import NotArranged
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import each_of, scenario, variant
from ollama_simulator.conformance.scenarios.stream import playing, shapes
from ollama_simulator.conformance.scenarios.stream.pace import FLUSH
from ollama_simulator.conformance.scenarios.stream.playing import spoken

TOKENS = 5
COMMENT = b": still working\n\n"
BEAT_S = 0.25
BEATS = 3
HELD_S = 0.1

BEFORE_TEXT = {"before-text": variant(tokens=0)}
SIGNS = {**BEFORE_TEXT, "in-text": variant(tokens=3)}


class Before:
    """Writes something before the first event, or before each."""

    def __init__(self, extra: bytes, *, first: bool = False) -> None:
        self._extra = extra
        self._first = first
        self._begun = False

    def __call__(self, data: bytes) -> bytes:
        """The piece with what stands before it."""
        begun, self._begun = self._begun, True
        return data if begun and self._first else self._extra + data


def before(extra: bytes, *, first: bool = False) -> Callable[[], Before]:
    """Makes a `Before` for each play."""
    return partial(Before, extra, first=first)


INSERTIONS = {
    "comment-first": variant(make=before(COMMENT, first=True), killed_by={"reemits-comments"}),
    "comment-between": variant(make=before(COMMENT), killed_by={"reemits-comments"}),
    "comment-in-event": variant(make=before(b": ping\n"), killed_by={"reemits-comments"}),
    "event-ping": variant(make=before(b'event: ping\ndata: {"type":"ping"}\n\n')),
    "retry": variant(make=before(b"retry: 3000\n\n", first=True)),
    "id": variant(make=before(b"id: 7\n")),
    "byte-order-mark": variant(make=before(b"\xef\xbb\xbf", first=True)),
}
FEWER = {name: INSERTIONS[name] for name in ("comment-first", "event-ping")}


@scenario(
    claim="Comments, pings and fields that carry no text pass a balancer without becoming text "
    "and without taking text away.",
    advice="Pass server-sent events on byte by byte. Whoever must read them skips a line that "
    "begins with a colon, and does not take every line for `data:`.",
    needs={Feature.PASSTHROUGH},
    killed_by={"data-lines-only"},
    evidence=[
        "mnfst/llm-gateway#2053",
        "theopenco/llmgateway#2334",
        "mistralai/mistral-vibe#774",
        "quirq-ai/xo-space#169",
    ],
    variants=each_of(spoken(OPENAI), INSERTIONS) | each_of(spoken(MESSAGES), FEWER),
)
async def comments(run: Run, dialect: Dialect, make: Callable[[], Before]) -> None:
    """A stream with something between its events."""
    shape = partial(shapes.rewritten, edit=make())
    answer, tape = await playing.ask(run, shape, dialect, tokens=TOKENS)
    if not run.good(answer, "the stream"):
        return
    run.check(
        "the events that a strict client is told of",
        sse.events(answer.body),
        sse.events(tape.body),
    )
    playing.unchanged(run, answer, tape)


@scenario(
    claim="A heartbeat of a few bytes reaches the client when it is sent, not with the next token.",
    advice="Small pieces wait for more. " + FLUSH,
    needs={Feature.PASSTHROUGH},
    killed_by={"holds-small"},
    evidence=["quirq-ai/xo-space#169", "AntigmaLabs/ante#187"],
    variants=each_of(spoken(OPENAI), SIGNS) | each_of(spoken(MESSAGES), BEFORE_TEXT),
)
async def heartbeat(run: Run, dialect: Dialect, tokens: int) -> None:
    """Three comments, each with a silence behind it; the one in the middle of their delays
    counts."""
    shape = partial(
        shapes.kept_alive, tokens=tokens, every=BEAT_S, times=BEATS, signs=lambda _: COMMENT
    )
    answer, tape = await playing.ask(run, shape, dialect, tokens=TOKENS)
    if not run.good(answer, "the stream"):
        return
    sent, came = playing.moments(tape.pieces, COMMENT), playing.moments(answer.pieces, COMMENT)
    if not run.check("heartbeats that came", len(came), BEATS):
        return
    if len(sent) != len(came):
        raise NotArranged("the answer is not the one that was taken down: it was asked for again")
    delays = [then - now for now, then in zip(sent, came, strict=True)]
    limit = HELD_S * run.scale
    run.figure("median delay of a heartbeat", median(delays) * 1000, "ms")
    run.in_time(
        "how late a heartbeat was, the median of three",
        median(delays) <= limit,
        f"at most {limit * 1000:.0f} ms",
        ", ".join(f"{delay * 1000:.0f} ms" for delay in delays),
        tolerance=3 * max(limit, median(delays)),
        since=answer.asked_at,
        until=answer.ended_at,
    )


T = 1.0
"""The balancer's longest silence here, in seconds."""


def alive(data: bytes) -> bytes:
    """A sign of life in the words of a dialect: a comment, or a line without text."""
    return COMMENT if shapes.is_events(data) else shapes.edited(shapes.without_text, data)


@scenario(
    claim="A stream whose server gives signs of life is not given up, however long its next token "
    "takes.",
    advice="Any byte from the server ends its silence, a comment and an empty piece too: the "
    "timer of silence begins anew at each, and nothing limits the time of a whole answer.",
    killed_by={"ignores-keepalives"},
    evidence=[
        "BerriAI/litellm#34374",
        "BerriAI/litellm#14953",
        "kortix-ai/suna#3696",
        "openclaw/openclaw#70739",
        "AntigmaLabs/ante#187",
    ],
    timeout=T,
    variants=each_of(spoken(CHAT, OPENAI), SIGNS) | each_of(spoken(MESSAGES), BEFORE_TEXT),
)
async def kept_alive(run: Run, dialect: Dialect, tokens: int) -> None:
    """Signs of life every half of the longest silence, for twice as long as that."""
    shape = partial(shapes.kept_alive, tokens=tokens, every=run.timeout / 2, times=4, signs=alive)
    answer, _ = await playing.ask(run, shape, dialect, tokens=TOKENS)
    run.in_time(
        "the outcome of the stream",
        answer.good,
        "200, complete",
        answer.story,
        tolerance=1.5 * run.timeout,
        since=answer.asked_at,
        until=answer.ended_at,
    )


PHASES = {
    "before-text": variant(tokens=0, killed_by={"answers-silence"}),
    "in-text": variant(tokens=3, killed_by={"hides-truncation"}),
}


@scenario(
    claim="A server that is silent for longer than a balancer allows ends in an error or in a "
    "whole answer, never in one that only looks whole.",
    advice="Who gives up a silent server must say so: an error status before the head of an "
    "answer, and after it the connection is closed without the end of the body.",
    killed_by={"hides-truncation"},
    evidence=["kortix-ai/suna#3696", "ollama/ollama#14420", "2389-research/tracker#577"],
    timeout=T,
    level=Level.MUST,
    variants=each_of(spoken(CHAT, OPENAI, MESSAGES), PHASES),
)
async def silence(run: Run, dialect: Dialect, tokens: int) -> None:
    """A pause of nearly twice the longest silence."""
    shape = partial(shapes.silent_after, tokens=tokens, seconds=run.timeout * 1.8)
    answer, _ = await playing.ask(run, shape, dialect, tokens=TOKENS)
    playing.honest(run, answer)
