"""Answers of models of every path, scripted or not, without HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ollama_simulator.clock import VirtualClock
from ollama_simulator.model import (
    Done,
    Event,
    Infer,
    Message,
    Model,
    Refusal,
    Token,
    ToolCall,
)
from ollama_simulator.script import Script, Step
from ollama_simulator.settings import Settings
from tests.engine.driving import Machine, virtual

THINKING_TEMPLATE = (
    "{{ range .Messages }}{{ .Role }}: {{ if .Thinking }}<think>{{ .Thinking }}</think>\n{{ end }}"
    "{{ .Content }}{{ if .ToolCalls }}{{ range .ToolCalls }}<tool_call>\n"
    '{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}\n</tool_call>'
    "{{ end }}{{ end }}\n{{ end }}"
)
ALL = ("completion", "tools", "thinking")


def model(name: str, **fields: Any) -> Model:
    """A model of this name."""
    return Model(f"{name}:latest", 1000, name, "test", "1B", "F16", **fields)


MODELS = (
    model("plain"),
    model("bare", template="{{ range .ToolCalls }}{{ . }}{{ end }}", capabilities=ALL[:2]),
    model("untold", capabilities=ALL),
    model("template", template=THINKING_TEMPLATE, capabilities=ALL),
    model("parser", path="parser", parser="qwen3.5", capabilities=ALL),
    model("harmony", path="harmony", capabilities=ALL),
    model("native", path="native", template="{{ messages }}", capabilities=ALL),
    model("nplain", path="native", template="{{ messages }}"),
    model("embed", capabilities=("embedding",)),
    model("image", capabilities=("image",)),
    model("fim", capabilities=("completion", "insert")),
    model("stub", remote_model="big", remote_host="https://ollama.com:443"),
    model("far", remote_model="big", remote_host="https://example.org"),
    model("broken", broken="invalid character 'b' looking for beginning of object key string"),
    model("mllama", families=("mllama",), capabilities=("completion", "vision")),
)
"""One of each kind."""


def chat(name: str, **fields: Any) -> Infer:
    """A conversation of one word."""
    return Infer(name, (Message("user", "hi"),), **fields)


def generate(name: str, prompt: str = "hi", **fields: Any) -> Infer:
    """A prompt of one word."""
    return Infer(name, kind="generate", prompt=prompt, **fields)


def raw(*tokens: str) -> tuple[Step, ...]:
    """Tokens of a runner."""
    return tuple(Step(raw=token) for token in tokens)


def answer(
    job: Infer,
    steps: Sequence[Step] | None = None,
    *,
    settings: Settings | None = None,
    **fields: Any,
) -> list[Event]:
    """What a machine says to a job, a refusal included as the last thing said.

    `steps` are what the runner does, `fields` the rest of the script.
    """

    async def main(clock: VirtualClock) -> list[Any]:
        machine = Machine(clock, models=MODELS, settings=settings)
        if steps is not None or fields:
            script = Script(answer=None if steps is None else tuple(steps), **fields)
            machine.engine.scripts.replace([script])
        said: list[Any] = []
        try:
            async for event in machine.run(job):
                said.append(event)
        except Refusal as refusal:
            said.append(refusal)
        return said

    return virtual(main)


def lines(events: Sequence[Event]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Text, thinking and the names of calls of each line but the last."""
    tokens = [event for event in events if isinstance(event, Token)]
    return [(e.text, e.thinking, tuple(call.name for call in e.calls)) for e in tokens]


def done(events: Sequence[Event]) -> Done:
    """The last line."""
    last = events[-1]
    assert isinstance(last, Done)
    return last


def refused(events: Sequence[Any]) -> tuple[int, str, str]:
    """Status, message and origin of the refusal at the end."""
    last = events[-1]
    assert isinstance(last, Refusal)
    return last.status, last.message, last.origin.value


def whole(events: Sequence[Event]) -> tuple[str, str, tuple[ToolCall, ...]]:
    """All that was said, thought and called, the ids of calls left out."""
    said = [event for event in events if isinstance(event, Token | Done)]
    calls = tuple(call for event in said for call in event.calls)
    return (
        "".join(event.text for event in said),
        "".join(event.thinking for event in said),
        tuple(ToolCall(call.name, call.arguments, "", call.index) for call in calls),
    )
