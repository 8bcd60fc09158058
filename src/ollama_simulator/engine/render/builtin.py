"""Prompts of models whose format Ollama knows by itself.

Source: native specification 5.1 (paths P and H), 13 (lengths of `context` in the recordings).

Rules of this file:

1. The frame of each turn is the real one; the sentences that explain tools are our own.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Callable

from ollama_simulator.engine.render.turns import Turns
from ollama_simulator.model import Message, Tool, ToolCall


def conversation(name: str, turns: Turns) -> str:
    """The prompt of a conversation by the renderer of this name."""
    return RENDERERS.get(name, chatml)(turns)


def chatml(turns: Turns) -> str:
    """Turns between `<|im_start|>` and `<|im_end|>`, as with Qwen and many others."""
    messages = list(turns.messages)
    out: list[str] = []
    if turns.tools:
        system = messages.pop(0).content if messages and messages[0].role == "system" else ""
        out.append(_im("system", f"{_tools(turns.tools)}\n\n{system}".rstrip()))
    for turn in messages:
        match turn.role:
            case "tool":
                out.append(_im("user", f"<tool_response>\n{turn.content}\n</tool_response>"))
            case "assistant":
                out.append(_im("assistant", _answer(turn)))
            case role:
                out.append(_im(role, turn.content))
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


def _im(role: str, content: str) -> str:
    return f"<|im_start|>{role}\n{content}<|im_end|>\n"


def _answer(turn: Message) -> str:
    thought = f"<think>\n{turn.thinking}\n</think>\n\n" if turn.thinking else ""
    return thought + turn.content + "".join(map(_call, turn.tool_calls))


def _call(call: ToolCall) -> str:
    return f'\n<tool_call>\n{{"name":"{call.name}","arguments":{call.arguments}}}\n</tool_call>'


def _channel(role: str, content: str, *, channel: str = "") -> str:
    marked = f"<|channel|>{channel}" if channel else ""
    return f"<|start|>{role}{marked}<|message|>{content}<|end|>"


def _tools(tools: tuple[Tool, ...]) -> str:
    listed = "\n".join(tool.source for tool in tools)
    return f"These functions can be called:\n<tools>\n{listed}\n</tools>"
