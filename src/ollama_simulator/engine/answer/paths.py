"""The way of a model's output to the client: who splits it, and how it was worded for that.

Source: native specification 5.1, 5.2 and 5.7.

It must not import anything but layer 0 and its own package.
"""

import random
import string

import msgspec

from ollama_simulator.engine.answer import lines, speech
from ollama_simulator.engine.answer.marks import Marks, implied
from ollama_simulator.engine.answer.parsers import qwen
from ollama_simulator.engine.answer.parsers.harmony import Harmony
from ollama_simulator.engine.answer.parsers.native import Gathered
from ollama_simulator.engine.answer.parsers.parsed import Parser
from ollama_simulator.engine.answer.parsers.qwen import Qwen
from ollama_simulator.engine.answer.parsers.thinking import Thinking
from ollama_simulator.engine.answer.parsers.tools import Calls
from ollama_simulator.engine.answer.task import Task
from ollama_simulator.engine.render.prompt import NO_TEMPLATE

QWEN = Marks(qwen.OPENING, qwen.CLOSING, qwen.CALL)
_ALPHABET = string.ascii_lowercase + string.digits
_RUNNERS_ALPHABET = string.ascii_letters + string.digits


class Way(msgspec.Struct, frozen=True):
    """How one answer is worded and split."""

    lines: lines.Lines
    speech: speech.Speech
    thinks: bool
    """Whether a model that nobody scripted thinks."""
    two_passes: bool = False
    """Whether the format holds only after the thinking (5.7)."""
    switches: bool = False
    """Whether a thought, asked for or not, leads to a second pass, in which the format holds."""


def way(task: Task, ids: random.Random) -> Way:
    """The way of an answer. `ids` makes those of its calls."""
    job = task.job
    thinks = bool(job.think) and "thinking" in task.model.capabilities
    sorts = task.wire == "0.13.5"

    def new_id() -> str:
        return "call_" + "".join(ids.choices(_ALPHABET, k=8))

    if task.chats:
        split = speech.Split(lambda: "".join(ids.choices(_RUNNERS_ALPHABET, k=32)))
        return Way(lines.NativeChat(Gathered(sorts=sorts)), split, thinks)
    if task.path == "template":
        return _template(task, thinks, new_id, sorts)
    if task.path == "native" or job.raw:
        thinks = thinks and not job.raw
        tagged = speech.Tagged(QWEN, speech.as_json(QWEN.call), thinks=thinks)
        return Way(lines.Plain(), tagged, thinks)
    last = job.messages[-1] if job.kind == "chat" and job.messages else None
    parser: Parser = Harmony(job.tools, last, sorts=sorts)
    said: speech.Speech = speech.Channels()
    if task.path == "parser":
        # Whoever continues an answer has thought already.
        begins = last is None or last.role != "assistant" or not last.content
        parser = Qwen(job.tools, thinks=thinks and begins, sorts=sorts)
        said = speech.Tagged(
            QWEN, speech.as_markup, thinks=thinks and begins, opened=thinks and begins
        )
    if job.kind == "generate":
        return Way(lines.ParserGenerate(parser), said, thinks)
    formed = task.format is not None
    chat = lines.ParserChat(parser, new_id, switches=formed)
    return Way(chat, said, thinks, two_passes=thinks and formed, switches=formed)


def _template(task: Task, thinks: bool, new_id: lines.NewId, sorts: bool) -> Way:
    """The way of the path `template`. The old server takes models of `native` for such ones."""
    job, model = task.job, task.model
    # A model that is said to think or to call, but has no template that shows how, does as most.
    untold = model.path == "native" or model.template == NO_TEMPLATE
    marks = QWEN if untold else implied(model.template)
    thinking: Thinking | None = None
    opened = False
    if thinks := thinks and bool(marks.opening):
        thinking = Thinking(marks.opening, marks.closing)
        if opened := task.prompt.text.rstrip().endswith(marks.opening):
            thinking.add(marks.opening)
    said = speech.Tagged(marks, speech.as_json(marks.call), thinks=thinks, opened=opened)
    if job.kind == "generate":
        generate = lines.Plain() if thinking is None else lines.TemplateGenerate(thinking)
        return Way(generate, said, thinks)
    if thinking is None and not job.tools:
        return Way(lines.Plain(), said, thinks)
    calls = Calls(marks.call, job.tools, sorts=sorts) if job.tools else None
    two_passes = thinks and task.format is not None
    chat = lines.TemplateChat(thinking, calls, new_id, switches=two_passes)
    return Way(chat, said, thinks, two_passes=two_passes, switches=two_passes)
