"""Prompts of models whose format Ollama knows by itself.

Source: native specification 5.1 (paths P and H), 13 (lengths of `context` in the recordings).

Rules of this file:

1. The frame of each turn is the real one; the sentences that explain tools are our own.

It must not import anything but layer 0 and its own package.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import msgspec

from ollama_simulator.engine.render.gotemplate.errors import TemplateError
from ollama_simulator.engine.render.gotemplate.values import plain
from ollama_simulator.engine.render.turns import Turns
from ollama_simulator.golang import gojson
from ollama_simulator.model import Message, Tool, ToolCall


def conversation(name: str, turns: Turns) -> str:
    """The prompt of a conversation by the renderer of this name. Raises `TemplateError`."""
    if name not in NAMES:
        raise TemplateError(f"unknown renderer {gojson.quote(name)}")
    if name in _THINKS and turns.think is None:
        turns = msgspec.structs.replace(turns, think=True)
    return RENDERERS.get(name, chatml)(turns)


def chatml(turns: Turns) -> str:
    """Turns between `<|im_start|>` and `<|im_end|>`, as with Qwen."""
    messages = turns.messages
    asked = _last_question(messages)
    out: list[str] = []
    if (head := _head(turns)) is not None:
        out.append(_im("system", head))
    for i, turn in enumerate(messages):
        content = turn.content.strip()
        match turn.role:
            case "user" | "system" if turn.role == "user" or i:
                out.append(_im(turn.role, content))
            case "assistant":
                said = _answer(turn, content, shows=bool(turns.think) and i > asked)
                # An answer at the end is to be continued.
                ends = i == len(messages) - 1
                out.append(f"<|im_start|>assistant\n{said}" if ends else _im("assistant", said))
            case "tool":
                out.append(_result(messages, i, content))
    if messages and messages[-1].role == "assistant":
        return "".join(out)
    opening = {None: "", True: "<think>\n", False: "<think>\n\n</think>\n\n"}
    thinks = None if turns.think is None else bool(turns.think)
    return f"{''.join(out)}<|im_start|>assistant\n{opening[thinks]}"


def harmony(turns: Turns) -> str:
    """Messages in channels, as with gpt-oss."""
    out: list[str] = []
    if isinstance(turns.think, str):
        out.append(_channel("system", f"Reasoning: {turns.think}"))
    if turns.tools:
        out.append(_channel("developer", _tools(turns.tools)))
    for turn in turns.messages:
        if turn.thinking:
            out.append(_channel("assistant", turn.thinking, channel="analysis"))
        for call in turn.tool_calls:
            head = f"assistant<|channel|>commentary to=functions.{call.name}"
            out.append(f"<|start|>{head}<|message|>{call.arguments}<|call|>")
        if turn.role == "tool":
            out.append(_channel(f"functions.{turn.tool_name} to=assistant", turn.content))
        elif turn.content or not (turn.tool_calls or turn.thinking):
            final = "final" if turn.role == "assistant" else ""
            out.append(_channel(turn.role, turn.content, channel=final))
    return f"{''.join(out)}<|start|>assistant"


RENDERERS: dict[str, Callable[[Turns], str]] = {"harmony": harmony, "gpt-oss": harmony}
"""Those that differ from the usual frame, by name."""

NAMES = frozenset(
    "cogito cohere deepseek3.1 functiongemma gemma4 gemma4-large gemma4-small glimmer glm-4.7 "
    "glm-ocr laguna lfm2 lfm2-thinking nemotron-3-nano nemotron-3.5-nano olmo3 olmo3-32b-think "
    "olmo3-think olmo3.1 ornith poolside-v1 qwen3-coder qwen3-vl-instruct qwen3-vl-thinking "
    "qwen3.5 qwen3.8".split()
).union(RENDERERS, ("parser",))
"""The renderers that Ollama has, and the paths of models that name none."""


_PUNCTUATION = re.compile(r'("(?:[^"\\]|\\.)*")|([:,])')
"""Texts, and what stands between values, of JSON."""


_THINKS = ("ornith", "qwen3-vl-thinking", "qwen3.5", "qwen3.8")
"""Renderers that let a model think if nobody says anything, whether it can or not."""


def _im(role: str, content: str) -> str:
    return f"<|im_start|>{role}\n{content}<|im_end|>\n"


def _head(turns: Turns) -> str | None:
    """The first turn: tools, and what the system says at the beginning; None if there is none."""
    first = turns.messages[0] if turns.messages else None
    system = first.content.strip() if first is not None and first.role == "system" else None
    if not turns.tools:
        return system
    return f"{_tools(turns.tools)}\n\n{system}" if system else _tools(turns.tools)


def _last_question(messages: tuple[Message, ...]) -> int:
    """Where the user asked last; answers after that still show what they thought."""
    asked = (i for i in reversed(range(len(messages))) if _asks(messages[i]))
    return next(asked, len(messages) - 1)


def _asks(turn: Message) -> bool:
    """Whether a turn is of the user, not what a tool said in the user's name."""
    said = turn.content.strip()
    result = said.startswith("<tool_response>") and said.endswith("</tool_response>")
    return turn.role == "user" and not result


def _answer(turn: Message, content: str, *, shows: bool) -> str:
    tagged, mark, rest = content.partition("</think>")
    if turn.thinking and shows:
        thought = turn.thinking
    elif mark:
        thought, content = tagged.rpartition("<think>")[2], rest.lstrip("\n")
    else:
        thought = ""
    front = f"<think>\n{thought.strip()}\n</think>\n\n" if shows else ""
    gap = "\n\n" if content.strip() and turn.tool_calls else ""
    return f"{front}{content}{gap}" + "\n".join(map(_call, turn.tool_calls))


def _call(call: ToolCall) -> str:
    given: dict[str, Any] = json.loads(call.arguments) or {}
    parameters = "".join(
        f"<parameter={name}>\n{_argument(value)}\n</parameter>\n" for name, value in given.items()
    )
    return f"<tool_call>\n<function={call.name}>\n{parameters}</function>\n</tool_call>"


def _argument(value: Any) -> str:
    match value:
        case str():
            return value
        case None:
            return "null"
        case int() | float() if not isinstance(value, bool):
            return plain(float(value))
    return gojson.encode(value).decode()


def _result(messages: tuple[Message, ...], place: int, content: str) -> str:
    """What a tool said: results in a row share a turn of the user."""
    before = place and messages[place - 1].role == "tool"
    after = place + 1 < len(messages) and messages[place + 1].role == "tool"
    front, end = "" if before else "<|im_start|>user", "" if after else "<|im_end|>\n"
    return f"{front}\n<tool_response>\n{content}\n</tool_response>{end}"


def _channel(role: str, content: str, *, channel: str = "") -> str:
    marked = f"<|channel|>{channel}" if channel else ""
    return f"<|start|>{role}{marked}<|message|>{content}<|end|>"


def _tools(tools: tuple[Tool, ...]) -> str:
    listed = "\n".join(_PUNCTUATION.sub(_spaced, tool.source) for tool in tools)
    return f"These functions can be called:\n<tools>\n{listed}\n</tools>"


def _spaced(found: re.Match[str]) -> str:
    return found[1] or f"{found[2]} "
