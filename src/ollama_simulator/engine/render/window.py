"""A prompt that is too long for the window of tokens that it has to fit in.

Source: native specification 5.9.

Rules of this file:

1. Before this, a conversation has lost its oldest messages (`prompt`).
2. What is too long even then loses its middle, without a word, if the window may be shifted (3.8).
3. The runner refuses what it renders itself and can't hold.

It must not import anything but layer 0 and its own package.
"""

import msgspec

from ollama_simulator.engine.render.prompt import Prompt
from ollama_simulator.model import Infer, Model, Origin, Refusal

TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the "
    "prompt, adjust the context length in settings, or use a model with a longer context length"
)


def fitted(model: Model, job: Infer, prompt: Prompt, context: int) -> Prompt:
    """The prompt as it fits into the window. Raises `Refusal` if it can't.

    Whoever has a script for what the runner says passes this by for chats of the path `native`:
    there it is the runner that refuses.
    """
    tokens = prompt.tokens
    if len(tokens) <= context:
        return prompt
    if model.path == "native" and job.kind == "chat":
        raise _refused(len(tokens), context)
    if not (model.family != "deepseek2" if job.shift is None else job.shift):
        raise Refusal(400, TOO_LONG, Origin.RUNNER)
    head = context // 2
    kept = (*tokens[:head], *tokens[len(tokens) - (context - head) :])
    return msgspec.structs.replace(prompt, tokens=kept)


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
