"""A prompt and the window of tokens that it has to fit in.

Source: native specification 5.9.

Rules of this file:

1. A conversation loses its oldest messages first; the system's messages and the last one stay.
2. What is too long even then loses its middle, without a word, if the window may be shifted.
3. The runner refuses what it renders itself and can't hold.

It must not import anything but layer 0 and its own package.
"""

import bisect
from collections.abc import Callable

from ollama_simulator.engine.render.jinja import runner_error
from ollama_simulator.model import Infer, Message, Model, Origin, Refusal

IMAGE_TOKENS = 768
"""What one picture counts for."""
TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the "
    "prompt, adjust the context length in settings, or use a model with a longer context length"
)


def newest(
    messages: tuple[Message, ...], fits: Callable[[tuple[Message, ...]], bool]
) -> tuple[Message, ...]:
    """As many of the newest messages as fit, with all that the system said before them."""
    if not messages or fits(messages):
        return messages
    last = len(messages) - 1
    # The more is dropped, the shorter it gets, so one needn't try each place.
    start = bisect.bisect_left(range(last), True, lo=1, key=lambda i: fits(_from(messages, i)))
    return _from(messages, min(start, last))


def _from(messages: tuple[Message, ...], start: int) -> tuple[Message, ...]:
    said = (turn for turn in messages[:start] if turn.role == "system")
    return (*said, *messages[start:])


def shifts(model: Model, job: Infer) -> bool:
    """Whether the window may be shifted (3.8)."""
    return job.shift if job.shift is not None else model.family != "deepseek2"


def cut(model: Model, job: Infer, tokens: tuple[str, ...], context: int) -> tuple[str, ...]:
    """The tokens that the runner gets of a prompt. Raises `Refusal` if it gets none."""
    if len(tokens) <= context or runner_renders(model, job):
        return tokens
    if not shifts(model, job):
        raise Refusal(400, TOO_LONG, Origin.RUNNER)
    head = context // 2
    return (*tokens[:head], *tokens[len(tokens) - (context - head) :])


def refuse(model: Model, job: Infer, tokens: tuple[str, ...], context: int) -> None:
    """Raise what the runner says of a prompt that it can't hold, if it is one."""
    count = len(tokens)
    if count <= context or not runner_renders(model, job):
        return
    message = (
        f"request ({count} tokens) exceeds the available context size ({context} tokens), "
        "try increasing it"
    )
    kind = "exceed_context_size_error"
    raise runner_error(400, message, kind, n_prompt_tokens=count, n_ctx=context)


def runner_renders(model: Model, job: Infer) -> bool:
    """Whether it is the runner that makes the prompt, and so the one to complain."""
    return model.path == "native" and job.kind == "chat"
