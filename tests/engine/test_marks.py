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
            '{{ range .ToolCalls }}<tool_call>\n{"name": "x"}\n</tool_call>{{ end }}{{ end }}',
            Marks("<think>", "</think>", "<tool_call>"),
        ),
        (
            "{{- if and .Thinking .Last -}}\n<t>\n{{ .Thinking | trim }}\n</t>\n{{ end -}}",
            Marks("<t>", "</t>"),
        ),
        ("{{ if .ToolCalls }}[CALLS] [{{ range .ToolCalls }}{{ end }}", Marks(call="[CALLS] [")),
        ("{{- range .ToolCalls }}{{ json . }}{{ end }}", Marks()),
        ('{{ range .ToolCalls }}\n{"name": 1}{{ end }}', Marks()),
        ("{{ .Thinking }}", Marks()),
        ("{{ .Thinking }}</think>", Marks()),
        ("{{ .Thinking", Marks()),
    ],
)
def test_marks(template: str, marks: Marks) -> None:
    """Without both marks there is no thinking; without one, calls begin with their JSON."""
    assert implied(template) == marks
