"""The marks that a template implies."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.answer.marks import Marks, implied


@pytest.mark.parametrize(
    ("template", "marks"),
    [
        ("{{ .Prompt }}", Marks()),
        (
            "{{ range .Messages }}{{ if .Thinking }}<think>{{ .Thinking }}</think>\n{{ end }}"
            "{{ if .ToolCalls }} {{ range .ToolCalls }}<tool_call>\n"
            '{"name": "x"}\n</tool_call>{{ end }}{{ end }}{{ end }}',
            Marks("<think>", "</think>", "<tool_call>"),
        ),
        (
            "{{ range $.Messages }}<a>{{ .Thinking }}</a>{{ end }}",
            Marks(),
        ),
        (
            "{{ range .Messages }}<a>{{ if .Thinking }}{{ .Thinking }}</b>{{ end }}</a>{{ end }}",
            Marks("<a>", "</b>"),
        ),
        (
            "{{ range .Messages }}{{- if and .Thinking .Last -}}\n<t>\n{{ json .Thinking }}\n</t>\n"
            "{{ end -}}{{ end }}",
            Marks("<t>", "</t>"),
        ),
        ("{{ if .ToolCalls }}[CALLS] [{{ end }}", Marks(call="[CALLS] [")),
        ("{{ if .ToolCalls }}{{ .Role }}[CALLS]{{ end }}", Marks()),
        ("{{ if .ToolCalls }}{{ if .Role }}{{ else }}[A]{{ end }}{{ end }}", Marks(call="[A]")),
        ("{{ if or .A .ToolCalls }}[A]{{ end }}", Marks(call="[A]")),
        ("{{ if .X }}{{ else if .ToolCalls }}<c>{{ end }}", Marks(call="<c>")),
        ("{{ if (eq .ToolCalls 1) }}[A]{{ end }}", Marks()),
        ("{{ range .ToolCalls }}[A]{{ end }}", Marks()),
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
