"""What an answer cost is told at its end, and arrives."""

from collections.abc import Callable
from functools import partial
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
from ollama_simulator.conformance.run import Run
from ollama_simulator.conformance.scenario import scenario, variant
from ollama_simulator.conformance.scenarios.stream import playing, shapes

TOKENS = 7
ASKED = {"stream_options": {"include_usage": True}}

UNFAIR = {
    "usage counters": "What a balancer counts for itself, and of a client that leaves before the "
    "end, stands in no common place; only what reaches the client can be compared.",
}

Edit = Callable[[dict[str, Any]], None]


def _null(event: dict[str, Any]) -> None:
    event.setdefault("usage", None)


def _zero(event: dict[str, Any]) -> None:
    none = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    event.setdefault("usage", none)


def usage(answer: Answer) -> tuple[int, int] | None:
    """Tokens of prompt and answer, as the last line that tells them has it."""
    found = None
    for _, line in answer.lines():
        match line:
            case {"done": True, "prompt_eval_count": int(prompt), "eval_count": int(made)}:
                found = prompt, made
            case {"usage": {"prompt_tokens": int(prompt), "completion_tokens": int(made)}}:
                found = prompt, made
            case {"usage": {"input_tokens": int(prompt), "output_tokens": int(made)}}:
                found = prompt, made
            case {"response": {"usage": {"input_tokens": int(prompt), "output_tokens": int(made)}}}:
                found = prompt, made
    return found


def statistics(answer: Answer) -> dict[str, Any]:
    """The numbers in the last line of a native stream."""
    lines = [line for _, line in answer.lines() if isinstance(line, dict)]
    last = lines[-1] if lines else {}
    return {key: value for key, value in last.items() if key.endswith(("_count", "_duration"))}


def _variant(dialect: Dialect, *flaws: str, decoy: Edit | None = None) -> Any:
    return variant(dialect=dialect, decoy=decoy, needs={dialect.feature}, killed_by=flaws or None)


@scenario(
    claim="The counts of tokens that a server tells at the end of a stream reach the client, "
    "whatever stood in their place before.",
    advice="Pass the last usage of a stream on: also an event whose `choices` are empty, also "
    "after events whose usage is null or zero, and all durations and counts of Ollama's last line.",
    killed_by={"first-usage-wins"},
    evidence=[
        "router-for-me/CLIProxyAPI#3221",
        "router-for-me/CLIProxyAPI#3104",
        "router-for-me/CLIProxyAPI#4964",
        "defilantech/LLMKube#1852",
        "routatic/proxy#165",
        "BerriAI/litellm#37994",
    ],
    variants={
        "openai-empty-choices": _variant(OPENAI, "drops-empty-choices"),
        "openai-null-before": _variant(OPENAI, decoy=_null),
        "openai-zero-before": _variant(OPENAI, decoy=_zero),
        "chat": _variant(CHAT, "strips-statistics"),
        "generate": _variant(GENERATE, "strips-statistics"),
        "messages": _variant(MESSAGES),
        "responses": _variant(RESPONSES),
    },
)
async def last_usage(run: Run, dialect: Dialect, decoy: Edit | None) -> None:
    """A stream with usage, compared with what its server told."""
    more = ASKED if dialect is OPENAI else {}
    shape = partial(shapes.rewritten, edit=shapes.editing(decoy)) if decoy else shapes.plain
    answer, tape = await playing.ask(run, shape, dialect, tokens=TOKENS, more=more)
    told = tape.heard()
    if not run.good(answer, "the stream"):
        return
    run.check("tokens of the prompt and of the answer", usage(answer), usage(told))
    if dialect in (CHAT, GENERATE):
        run.check("counts and durations of the last line", statistics(answer), statistics(told))
