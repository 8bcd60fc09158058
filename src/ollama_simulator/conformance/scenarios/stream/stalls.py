"""A stream that falls silent must come to an end."""

from functools import partial

from ollama_simulator.conformance.answer import Outcome
from ollama_simulator.conformance.dialect import CHAT, MESSAGES, OPENAI, Dialect
from ollama_simulator.conformance.feature import Feature
from ollama_simulator.conformance.report import Level
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario
from ollama_simulator.conformance.scenarios.stream import playing, shapes
from ollama_simulator.conformance.scenarios.stream.playing import spoken

TOKENS = 5
BEFORE = 3
"""Tokens before the silence."""
LATE_S = 2.5
"""How much later than its time-out a balancer may give up (Squid and lighttpd take 1.5 to 2)."""
LONGER_S = 20.0
"""The server is silent for so much longer than anybody waits."""


@scenario(
    claim="A stream whose server falls silent is ended when the balancer's time-out has passed.",
    level=Level.SHOULD,
    advice="Bound the silence within an answer, too: count it from the last byte of the server; "
    "when it lasts too long close both connections, the client's without the end of the body.",
    wants={Feature.TIMEOUT},
    killed_by={"no-timeout"},
    evidence=["vllm-project/production-stack#749", "BerriAI/litellm#14953"],
    timeout=1.0,
    variants=spoken(CHAT, OPENAI, MESSAGES),
)
async def stalled(run: Run, dialect: Dialect) -> None:
    """Three tokens, and then nothing, for longer than anybody waits."""
    shape = partial(shapes.silent_after, tokens=BEFORE, seconds=run.timeout + LONGER_S)
    answer, _ = await playing.ask(run, shape, dialect, tokens=TOKENS)
    last = answer.pieces[-1].t if answer.pieces else answer.asked_at
    waited = answer.ended_at - last
    limit = run.timeout + LATE_S * run.scale
    run.figure("silence borne", waited, "s")
    run.in_time(
        "how long the silence was borne",
        answer.outcome is not Outcome.HANG and waited <= limit,
        f"at most {limit:.1f} s",
        f"{waited:.1f} s; {answer.story}",
        tolerance=LATE_S,
        since=answer.asked_at,
        until=answer.ended_at,
    )
