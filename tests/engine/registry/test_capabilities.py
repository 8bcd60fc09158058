"""What a new model can do, and who splits its output."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.engine.registry.capabilities import Nature, nature
from ollama_simulator.engine.registry.gguf import Head

TOOLS = "{{ range .Tools }}{{ . }}{{ end }}"
THINKS = "{{ range .Messages }}<think>{{ .Thinking }}</think>{{ end }}"
ROUND_TRIP = TOOLS + '{{ if eq .Role "tool" }}{{ .ToolCalls }}{{ end }}'
JINJA = "{{ tools }}"
JINJA_ROUND_TRIP = "{{ tools }} {{ message.tool_calls }} <tool_response>"


def of(chat: str = "", family: str = "llama", **fields: Any) -> Nature:
    """The nature of a model with this chat template in its weight file."""
    values = {"general.architecture": family} | fields.pop("values", {})
    if chat:
        values["tokenizer.chat_template"] = chat
    given: dict[str, Any] = {
        "head": Head(values),
        "family": family,
        "template": None,
        "renderer": "",
        "parser": "",
        "configured": (),
        "projectors": (),
    }
    return nature(**(given | fields))


@pytest.mark.parametrize(
    ("fields", "path", "capabilities"),
    [
        ({}, "native", "completion"),
        ({"native": False}, "template", "completion"),
        ({"chat": JINJA, "native": False}, "template", "completion"),
        ({"template": TOOLS}, "template", "completion tools"),
        (
            {"template": "{{ .Suffix }}" + THINKS},
            "template",
            "completion insert thinking",
        ),
        ({"template": "{{ broken"}, "template", "completion"),
        ({"chat": "{{ messages }}"}, "native", "completion"),
        ({"chat": JINJA}, "native", "tools completion"),
        ({"chat": "<think></think>"}, "native", "thinking completion"),
        ({"chat": "{{ content.split('</think>') }}"}, "native", "thinking completion"),
        (
            {"chat": "{{ content.split('</think>') }} reasoning_content"},
            "native",
            "completion",
        ),
        ({"values": {"llama.pooling_type": 1}}, "native", "embedding"),
        ({"values": {"llama.vision.block_count": 1}}, "native", "completion vision"),
        ({"projectors": [None]}, "native", "completion vision"),
        ({"configured": ["image"]}, "native", "image completion"),
        ({"parser": "qwen3.5", "template": TOOLS}, "parser", "completion tools thinking"),
        ({"parser": "qwen3"}, "parser", "completion tools"),
        ({"parser": "olmo3-think"}, "parser", "completion thinking"),
        ({"parser": "nobody's"}, "parser", "completion"),
        ({"renderer": "r"}, "parser", "completion"),
        ({"parser": "harmony"}, "harmony", "completion tools thinking"),
        (
            {"family": "gptoss", "template": "<|start|><|end|>"},
            "harmony",
            "completion thinking",
        ),
        ({"family": "gptoss", "template": "x"}, "template", "completion thinking"),
        ({"head": None}, "template", ""),
    ],
)
def test_nature(fields: dict[str, Any], path: str, capabilities: str) -> None:
    """In the order of `/api/show`."""
    found = of(**fields)
    assert (found.path, found.capabilities) == (path, tuple(capabilities.split()))


@pytest.mark.parametrize(
    ("chat", "template", "path"),
    [
        ("{{ messages }}", "{{ .Prompt }}", "template"),
        (JINJA, "{{ .Prompt }}", "native"),
        (JINJA, TOOLS, "template"),
        (JINJA_ROUND_TRIP, TOOLS, "native"),
        (JINJA_ROUND_TRIP, ROUND_TRIP, "template"),
        (JINJA + "<think></think>", ROUND_TRIP, "template"),
        (JINJA_ROUND_TRIP + "<think></think>", ROUND_TRIP, "native"),
        (JINJA, TOOLS + THINKS, "template"),
    ],
)
def test_which_template_is_taken(chat: str, template: str, path: str) -> None:
    """The weight file's own only if it can do more than the one beside it."""
    assert of(chat, template=template).path == path


def test_the_list_of_models_looks_less_far() -> None:
    """It knows nothing of the chat template, and has another order (4.4)."""
    found = of(
        JINJA, values={"llama.vision.block_count": 1}, configured=["image"], projectors=[None]
    )
    assert found.capabilities == ("image", "tools", "completion", "vision")
    assert found.listed == ("vision", "completion", "image")
