"""The prompt that a model gets to read for a request.

Source: native specification 3.7, 4.7, 4.8, 5.1, 5.9.

It must not import anything but layer 0 and its own package.
"""

import msgspec

from ollama_simulator.engine.render.tokens import text_of
from ollama_simulator.engine.text import prompt_tokens, tokenize
from ollama_simulator.model import Infer, Message, Model


class Prompt(msgspec.Struct, frozen=True):
    """A prompt, rendered."""

    text: str
    """What the model reads."""
    images: int
    """How many pictures go with it."""
    tokens: tuple[str, ...]
    """Its tokens: what is counted, cached, and answered."""


def prompt(model: Model, job: Infer, context: int) -> Prompt:
    """The prompt of a job for a window of so many tokens. Raises `Refusal`."""
    history = text_of(model, job.context)
    messages = job.messages or (Message("user", job.prompt),)
    text = history + "".join(message.content for message in messages)
    images = len(job.images) + sum(len(message.images) for message in messages)
    return Prompt(text, images, (*tokenize(history), *prompt_tokens(messages)))
