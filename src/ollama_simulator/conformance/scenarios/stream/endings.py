"""Streams end in several ways, and all of them are right."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ollama_simulator.conformance.answer import Outcome
from ollama_simulator.conformance.dialect import (
    CHAT,
    COMPLETIONS,
    DONE,
    GENERATE,
    MESSAGES,
    OPENAI,
    RESPONSES,
    Dialect,
)
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.stream import playing, shapes

TOKENS = 5

Edit = Callable[[bytes], bytes]


def without_newline(data: bytes) -> bytes:
    """The last piece without what ends its line."""
    return data.rstrip(b"\n")


def one_newline(data: bytes) -> bytes:
    """The last piece without the empty line behind it."""
    return data.rstrip(b"\n") + b"\n"


def tight(data: bytes) -> bytes:
    """`data:[DONE]`, without the blank."""
    return data.replace(DONE, b"data:[DONE]")


def without_done(data: bytes) -> bytes:
    """Without `[DONE]`: the event before it told the reason."""
    return data.removesuffix(DONE + b"\n\n")


def as_it_is(data: bytes) -> bytes:
    """A stream of `/v1/responses`, which has no `[DONE]`; its last event in a form of its own."""
    return data.replace(b"data: ", b"data:")


def _reason_alone(line: dict[str, Any]) -> None:
    line.pop("done", None)  # an error has none


def _text_too(line: dict[str, Any]) -> None:
    if "message" in line:  # an error has none
        line["message"]["content"] = " The end."


def _variant(dialect: Dialect, last: Edit, *flaws: str) -> Any:
    needs = dialect.needs | {Feature.PASSTHROUGH}
    return variant(dialect=dialect, last=last, needs=needs, killed_by=flaws or None)


@scenario(
    claim="Whichever legal form the end of a stream has, the balancer passes it on, and the answer "
    "ends well.",
    advice="The end of the body ends an answer, not a form of the last line: pass on what is left "
    "when the server has ended properly, with or without a line feed, `[DONE]` or `done`.",
    needs={Feature.PASSTHROUGH},
    killed_by={"whole-events-only"},
    evidence=[
        "router-for-me/CLIProxyAPI#5028",
        "ollama/ollama-vscode#61",
        "coleam00/Archon#1158",
        "BerriAI/litellm#1255",
    ],
    variants={
        "chat-no-newline": _variant(CHAT, without_newline),
        "generate-no-newline": _variant(GENERATE, without_newline),
        "chat-reason-alone": _variant(CHAT, shapes.editing(_reason_alone), "insists-on-done"),
        "chat-text-in-last-line": _variant(CHAT, shapes.editing(_text_too), "strips-statistics"),
        "openai-no-newline": _variant(OPENAI, without_newline),
        "openai-one-newline": _variant(OPENAI, one_newline),
        "openai-tight-done": _variant(OPENAI, tight, "insists-on-done"),
        "openai-no-done": _variant(OPENAI, without_done, "insists-on-done"),
        "completions-no-done": _variant(COMPLETIONS, without_done, "insists-on-done"),
        "responses-no-done": _variant(RESPONSES, as_it_is, "insists-on-done"),
        "messages-one-newline": _variant(MESSAGES, one_newline),
    },
)
async def endings(run: Run, dialect: Dialect, last: Edit) -> None:
    """A stream with another end than Ollama writes today."""
    shape = partial(shapes.rewritten, edit=lambda data: data, last=last)
    answer, tape = await playing.ask(run, shape, dialect, tokens=TOKENS)
    ended = run.note(
        "how the answer ended",
        answer.status == 200
        and answer.complete
        and answer.outcome in (Outcome.COMPLETE, Outcome.SILENT),
        "200, properly",
        answer.story,
    )
    if ended:
        playing.unchanged(run, answer, tape)
