"""What went wrong in a stream is told in a way that its reader understands."""

import json
from functools import partial
from typing import Any

from ollama_simulator.acts import How
from ollama_simulator.conformance import dialect as dialects
from ollama_simulator.conformance import sse
from ollama_simulator.conformance.answer import Answer, Outcome
from ollama_simulator.conformance.dialect import CHAT, MESSAGES, OPENAI, SSE, Dialect
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import each_of, scenario, variant
from ollama_simulator.conformance.scenarios.stream import playing, shapes
from ollama_simulator.conformance.scenarios.stream.playing import spoken
from ollama_simulator.conformance.scenarios.stream.shapes import Break
from ollama_simulator.conformance.scenarios.stream.truncation import ENDS

TOKENS = 8
WORDS = "the model's runner has stopped: out of memory"

UNFAIR = {
    "errors counted in metrics": "No two balancers tell their counters in the same place and "
    "words, so what they count of errors within a 200 can't be asked for.",
}


def in_words_of(data: bytes) -> bytes:
    """An error as a line or event of the dialect that a piece is of."""
    if not shapes.is_events(data):
        return json.dumps({"error": WORDS}).encode() + b"\n"
    if not data.startswith(b"event:"):
        return _event({"error": {"message": WORDS, "type": "server_error", "code": None}})
    error = {"type": "overloaded_error", "message": WORDS}
    return b"event: error\n" + _event({"type": "error", "error": error})


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


@scenario(
    claim="An error that a server tells within a 200 stream reaches the client as an error.",
    advice="An error within a stream gets lost: pass error lines and error events on as they "
    "are, also as the first of a stream, and end the stream with them.",
    killed_by={"swallows-errors"},
    evidence=[
        "openclaw/clawrouter#101",
        "Oaklight/llm-rosetta#454",
        "farzaa/clicky#132",
        "BerriAI/litellm#6957",
    ],
    variants=each_of(
        spoken(*playing.FOUR),
        {"first": variant(tokens=0), "after-5": variant(tokens=5)},
    ),
)
async def error_in_stream(run: Run, dialect: Dialect, tokens: int) -> None:
    """A stream that ends with an error, properly framed."""
    shape = partial(shapes.failing, tokens=tokens, error=in_words_of)
    answer, _ = await playing.ask(run, shape, dialect, tokens=TOKENS)
    if not playing.honest(run, answer) or answer.good:
        return
    if run.claims(Feature.PASSTHROUGH) and answer.outcome is Outcome.IN_BAND:
        run.note("the words of the error", WORDS in answer.text, WORDS, answer.last_line())


CUTS = {"fin": Break(How.FIN, within=True), "rst": Break(How.RST, within=True)}


@scenario(
    claim="A stream whose server dies within an event ends with an error that a strict client is "
    "told of, or with its connection.",
    advice="What is written behind half an event is swallowed by it. Close the connection without "
    "the end of the body; or first end the event with an empty line, then write the error in the "
    "stream's own form: an event of server-sent events begins with `data: `, a line of JSON ends "
    "with a line feed.",
    killed_by={"glues-errors"},
    evidence=[
        "dativo-io/talon#254",
        "dativo-io/talon#396",
        "stacklok/toolhive#6085",
        "Dstack-TEE/private-ai-gateway#98",
    ],
    variants=each_of(
        spoken(CHAT, OPENAI, MESSAGES),
        {
            "fin": variant(by=CUTS["fin"]),
            "rst": variant(by=CUTS["rst"], killed_by={"bare-errors"}),
        },
    ),
)
async def half_an_event(run: Run, dialect: Dialect, by: Break) -> None:
    """A server that is gone in the midst of `data: {"choi`."""
    shape = partial(shapes.broken, tokens=3, by=by)
    answer, _ = await playing.ask(run, shape, dialect, tokens=TOKENS)
    if answer.good:
        run.note("the answer", True, "whole, or visibly broken", "whole")
        return
    run.note(
        "what a strict client is told",
        is_told(answer, dialect),
        "an error, or an end of its connection that comes too early",
        f"{answer.story}; {answer.last_line()}",
        advice="" if "error" in answer.text else ENDS,
    )


def is_told(answer: Answer, dialect: Dialect) -> bool:
    """Whether a client that reads by the book knows that an answer is broken."""
    if answer.outcome in (Outcome.CUT, Outcome.NONE, Outcome.ERROR):
        return True
    if not answer.complete:
        return False
    if dialect.media == SSE:
        texts = [event.data for event in sse.events(answer.body)]
    else:
        texts = answer.text.split("\n")
    return any(dialects.is_error(_json(text)) for text in texts)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
