"""A prompt that is too long for the window of tokens that it has to fit in.

Source: native specification 5.9.

Rules of this file:

1. Before this, a conversation has lost its oldest messages (`prompt`).
2. What is too long even then loses its middle, without a word, if the window may be shifted (3.8).
   A chat of the path `native`, pictures, and what isn't to be truncated go to the runner whole.
3. The runner refuses what it can't hold.
4. All that is the newer server's. The runner of 0.13.5 has no such error: if it may truncate, it
   fills its window to the last token with what it keeps.

It must not import anything but layer 0.
"""

import msgspec

from ollama_simulator.model import Infer, Model, Origin, Refusal
from ollama_simulator.settings import Profile

NUM_KEEP = 4
"""Tokens at the beginning of a prompt that are kept, unless the option says otherwise (3.5)."""
TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the "
    "prompt, adjust the context length in settings, or use a model with a longer context length"
)

TOO_LONG_FOR_THE_OLD = "the input length exceeds the context length"


def shifts(model: Model, job: Infer) -> bool:
    """Whether the window may be shifted (3.8)."""
    return job.shift if job.shift is not None else model.family != "deepseek2"


def cut(
    wire: Profile,
    model: Model,
    job: Infer,
    tokens: tuple[str, ...],
    context: int,
    *,
    pictures: bool = False,
) -> tuple[str, ...]:
    """The tokens that the runner reads of a prompt. Raises `Refusal` if it reads none.

    `pictures` is whether any go with it.
    """
    if wire == "0.13.5":
        return _cut_by_the_old(model, job, tokens, context)
    runner_renders = model.path == "native" and job.kind == "chat"
    if runner_renders or pictures or not job.truncate or context <= 1 or len(tokens) < context:
        return tokens
    if not shifts(model, job):
        raise Refusal(400, TOO_LONG, Origin.RUNNER)
    stays = kept(model, job, len(tokens), context)
    # Half of what isn't kept is left free for the answer.
    room = context - max((context - stays) // 2, 1)
    return (*tokens[:stays], *tokens[len(tokens) - (room - stays) :])


def _cut_by_the_old(
    model: Model, job: Infer, tokens: tuple[str, ...], context: int
) -> tuple[str, ...]:
    if len(tokens) <= context:
        return tokens
    if not job.truncate:
        raise Refusal(400, TOO_LONG_FOR_THE_OLD, Origin.RUNNER)
    stays = kept(model, job, len(tokens), context)
    return (*tokens[:stays], *tokens[len(tokens) - (context - stays) :])


def room(wire: Profile, model: Model, job: Infer, count: int, context: int) -> int | None:
    """How many tokens of answer have room behind a prompt; None if room is made for them."""
    if shifts(model, job):
        return None
    # The old runner finds its window full only after the first token.
    return max(context - count, 1) if wire == "0.13.5" else context - count


def refuse(wire: Profile, tokens: tuple[str, ...], context: int) -> None:
    """Raise what the runner says of a prompt that it can't hold, if it is one."""
    if len(tokens) >= context and wire != "0.13.5":
        raise _refused(len(tokens), context)


def kept(model: Model, job: Infer, count: int, context: int) -> int:
    """How many tokens at the beginning stay."""
    asked = {**model.parameters, **job.options}.get("num_keep")
    stay = int(asked) if isinstance(asked, int | float) else NUM_KEEP
    return min(count if stay < 0 else stay, context - 1)


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
