"""The prompt that a model gets to read for a request.

Source: native specification 3.7, 4.7, 4.8, 5.1, 5.9.

Rules of this file:

1. Two things follow from a conversation: the text that a model would read, and the tokens that are
   counted, cached and answered (`docs/text.md`). Both are of the messages that fit.

It must not import anything but layer 0 and its own package.
"""

import msgspec

from ollama_simulator.engine.render import builtin, gorender
from ollama_simulator.engine.render.gotemplate.errors import TemplateError
from ollama_simulator.engine.render.tokens import text_of
from ollama_simulator.engine.render.turns import Turns, marked, newest, turns
from ollama_simulator.engine.text import prompt_tokens, tokenize
from ollama_simulator.model import Infer, Message, Model, Refusal

IMAGE_TOKENS = 768
"""What one picture counts for."""
NO_TEMPLATE = "{{ .Prompt }}"
"""What a model shows that has no template of its own."""


class Prompt(msgspec.Struct, frozen=True):
    """A prompt, rendered."""

    text: str
    """What the model reads."""
    images: int
    """How many pictures go with it."""
    tokens: tuple[str, ...]
    """Its tokens: what is counted, cached, and answered."""


def prompt(model: Model, job: Infer, context: int) -> Prompt:
    """The prompt of a job for a window of so many tokens. Raises `Refusal`.

    It may still be too long: what happens then is `window`'s.
    """
    if job.raw:
        said = (Message("user", job.prompt),)
        return Prompt(job.prompt, len(job.images), _tokens(model, job, said, job.prompt))
    history = text_of(model, job.context or ())
    about = turns(model, job)
    by_runner = runner_renders(model, job)
    whole = by_runner and job.kind == "chat"
    try:
        if job.kind == "generate" and (job.suffix or job.template):
            text = history + _by_request(model, job, about)
        else:
            about = _fitting(model, job, about, context)
            shown = about.messages
            if not whole:
                shown = marked(shown, bare=by_runner, spaced=bool(model.renderer))
            text = history + _rendered(model, job, msgspec.structs.replace(about, messages=shown))
    except TemplateError as error:
        raise Refusal(500, str(error)) from None
    # Of a chat that the runner renders all pictures are counted, those of lost turns too.
    seen = job.messages if whole else about.messages
    images = sum(len(turn.images) for turn in seen)
    return Prompt(text, images, _tokens(model, job, about.messages, text))


def runner_renders(model: Model, job: Infer) -> bool:
    """Whether it is the runner that makes a prompt of a conversation.

    A prompt of `/api/generate` is left to it only if the weights have a template for that.
    """
    has_one = model.runner_template or model.template != NO_TEMPLATE
    return model.path == "native" and (job.kind == "chat" or bool(has_one))


def _rendered(model: Model, job: Infer, about: Turns) -> str:
    """A conversation in the words of the model's path."""
    if _by_go(model, job):
        return gorender.conversation(model.template, about)
    if model.path == "native":
        # It is slow to import, and not each fleet has such a model.
        from ollama_simulator.engine.render import jinja

        own = jinja.DEFAULT if model.template == NO_TEMPLATE else model.template
        return jinja.conversation(model.runner_template or own, about)
    return builtin.conversation(model.renderer or model.path, about)


def _by_go(model: Model, job: Infer) -> bool:
    """Whether a conversation is rendered by a template of Go's."""
    match model.path:
        case "native":
            return not runner_renders(model, job)
        case "parser" | "harmony":
            bare = model.template == NO_TEMPLATE
            return not (model.renderer or (bare and not model.parser))
    return True


def _by_request(model: Model, job: Infer, about: Turns) -> str:
    """A prompt by the template that the request brings, or for what it wants inserted."""
    source = job.template or model.template
    if job.suffix:
        return gorender.insertion(source, about, job.prompt, job.suffix)
    return gorender.conversation(source, about)


def _fitting(model: Model, job: Infer, about: Turns, context: int) -> Turns:
    def fits(messages: tuple[Message, ...]) -> bool:
        size = 0
        if "vision" in model.capabilities:
            size += IMAGE_TOKENS * sum(len(turn.images) for turn in messages)
        if model.tokenizer == "words":
            # No text has more tokens than characters, so most needn't be counted.
            if size + sum(len(turn.content) + 1 for turn in messages) <= context:
                return True
            return size + len(prompt_tokens(messages)) <= context
        text = _rendered(model, job, msgspec.structs.replace(about, messages=messages))
        return size + len(text) // 4 <= context

    if not job.truncate:
        return about
    left = newest(
        about.messages, fits, joins=_by_go(model, job), blind=not runner_renders(model, job)
    )
    return msgspec.structs.replace(about, messages=left)


def _tokens(model: Model, job: Infer, messages: tuple[Message, ...], text: str) -> tuple[str, ...]:
    if model.tokenizer == "quarters":
        return tuple(text[i : i + 4] for i in range(0, len(text) // 4 * 4, 4))
    before = tokenize(text_of(model, job.context or ()))
    after = ["<|suffix|>", *tokenize(job.suffix)] if job.suffix else []
    return (*before, *prompt_tokens(messages), *after)
