"""What is left of a Go template for the last round of a conversation, as the real server has it."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.render.prompt import prompt
from ollama_simulator.model import Origin, Refusal
from tests.engine.render.models import a_model, chat, generate


def made(template: str, *turns: str) -> str:
    """The prompt that a template makes of a chat, or what is said of it."""
    try:
        return prompt(a_model(template), chat(*turns or ("hi",)), 4096).text
    except Refusal as refusal:
        return f"!{refusal.status} {refusal.message}"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ .Prompt }}{{ .Response }}x{{ .Prompt }}", "hi"),
        ("{{ .Response | printf `%s` }}x", ""),
        ("{{ printf `%s` .Response `x` }}y", ""),
        ("{{ print 1 (.Response) 2 }}x", "1"),
        ("{{ range .Prompt | len }}a{{ $.Response }}{{ end }}b", "aab"),
        ("{{ (.Response) }}x", ""),
        ("{{ if .Prompt }}a{{ .Response }}b{{ end }}c", "a"),
        ("{{ if .Response }}a{{ else }}b{{ end }}c", "bc"),
        ("{{ with .Prompt }}a{{ else }}b{{ .Response }}{{ end }}c", "a"),
        ("{{ if .Prompt }}{{ .Response }}{{ else }}b{{ end }}", "!500 "),
        (
            "{{ define `a` }}A{{ end }}{{ template `a` .Response }}b",
            '!500 template: :1:38: executing "" at <{{template "a" .Response}}>: '
            'template "a" not defined',
        ),
    ],
)
def test_it_ends_with_the_answer(template: str, expected: str) -> None:
    """Whatever stands behind it is gone; an `else` that would have to go breaks the server."""
    assert made(template) == expected


def test_a_breakdown_says_nothing() -> None:
    """It isn't told in anybody's words."""
    with pytest.raises(Refusal) as caught:
        prompt(a_model("{{ if .Prompt }}{{ .Response }}{{ else }}b{{ end }}"), chat("x"), 4096)
    assert (caught.value.status, caught.value.origin) == (500, Origin.PANIC)


@pytest.mark.parametrize("name", ["json", "currentDate", "yesterdayDate", "toTypeScriptType"])
def test_functions_of_ollama_are_for_past_rounds(name: str) -> None:
    """The last round has Go's own functions alone."""
    said = f'template: :1:3: executing "" at <{name}>: "{name}" is not a defined function'
    template = f"{{{{ {name} `x` }}}}"
    assert made(template) == f"!500 {said}"
    answered = f"{{{{ if .Response }}}}{template}{{{{ end }}}}{{{{ .Response }}}}|"
    assert made(answered, "a", "b", "c").endswith("b|")


def test_fields_of_nothing_are_no_mistake_in_the_last_round() -> None:
    """Where there is a past round, it is one."""
    assert made("{{ .Nope.X.Y }}{{ .Response }}") == "<no value>"
    said = made("{{ .Nope.X.Y }}{{ .Response }}", "a", "b", "c")
    assert said.endswith("nil pointer evaluating interface {}.X")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ .Messages }}", "[0xc000100000]"),
        ("{{ index .Messages 0 }}", "{user hi  [] []  }"),
        ("{{ range .Messages }}{{ printf `%v` . }}{{ end }}", "&{user hi  [] []  }"),
        (
            "{{ range .Messages }}{{ printf `%+v` . }}{{ end }}",
            "&{Role:user Content:hi Thinking: Images:[] ToolCalls:[] ToolName: ToolCallID:}",
        ),
        ("{{ printf `%T` (slice .Messages 0 1) }}", "[]*template.templateMessage"),
        (
            "{{ printf `%s` .Messages }}",
            "[%!s(*template.templateMessage=&{user hi  [] []  })]",
        ),
        (
            "{{ json .Messages }}",
            '[{"Role":"user","Content":"hi","Thinking":"","Images":null,"ToolCalls":null,'
            '"ToolName":"","ToolCallID":""}]',
        ),
        ("{{ .Tools }}{{ range .Messages }}{{ end }}", "null"),
    ],
)
def test_messages_print_as_go_has_them(template: str, expected: str) -> None:
    """Pointers, slices that aren't there, and the names of types and fields."""
    assert made(template) == expected
    if "Tools" in template:
        assert prompt(a_model(template), generate("hi"), 4096).text == "[]"
        asked = generate("hi", template=template)
        assert prompt(a_model(), asked, 4096).text == "null"
