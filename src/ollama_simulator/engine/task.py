"""What a generation is to do, all questions decided.

Source: native specification 3.4, 3.5 and 5.1.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ollama_simulator.engine import options
from ollama_simulator.engine.render import window
from ollama_simulator.engine.render.prompt import Prompt
from ollama_simulator.model import Infer, Model
from ollama_simulator.script import Script

NO_FORMAT = (None, "", '""', "null")
"""What a `format` is that asks for none, as JSON."""


class Task(msgspec.Struct, frozen=True):
    """One prompt, and how it is to be answered."""

    model: Model
    job: Infer
    """With `think` decided."""
    script: Script | None
    """What the model's runner does; None leaves it to the model."""
    prompt: Prompt
    format: str | None
    """The JSON of a format that can be obeyed; None for free text."""
    stops: tuple[str, ...]
    limit: int | None
    """Tokens of the answer at most."""

    @property
    def chats(self) -> bool:
        """Whether the runner itself makes the prompt of a conversation, and splits the answer."""
        return self.model.path == "native" and self.job.kind == "chat"


def task(
    model: Model,
    job: Infer,
    asked: Mapping[str, Any],
    script: Script | None,
    prompt: Prompt,
    context: int,
) -> Task:
    """The task of a job with these options, read already, in a window of so many tokens."""
    room = None if window.shifts(model, job) else context - len(prompt.tokens)
    limit = options.limit(asked, context, room)
    if limit == 0 and not (model.path == "native" and job.kind == "chat"):
        # On its way to these runners it gets lost (3.5).
        limit = None
    format = None if job.format in NO_FORMAT else job.format
    return Task(model, job, script, prompt, format, tuple(asked.get("stop", ())), limit)
