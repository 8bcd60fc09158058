"""The conversation that a job is about: its own turns, and those that the model brings.

Source: native specification 3.7, 4.7, 4.8.

It must not import anything but layer 0 and its own package.
"""

import bisect
import re
from collections.abc import Callable

import msgspec

from ollama_simulator.model import Infer, Message, Model, Tool

_THOUGHT = re.compile(r"\s*<think>(?:.*?</think>\s*|.*)", re.DOTALL)


class Turns(msgspec.Struct, frozen=True):
    """What a template is about."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()
    think: bool | str | None = None
    """None if nobody said, and the model can't."""


def turns(model: Model, job: Infer) -> Turns:
    """The conversation of a job that isn't `raw`."""
    own = job.messages if job.kind == "chat" else (Message("user", job.prompt, images=job.images),)
    # A `context` stands for all that was said before.
    before = () if job.context else model.messages
    system = job.system or model.system
    if system and not (own and own[0].role == "system"):
        before = (Message("system", system), *before)
    messages = (*before, *own)
    if job.kind == "chat" and _forgets(model):
        messages = _without_thoughts(messages)
    return Turns(messages, job.tools, _thinks(model, job))


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
