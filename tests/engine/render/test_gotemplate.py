"""Go templates: what each prints, and what is said of each mistake, as Go itself has it.

`gotemplate.json` holds pairs of a template and of what Go 1.26 made of it with the data below, a
complaint with `!` in front.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollama_simulator.engine.render.gotemplate import execute
from ollama_simulator.engine.render.gotemplate.errors import TemplateError
from ollama_simulator.engine.render.gotemplate.execute import STEPS
from ollama_simulator.engine.render.gotemplate.template import read
from ollama_simulator.engine.render.gotemplate.values import Listed, Record, Spelled, Value

CASES = json.loads(Path(__file__).with_name("gotemplate.json").read_text(encoding="utf-8"))

DATA: dict[str, Value] = {
    "System": "Be <kind>.",
    "Prompt": "hi",
    "Empty": "",
    "N": 3,
    "Z": 0,
    "F": 1.5,
    "T": True,
    "No": False,
    "Nil": None,
    "List": ["a", 2, True, None, 1.0],
    "None": [],
    "Map": {"b": 1, "a": "x"},
    "Messages": [
        Record("*main.Msg", {"Role": "user", "Content": "Hello", "ToolCalls": None}),
        Record("*main.Msg", {"Role": "assistant", "Content": "Hé", "ToolCalls": [1]}),
    ],
    "Strs": ["x", "y", "z"],
}


def made(template: str, data: dict[str, Value] | None = None) -> str:
    """What a template prints, or what is said of it."""
    try:
        return read(template).execute(DATA if data is None else data)
    except TemplateError as error:
        return f"!{error}"


@pytest.mark.parametrize(("template", "expected"), CASES)
def test_it_is_as_with_go(template: str, expected: str) -> None:
    """Text and complaints are the same to the byte."""
    assert made(template) == expected


def test_there_are_cases() -> None:
    """A lost table must not make this file pass."""
    assert len(CASES) > 250
    assert sum(expected.startswith("!") for _, expected in CASES) > 100


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet=" \n{}-./*|()$:=,\"`\\'0x1aX", max_size=24))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Whatever is in an action, there is a text or a complaint that names the template."""
    said = made("{{" + text)
    assert not said.startswith("!") or said.startswith("!template: :")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (r"\ud800", "invalid syntax"),
        (r"\U00110000", "invalid syntax"),
        (r"\400", "invalid syntax"),
        (r"\'", "invalid syntax"),
        (r"\xe2\x98\xba\u00e9\U0001f600\101", "☺é😀A"),
        (r"\xff", "\ufffd"),
    ],
)
def test_escapes(written: str, said: str) -> None:
    """Surrogates and numbers beyond Unicode are none; bytes make up characters."""
    wrong = f"!template: :1: {said}" if said == "invalid syntax" else said
    assert made('{{ "' + written + '" }}') == wrong


def test_deep_nesting_is_a_complaint() -> None:
    """Nothing that a request holds may exhaust the stack."""
    deep = "(" * 20_000 + ")" * 20_000
    assert made("{{ " + deep + " }}") == "!template: :1: max expression depth exceeded"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("template", "steps"),
    [
        ("{{ range 1000000000 }}{{ . }}{{ end }}", STEPS // 10),
        ("{{ range 1000000000000 }}{{ end }}", STEPS),
        ("{{ range 900000 }}" + "x" * 100_000 + "{{ end }}", STEPS),
        ('{{ $x := "aaaaaaaaaa" }}' + '{{ $x = printf "%s%s" $x $x }}' * 40, STEPS),
        (
            "{{ range 90000 }}{{ len (" + "print (" * 50 + "print 1" + ")" * 50 + ") }}{{ end }}",
            STEPS // 10,
        ),
    ],
    ids=["prints", "prints nothing", "long", "doubles", "calls"],
)
def test_a_template_ends(template: str, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would keep a server busy for hours, or fill its memory, is given up."""
    monkeypatch.setattr(execute, "STEPS", steps)  # fewer where each of them takes long
    assert made(template).endswith(f"no end after {steps} steps")


def test_what_spells_itself_prints_as_json() -> None:
    """Tools and the arguments of calls print as JSON, safe inside HTML."""
    tool = Record("api.Tool", {"Type": "function"}, '{"type":"function"}')
    data = {"Tools": Listed("t.Tools", [tool, tool]), "Arguments": Spelled(b="<", a=[1, None])}
    assert made("{{ .Tools }}", data) == '[{"type":"function"},{"type":"function"}]'
    assert made("{{ range .Tools }}{{ . }}{{ .Type }};{{ end }}", data) == (
        '{"type":"function"}function;{"type":"function"}function;'
    )
    assert made("{{ .Arguments }}|{{ .Arguments.a }}", data) == (
        r'{"a":[1,null],"b":"\u003c"}|[1 <nil>]'
    )
    assert made("{{ json .Tools }}|{{ json .Arguments }}", data) == (
        '[{"type":"function"},{"type":"function"}]|' r'{"a":[1,null],"b":"\u003c"}'
    )


def test_names_are_those_of_fields_in_lower_case() -> None:
    """Whether a template knows of messages is read off it."""
    template = read(
        '{{ if .System }}{{ range $.Messages }}{{ .Role }}{{ end }}{{ template "x" .A.B }}'
        '{{ end }}{{ define "x" }}{{ (index .Unseen 0).Last }}{{ len (print .Inner) }}{{ end }}'
    )
    assert template.names() == {"system", "$", "messages", "role", "a", "b", "inner"}


def test_a_template_within_needs_a_value() -> None:
    """Go does without, Ollama doesn't."""
    with pytest.raises(TemplateError) as caught:
        read('{{ template "x" }}').names()
    assert str(caught.value) == "undefined template specified"
