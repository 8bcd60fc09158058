"""The marks that a template implies."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.marks import Marks, implied


@pytest.mark.parametrize(
    ("template", "marks"),
    [
        ("{{ .Prompt }}", Marks()),
        (
            "{{ range .Messages }}{{ if .Thinking }}<think>{{ .Thinking }}</think>\n{{ end }}"
            '{{ if .ToolCalls }}\n{{ range .ToolCalls }}<tool_call>\n{"name": "x"}\n</tool_call>',
            Marks("<think>", "</think>", "<tool_call>"),
        ),
        ("{{ if .X }}{{ else if .ToolCalls }}<c>{{ end }}", Marks(call="<c>")),
        ("{{ range .ToolCalls }}<c>{{ end }}", Marks()),
        (
            "{{- if and .Thinking .Last -}}\n<t>\n{{ .Thinking | trim }}\n</t>\n{{ end -}}",
            Marks("<t>", "</t>"),
        ),
        ("{{ if .ToolCalls }}[CALLS] [{{ range .ToolCalls }}{{ end }}", Marks(call="[CALLS] [")),
        ("{{- if .ToolCalls }}{{ json . }}{{ end }}", Marks()),
        ('{{ if .ToolCalls }}\n{"name": 1}{{ end }}', Marks()),
        ("{{ .Thinking }}", Marks()),
        ("{{ .Thinking }}</think>", Marks()),
        ("{{ .Thinking", Marks()),
    ],
)
def test_marks(template: str, marks: Marks) -> None:
    """Without both marks there is no thinking; without one, calls begin with their JSON."""
    assert implied(template) == marks
