"""The way of a model's output to the client: who splits it, and how it was worded for that.

Source: native specification 5.1, 5.2 and 5.7.

It must not import anything but layer 0 and its own package.
"""

import random
import string

import msgspec

from ollama_simulator.engine import lines, speech
from ollama_simulator.engine.marks import Marks, implied
from ollama_simulator.engine.parsers import qwen
from ollama_simulator.engine.parsers.harmony import Harmony
from ollama_simulator.engine.parsers.native import Gathered
from ollama_simulator.engine.parsers.qwen import Qwen
from ollama_simulator.engine.parsers.thinking import Thinking
from ollama_simulator.engine.parsers.tools import Calls
from ollama_simulator.model import Infer, Model

QWEN = Marks(qwen.OPENING, qwen.CLOSING, qwen.CALL)
_ALPHABET = string.ascii_lowercase + string.digits
_RUNNERS_ALPHABET = string.ascii_letters + string.digits


class Way(msgspec.Struct, frozen=True):
    """How one answer is worded and split."""

    lines: lines.Lines
    speech: speech.Speech
    chats: bool
    """Whether the runner makes the prompt of a conversation and splits its answer."""
    thinks: bool
    """Whether a model that nobody scripted thinks."""
    two_passes: bool = False
    """Whether the format holds only after the thinking (5.7)."""


def way(
    model: Model, job: Infer, prompt: str, ids: random.Random, *, formatted: bool, sorts: bool
) -> Way:
    """The way for a job whose `think` is decided. `sorts`: keys of arguments are (0.13.5)."""
    thinks = bool(job.think) and "thinking" in model.capabilities
    chat = job.kind == "chat"
    two_passes = chat and formatted and thinks

    def new_id() -> str:
        return "call_" + "".join(ids.choices(_ALPHABET, k=8))

    if model.path == "native" and chat:
        said: speech.Speech = speech.Split(lambda: "".join(ids.choices(_RUNNERS_ALPHABET, k=32)))
        return Way(lines.NativeChat(Gathered(sorts=sorts)), said, True, thinks)
    if model.path == "native":
        said = speech.Tagged(QWEN, speech.as_json(QWEN.call), thinks=thinks)
        return Way(lines.Plain(), said, False, thinks)
    if model.path == "template":
        return _template(model, job, prompt, new_id, thinks, two_passes, sorts)
    if job.raw:
        said = speech.Tagged(QWEN, speech.as_json(QWEN.call), thinks=False)
        return Way(lines.Plain(), said, False, False)
    if model.path == "harmony":
        parser: Harmony | Qwen = Harmony(job.tools, sorts=sorts)
        said = speech.Channels()
    else:
        parser = Qwen(job.tools, thinks=thinks, sorts=sorts)
        said = speech.Tagged(QWEN, speech.as_markup, thinks=thinks, opened=thinks)
    if not chat:
        return Way(lines.ParserGenerate(parser), said, False, thinks)
    split = lines.ParserChat(parser, new_id, two_passes=two_passes)
    return Way(split, said, False, thinks, two_passes)


def _template(
    model: Model,
    job: Infer,
    prompt: str,
    new_id: lines.NewId,
    thinks: bool,
    two_passes: bool,
    sorts: bool,
) -> Way:
    marks = implied(model.template)
    thinks = thinks and bool(marks.opening)
    thinking = Thinking(marks.opening, marks.closing) if thinks else None
    opened = thinks and prompt.rstrip().endswith(marks.opening)
    if thinking is not None and opened:
        thinking.add(marks.opening)
    said = speech.Tagged(marks, speech.as_json(marks.call), thinks=thinks, opened=opened)
    split: lines.Lines
    if job.kind == "generate":
        split = lines.TemplateGenerate(thinking) if thinking is not None else lines.Plain()
    elif thinking is None and not job.tools:
        split = lines.Plain()
    else:
        calls = Calls(marks.call, job.tools, sorts=sorts) if job.tools else None
        split = lines.TemplateChat(thinking, calls, new_id, two_passes=two_passes)
    return Way(split, said, False, thinks, two_passes and thinks)
