"""An answer that is broken off stays visibly broken."""

from functools import partial

from ollama_simulator.acts import How
from ollama_simulator.conformance.answer import Outcome
from ollama_simulator.conformance.dialect import (
    CHAT,
    GENERATE,
    MESSAGES,
    OPENAI,
    RESPONSES,
    Dialect,
)
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import each_of, scenario, variant
from ollama_simulator.conformance.scenarios.stream import playing, shapes
from ollama_simulator.conformance.scenarios.stream.playing import spoken
from ollama_simulator.conformance.scenarios.stream.shapes import Break

TOKENS = 12
AFTER = 5

INVENTS = (
    "It writes an end that no server wrote (`[DONE]`, `done: true`, `message_stop`). Only a "
    "server knows that an answer is complete: pass on what came, and nothing more."
)
ENDS = (
    "A body whose server closed or reset the connection before its end must not be ended "
    "properly: close the client's connection without the last chunk, or short of the length. Ask "
    "by HTTP/1.1: what is asked for by HTTP/1.0 has no end that could be missed."
)

CUTS = {
    "fin": variant(by=Break(How.FIN), killed_by={"hides-truncation"}),
    "rst": variant(by=Break(How.RST), killed_by={"hides-truncation"}),
    "short-length": variant(by=Break(How.FIN, short=True), killed_by={"hides-short-length"}),
    "without-last-line": variant(by=Break(None), killed_by={"invents-the-end"}),
}
FEWER = {name: CUTS[name] for name in ("fin", "without-last-line")}


@scenario(
    claim="An answer that its server broke off never reaches the client as a complete one.",
    advice=ENDS,
    killed_by={"invents-the-end"},
    evidence=[
        "router-for-me/CLIProxyAPI#4884",
        "router-for-me/CLIProxyAPI#3996",
        "Growth-Circle/cadis#2950",
        "ollama/ollama#17118",
        "BerriAI/litellm#39748",
    ],
    variants=each_of(spoken(CHAT, OPENAI, MESSAGES), CUTS)
    | each_of(spoken(GENERATE, RESPONSES), FEWER),
)
async def truncation(run: Run, dialect: Dialect, by: Break) -> None:
    """A stream that breaks off after five tokens of twelve."""
    shape = partial(shapes.broken, tokens=AFTER, by=by)
    answer, _ = await playing.ask(run, shape, dialect, tokens=TOKENS)
    if answer.good:
        run.note("the answer", True, "whole, or visibly broken", "whole")
        return
    advice = INVENTS if answer.outcome is Outcome.COMPLETE else ""
    if by.how is None:
        # No balancer can see that something is missing: it can only hand that on.
        run.note(
            "whether the answer claims to be complete",
            answer.outcome is not Outcome.COMPLETE,
            "no: its last line never came",
            answer.story,
            advice=INVENTS,
        )
        return
    playing.honest(run, answer, advice)
