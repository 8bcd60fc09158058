"""What a new model can do, and who splits its output: what follows from its files.

Source: native specification 4.4, 4.6, 5.1 and 8.

It must not import anything but layer 0 and its own package.
"""

import re
from collections.abc import Iterable, Sequence

import msgspec

from ollama_simulator.engine.answer.marks import implied
from ollama_simulator.engine.registry.gguf import Head
from ollama_simulator.engine.render.gotemplate import template as go
from ollama_simulator.engine.render.gotemplate.errors import TemplateError
from ollama_simulator.model import Path

_TOOLS, _THINKING, _INSERT = "tools", "thinking", "insert"
_GPT_OSS = ("gptoss", "gpt-oss")
_TAKES_RESULTS = re.compile(
    "tool_response|tool_results|ipython"
    r"""|role['"]\] == ['"]tool['"]|message\.role == ['"]tool['"]"""
)
"""What a chat template has that takes the results of tools."""


_PARSERS = {
    **dict.fromkeys(
        "cogito cohere deepseek3 gemma4 glimmer glm-4.7 harmony laguna lfm2-thinking "
        "nemotron-3-nano nemotron-3.5-nano ornith poolside-v1 qwen3-thinking qwen3-vl-thinking "
        "qwen3.5".split(),
        (_TOOLS, _THINKING),
    ),
    **dict.fromkeys(
        "functiongemma gemma4-no-thinking glm-ocr lfm2 ministral olmo3 qwen3 qwen3-coder "
        "qwen3-vl-instruct".split(),
        (_TOOLS,),
    ),
    "olmo3-think": (_THINKING,),
}
"""What each parser finds in an answer; one that nobody knows finds nothing."""


class Nature(msgspec.Struct, frozen=True):
    """Path and capabilities of a model."""

    path: Path
    capabilities: tuple[str, ...]
    listed: tuple[str, ...]
    """The same as `/api/tags` shows it."""


def of_chat_template(text: str) -> list[str]:
    """What a Jinja template is able to render."""
    found = []
    if "tools" in text or "tool_call" in text:
        found.append(_TOOLS)
    marks = "<think>" in text and "</think>" in text
    stripped = "content.split('</think>')" in text or 'content.split("</think>")' in text
    if marks or (stripped and "reasoning_content" not in text and "<SPECIAL_12>" not in text):
        found.append(_THINKING)
    return found


def of_go_template(text: str) -> list[str]:
    """What a Go template is able to render."""
    named = _named(text)
    found = []
    if "tools" in named:
        found.append(_TOOLS)
    if "suffix" in named:
        found.append(_INSERT)
    if implied(text).opening:
        found.append(_THINKING)
    return found


def _named(template: str) -> frozenset[str]:
    """The fields that a Go template names; none of a broken one."""
    try:
        return go.read(template).names()
    except TemplateError:
        return frozenset()


def _offers_more(chat: str, template: str) -> bool:
    """Whether the weight file's own template is taken instead of the one beside it."""
    theirs, ours = of_chat_template(chat), of_go_template(template)
    calls = "tool_calls" in chat or "assistant_tool_call" in chat
    goes_round = calls and _TAKES_RESULTS.search(chat) is not None
    named = _named(template)
    marks = ('eq .Role "tool"', "tool_response", "TOOL_RESULTS")
    ours_go_round = {"tools", "toolcalls"} <= named and any(mark in template for mark in marks)
    if len(theirs) > len(ours):
        return goes_round or not ours_go_round
    both = set(theirs) == set(ours) and _TOOLS in theirs
    return both and goes_round and not ours_go_round


def nature(
    *,
    head: Head | None,
    family: str,
    template: str | None,
    renderer: str,
    parser: str,
    configured: Sequence[str],
    projectors: Iterable[Head | None],
    native: bool = True,
) -> Nature:
    """What follows from a model's files.

    `template` is the Go template beside its weights, None if there is none. `native` tells
    whether the server can let a runner render by itself, with or without a template in the
    weights: 0.13.5 can't.
    """
    chat = head.chat_template if head is not None and native else ""
    path = _path(chat, family, template, renderer, parser)
    if path == "template" and template is None and head is not None and native:
        path = "native"
    own = [] if head is None else ["embedding" if head.has("pooling_type") else "completion"]
    if head is not None and head.has("vision.block_count"):
        own.append("vision")
    sees = ["vision"] if list(projectors) else []
    from_template = [] if template is None else of_go_template(template)
    built_in = list(_PARSERS.get(parser, ()))
    gpt = [_THINKING] if family in _GPT_OSS else []
    rendered = of_chat_template(chat) if path == "native" else []
    used = [] if path == "native" else from_template
    shown = [*configured, *rendered, *own, *sees, *used, *built_in, *gpt]
    listed = [*reversed(own), *configured, *from_template, *built_in, *gpt, *sees]
    return Nature(path, tuple(dict.fromkeys(shown)), tuple(dict.fromkeys(listed)))


def _path(chat: str, family: str, template: str | None, renderer: str, parser: str) -> Path:
    harmony = all(mark in (template or "") for mark in ("<|start|>", "<|end|>"))
    if parser == "harmony" or (harmony and family in _GPT_OSS and not (renderer or parser)):
        return "harmony"
    if renderer or parser:
        return "parser"
    if chat and (template is None or _offers_more(chat, template)):
        return "native"
    return "template"
