"""The conversation that a job is about: its own turns, and those that the model brings.

Source: native specification 3.7, 4.7, 4.8.

It must not import anything but layer 0 and its own package.
"""

import bisect
import itertools
import re
from collections.abc import Callable

import msgspec

from ollama_simulator.model import Infer, Message, Model, Tool

_THOUGHT = re.compile(r"\s*<think>(?:.*?</think>\s*|.*)", re.DOTALL)


class Turns(msgspec.Struct, frozen=True):
    """What a template is about."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] | None = None
    think: bool | str | None = None
    """None if nobody said, and the model can't."""


def turns(model: Model, job: Infer) -> Turns:
    """The conversation of a job that isn't `raw`."""
    own = job.messages if job.kind == "chat" else (Message("user", job.prompt, images=job.images),)
    # A `context` stands for all that was said before.
    before = () if job.context is not None else model.messages
    system = job.system or model.system
    if system and not (own and own[0].role == "system"):
        before = (Message("system", system), *before)
    messages = (*before, *own)
    if job.kind == "chat" and _forgets(model):
        messages = _without_thoughts(messages)
    # Only what `/api/generate` renders by the model's own template has a list of tools anyway.
    tools = () if job.kind == "generate" and not job.template else None
    return Turns(messages, job.tools or tools, _thinks(model, job))


def newest(
    messages: tuple[Message, ...],
    fits: Callable[[tuple[Message, ...]], bool],
    *,
    joins: bool = False,
    blind: bool = False,
) -> tuple[Message, ...]:
    """As many of the newest messages as fit, with all that the system said before them.

    `joins` is whether the neighbours of one role are joined when they are rendered; `blind`
    whether the pictures of what the system said before get lost.
    """
    if not messages or fits(messages):
        return messages
    last = len(messages) - 1
    # The more is dropped, the shorter it gets, so one needn't try each place.
    start = bisect.bisect_left(
        range(last), True, lo=1, key=lambda i: fits(_from(messages, i, blind))
    )
    start = min(start, last)
    left = _from(messages, start, blind)
    return _said_twice(left, len(messages) - start) if joins else left


def _said_twice(left: tuple[Message, ...], newest: int) -> tuple[Message, ...]:
    """What is left of messages, of which these newest were kept for themselves.

    To find out whether they fit, Ollama joins neighbours where they are. If there is space for all
    of them behind the list of what the system said, that is in this very list; joined again, it
    says the same twice.
    """
    system = len(left) - newest
    space = 1 << max(system - 1, 0).bit_length()
    if not system or space < len(left):
        return left
    joined = itertools.takewhile(lambda turn: turn.role == "system", left)
    first = msgspec.structs.replace(left[0], content="\n\n".join(turn.content for turn in joined))
    return (first, *left[1:])


def marked(
    messages: tuple[Message, ...], *, bare: bool = False, spaced: bool = False
) -> tuple[Message, ...]:
    """The messages with a mark for each picture: where `[img]` stands, or else in front.

    `bare` ones have no pictures any more. With `spaced` a blank follows the marks in front, and a
    text that has marks already gets no more.
    """
    if not any(turn.images for turn in messages):
        return messages
    out: list[Message] = []
    count = 0
    for turn in messages:
        content, front = turn.content, ""
        done = spaced and "[img-" in content
        for i in range(0 if done else len(turn.images)):
            mark = f"[img-{count + i}]"
            if "[img]" in content:
                content = content.replace("[img]", mark, 1)
            else:
                front += mark
        count += len(turn.images)
        if spaced and front and content and not content[0].isspace():
            front += " "
        left = () if bare else turn.images
        out.append(msgspec.structs.replace(turn, content=front + content, images=left))
    return tuple(out)


def _from(messages: tuple[Message, ...], start: int, blind: bool) -> tuple[Message, ...]:
    said = (turn for turn in messages[:start] if turn.role == "system")
    if blind:
        said = (msgspec.structs.replace(turn, images=()) for turn in said)
    return (*said, *messages[start:])


def _thinks(model: Model, job: Infer) -> bool | str | None:
    if job.think is None and "thinking" in model.capabilities:
        return True
    if job.think == "max" and model.path == "harmony":
        return "high"
    return job.think


def _forgets(model: Model) -> bool:
    """Whether earlier thoughts are taken out of the answers that a client sends back."""
    name = model.name.rpartition("/")[2].partition(":")[0]
    return model.family == "qwen3" or name.lower() == "deepseek-r1"


def _without_thoughts(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    asked = max((i for i, turn in enumerate(messages) if turn.role == "user"), default=-1)
    return tuple(
        msgspec.structs.replace(turn, content=_THOUGHT.sub("", turn.content, count=1))
        if turn.role == "assistant" and i < asked and _THOUGHT.match(turn.content)
        else turn
        for i, turn in enumerate(messages)
    )
