"""What a generation is to do, all questions decided.

Source: native specification 3.4, 3.5, 4.7 (from check 17 on), 4.8 (from 14 on), 5.1 and 5.9.

Rules of this file:

1. `read` raises what Ollama says before it asks the runner, `task` what comes of asking it.

It must not import anything but layer 0 and its own package.
"""

import msgspec

from ollama_simulator.engine import checks, options, schema
from ollama_simulator.engine.answer import pictures
from ollama_simulator.engine.render import window
from ollama_simulator.engine.render.prompt import Prompt, prompt, runner_renders
from ollama_simulator.engine.render.turns import turns
from ollama_simulator.model import Infer, Model, Path, Refusal
from ollama_simulator.script import Script
from ollama_simulator.settings import Profile

NO_FORMAT = (None, "", '""', "null")
"""What a `format` is that asks for none, as JSON."""


class Task(msgspec.Struct, frozen=True):
    """One prompt, and how it is to be answered."""

    wire: Profile
    model: Model
    job: Infer
    """With `think` decided."""
    script: Script | None
    """What the model's runner does; None leaves it to the model."""
    prompt: Prompt
    format: str | None
    """The JSON of a format that is asked for; None for free text."""
    stops: tuple[str, ...]
    limit: int | None
    """Tokens of the answer at most."""
    sized: bool = False
    """Whether the request says how many, and not only the context."""

    @property
    def path(self) -> Path:
        """Who splits the answer. The old server knows no runner that does."""
        old = self.wire == "0.13.5" and self.model.path == "native"
        return "template" if old else self.model.path

    @property
    def chats(self) -> bool:
        """Whether the runner itself makes the prompt of a conversation, and splits the answer."""
        return self.path == "native" and self.job.kind == "chat"


def read(model: Model, job: Infer, script: Script | None, context: int) -> Prompt:
    """What a model is to read, in a window of so many tokens. Raises `Refusal`."""
    checks.pictures(model, job)
    if _asks_runner(model, job):
        if script is not None and script.unrendered is not None:
            raise Refusal(script.unrendered.status, script.unrendered.body)
        if job.format is not None and job.format not in NO_FORMAT:
            try:
                schema.check(job.format)
            except Refusal as refusal:
                raise Refusal(refusal.status, refusal.message) from None
    return prompt(model, job, context)


def _asks_runner(model: Model, job: Infer) -> bool:
    """Whether the runner is to render the prompt before it is asked to answer it."""
    if not runner_renders(model, job):
        return False
    if job.kind == "generate":
        return not (job.raw or job.suffix or job.template)
    # A message that is alone isn't looked at, as it can't be dropped.
    return job.debug or (job.truncate and len(turns(model, job).messages) > 1)


def task(
    wire: Profile,
    model: Model,
    checked: checks.Checked,
    script: Script | None,
    made: Prompt,
    context: int,
    *,
    shifts: bool = True,
) -> Task:
    """The task of a job whose prompt is made. Raises `Refusal` if the runner gets or takes none.

    `shifts` is whether the runner can make room in a full context.
    """
    job = checked.job
    images = [image for message in job.messages for image in message.images]
    pictures.check((*job.images, *images))
    tokens = window.cut(wire, model, job, made.tokens, context, pictures=made.images > 0)
    if script is None or (script.answer is None and script.refuse is None):
        window.refuse(wire, tokens, context)
        if made.images:
            pictures.refuse(wire, model)
    asked = Task(
        wire,
        model,
        job,
        script,
        msgspec.structs.replace(made, tokens=tokens),
        None if job.format in NO_FORMAT else job.format,
        tuple(checked.options.get("stop", ())),
        None,
    )
    room = window.room(wire, model, job, len(tokens), context)
    if room is None and not shifts:
        room = context - len(tokens)
    limit = options.limit(checked.options, context, room)
    if limit == 0 and not asked.chats:
        # On its way to these runners it gets lost (3.5).
        limit = None
    sized = checked.options.get("num_predict", -1) >= 0
    return msgspec.structs.replace(asked, limit=limit, sized=sized)
