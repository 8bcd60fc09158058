"""Where a stream is cut into pieces means nothing."""

import random
from collections.abc import Callable, Iterable, Iterator
from functools import partial

from ollama_simulator.conformance.dialect import CHAT, MESSAGES, OPENAI, Dialect
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import each_of, scenario, variant
from ollama_simulator.conformance.scenarios.stream import playing, shapes
from ollama_simulator.conformance.scenarios.stream.playing import spoken
from ollama_simulator.conformance.scenarios.stream.shapes import Shape

TEXT = (
    "\u00dcber ",
    "den Wolken: ",
    "\u6d77\u306e\u8a71 ",
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 ",
    "e\u0301 ",
    "\u0928\u093f.",
)
"""Letters of two bytes, characters of three, an emoji joined of several, combining marks."""
PAUSE_S = 0.002
LONG = 32_000
VERY_LONG = 100_000
"""Above the 64 KiB at which readers of lines give up, as a picture or a document in a line is."""

Cut = Callable[[bytes], Iterable[bytes]]

WHOLE = (
    "A piece that the network delivers is no line and no event, and may end within a character: "
    "pass bytes on without decoding them, or keep what is incomplete until its rest has come."
)


def bytewise(data: bytes) -> list[bytes]:
    """One byte in each piece, where there is text; else in one."""
    if not shapes.generated(data) and not shapes.is_last(data):
        return [data]
    # What stands before the text is the same in every line.
    cut = min(len(data) // 2, 120)
    return [data[:cut], *(data[i : i + 1] for i in range(cut, len(data)))]


def inside_characters(data: bytes) -> Iterator[bytes]:
    """A cut behind the first byte of each character that has several."""
    start = 0
    for i, byte in enumerate(data):
        if byte >= 0xC0:
            yield data[start : i + 1]
            start = i + 1
    yield data[start:]


def inside_names(data: bytes) -> Iterator[bytes]:
    """A cut behind the second byte of each line: within `data:`, or a line's first key."""
    for line in data.splitlines(keepends=True):
        yield line[:2]
        if line[2:]:
            yield line[2:]


def between_newlines(data: bytes) -> list[bytes]:
    """A cut before the last line feed."""
    return [data[:-1], data[-1:]]


def at_random(seed: int) -> Cut:
    """Cuts at random places, the same ones for a seed."""

    def cut(data: bytes) -> list[bytes]:
        draw = random.Random(seed)
        ends = sorted(draw.sample(range(1, len(data)), min(6, len(data) - 1)))
        return [data[a:b] for a, b in zip([0, *ends], [*ends, len(data)], strict=True)]

    return cut


def carriage_returns(data: bytes) -> bytes:
    """Lines that end with CRLF, as JSON and server-sent events both allow."""
    return data.replace(b"\n", b"\r\n")


def cut(how: Cut) -> Shape:
    """A shape that cuts each piece."""
    return partial(shapes.cut_up, cut=how, pause=PAUSE_S)


SPLITS = {
    "bytewise": variant(shape=cut(bytewise)),
    "inside-characters": variant(shape=cut(inside_characters), killed_by={"mends-text"}),
    "inside-names": variant(shape=cut(inside_names)),
    "between-newlines": variant(shape=cut(between_newlines)),
    "at-random": variant(shape=cut(at_random(3))),
    "many-at-once": variant(shape=shapes.joined, killed_by={"one-event-a-piece"}),
    "crlf": variant(
        shape=partial(shapes.rewritten, edit=carriage_returns), killed_by={"whole-events-only"}
    ),
    "long-line": variant(shape=shapes.joined, long=LONG, killed_by={"limits-lines"}),
    "very-long-line": variant(shape=shapes.joined, long=VERY_LONG, killed_by={"limits-lines"}),
}
FEWER = {
    name: SPLITS[name]
    for name in ("inside-characters", "inside-names", "many-at-once", "very-long-line")
}
"""Those where a dialect's lines make a difference."""


@scenario(
    claim="However a server cuts its stream into pieces, the client gets the same bytes, or where "
    "the balancer translates, the same text.",
    advice=WHOLE,
    killed_by={"takes-pieces-for-lines"},
    evidence=[
        "katanemo/plano#980",
        "api7/aisix#111",
        "xberg-io/liter-llm#152",
        "vllm-project/aibrix#2653",
        "ollama/ollama-js#256",
        "0xPlaygrounds/rig#1759",
    ],
    variants=each_of(spoken(OPENAI), SPLITS) | each_of(spoken(CHAT, MESSAGES), FEWER),
)
async def boundaries(run: Run, dialect: Dialect, shape: Shape, long: int = 0) -> None:
    """A text of many scripts, in the pieces of the variant."""
    texts = (*TEXT, "\u6d77" * (long // 3)) if long else TEXT
    text = playing.say(run, *texts)
    answer, tape = await playing.ask(run, shape, dialect, tokens=len(texts))
    answer.expected = text
    lost = "\ufffd" in answer.text
    run.note(
        "replacement characters",
        not lost,
        "none",
        "U+FFFD" if lost else "none",
        advice="It decodes each piece by itself: a character whose bytes come in two pieces is "
        "replaced. " + WHOLE,
    )
    advice = ""
    if long:
        advice = f"A line of {long:,} bytes got lost: a reader of lines has a limit. {WHOLE}"
    if run.good(answer, "the stream", advice=advice):
        playing.unchanged(run, answer, tape, WHOLE)
