"""A prompt that is too long for the window of tokens that it has to fit in.

Source: native specification 5.9.

Rules of this file:

1. Before this, a conversation has lost its oldest messages (`prompt`).
2. What is too long even then loses its middle, without a word, if the window may be shifted (3.8).
3. The runner refuses what it renders itself and can't hold.

It must not import anything but layer 0.
"""

import msgspec

from ollama_simulator.model import Infer, Model, Origin, Refusal

TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the "
    "prompt, adjust the context length in settings, or use a model with a longer context length"
)


def shifts(model: Model, job: Infer) -> bool:
    """Whether the window may be shifted (3.8)."""
    return job.shift if job.shift is not None else model.family != "deepseek2"


def cut(model: Model, job: Infer, tokens: tuple[str, ...], context: int) -> tuple[str, ...]:
    """The tokens that the runner gets of a prompt. Raises `Refusal` if it gets none."""
    if len(tokens) <= context or _runner_renders(model, job):
        return tokens
    if not shifts(model, job):
        raise Refusal(400, TOO_LONG, Origin.RUNNER)
    head = context // 2
    return (*tokens[:head], *tokens[len(tokens) - (context - head) :])


def refuse(model: Model, job: Infer, tokens: tuple[str, ...], context: int) -> None:
    """Raise what the runner says of a prompt that it can't hold, if it is one."""
    if len(tokens) > context and _runner_renders(model, job):
        raise _refused(len(tokens), context)


def _runner_renders(model: Model, job: Infer) -> bool:
    """Whether it is the runner that makes the prompt, and so the one to complain."""
    return model.path == "native" and job.kind == "chat"


def _refused(count: int, context: int) -> Refusal:
    message = (
        f"request ({count} tokens) exceeds the available context size ({context} tokens), "
        "try increasing it"
    )
    said = {
        "code": 400,
        "message": message,
        "type": "exceed_context_size_error",
        "n_prompt_tokens": count,
        "n_ctx": context,
    }
    return Refusal(400, msgspec.json.encode({"error": said}).decode(), Origin.RUNNER)
