"""Models whose prompts the tests look at."""

from ollama_simulator.model import Infer, Message, Model

PLAIN = "{{ if .System }}{{ .System }}\n{{ end }}USER: {{ .Prompt }}\nASSISTANT: "

TOOLS = """\
{{- if or .System .Tools }}<|im_start|>system
{{ .System }}
{{ range .Tools }}{{ . }}{{ end }}{{ if .Tools }}Call as <tool_call>{{ end }}<|im_end|>
{{ end }}{{ range .Messages }}<|im_start|>{{ .Role }}
{{ if .Thinking }}<think>{{ .Thinking }}</think>
{{ end }}{{ .Content }}{{ range .ToolCalls }}<tool_call>
{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}
</tool_call>{{ end }}<|im_end|>
{{ end }}<|im_start|>assistant
"""

INSERTION = (
    "{{ if .Suffix }}<PRE>{{ .Prompt }}<SUF>{{ .Suffix }}<MID>{{ else }}{{ .Prompt }}{{ end }}"
)


def a_model(template: str = PLAIN, **fields: object) -> Model:
    """A model with this template."""
    return Model("m", 1, "", "llama", "", "", template=template, **fields)  # type: ignore[arg-type]


def chat(*turns: str | Message, **fields: object) -> Infer:
    """A chat of user and assistant in turns; a `Message` stands for itself."""
    said = [
        Message("assistant" if i % 2 else "user", turn) if isinstance(turn, str) else turn
        for i, turn in enumerate(turns)
    ]
    return Infer("m", messages=tuple(said), **fields)  # type: ignore[arg-type]


def generate(prompt: str, **fields: object) -> Infer:
    """A request to `/api/generate`."""
    return Infer("m", kind="generate", prompt=prompt, **fields)  # type: ignore[arg-type]
