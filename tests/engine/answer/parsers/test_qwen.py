"""The parser of qwen3.5."""

from __future__ import annotations

import json

import pytest
from hypothesis import given

from ollama_simulator.engine.answer.parsers.parsed import Parsed, Unparsable
from ollama_simulator.engine.answer.parsers.qwen import Qwen
from ollama_simulator.model import ToolCall
from tests.engine.answer.parsers.reading import TOOLS, cuttings, made_of, read

PARIS = (
    "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n"
    "</function>\n</tool_call>"
)
NOW = "<tool_call>\n<function=get_time>\n</function>\n</tool_call>"


def qwen(*, thinks: bool = True, sorts: bool = False) -> Qwen:
    """A parser that knows two tools."""
    return Qwen(TOOLS, thinks=thinks, sorts=sorts)


def parameter(name: str, value: str) -> str:
    """A call with one parameter."""
    return (
        f"<tool_call><function=get_weather><parameter={name}>\n{value}\n</parameter>"
        "</function></tool_call>"
    )


def test_the_output_begins_with_thinking() -> None:
    """The opening mark is in the prompt; white space at the border is nobody's."""
    parser = qwen()
    tokens = ("Okay", ", so \n", "</think>", "\n\n", "Hi", " there")
    assert [parser.add(token)[:2] for token in tokens] == [
        ("", "Okay"),
        ("", ", so"),
        ("", ""),
        ("", ""),
        ("Hi", ""),
        (" there", ""),
    ]


@pytest.mark.parametrize("repeated", ["<think>", " \n<think>\n"])
def test_a_repeated_opening_mark_is_dropped(repeated: str) -> None:
    """Some models open once more."""
    assert read(qwen(), [repeated, "a</think>b"]) == ("b", "a", ())


def test_without_thinking_marks_are_text() -> None:
    """White space comes with what follows it, as in the recordings."""
    parser = qwen(thinks=False)
    tokens = ("Okay", "</think>", "\n\n", "Hi")
    assert [parser.add(token).text for token in tokens] == ["Okay", "</think>", "", "\n\nHi"]


def test_calls_are_told_one_by_one() -> None:
    """When the tag closes; what is around them is text without the white space."""
    parser = qwen(thinks=False)
    assert parser.add(f"Let me \n{PARIS[:-3]}") == ("Let me", "", ())
    assert parser.add(PARIS[-3:]).calls == (ToolCall("get_weather", '{"city":"Paris"}'),)
    assert parser.add(f"\n{NOW}\nbye") == ("bye", "", (ToolCall("get_time", "{}", index=1),))


def test_an_unknown_function_is_called_too() -> None:
    """With strings, as nothing is known of its types."""
    text = PARIS.replace("get_weather", "nope").replace("Paris", "1")
    assert read(qwen(thinks=False), [text]).calls == (ToolCall("nope", '{"city":"1"}'),)


@pytest.mark.parametrize(
    ("name", "value", "printed"),
    [
        ("city", "22", '"22"'),
        ("days", "22", "22"),
        ("days", "2.5", '"2.5"'),
        ("days", "many", '"many"'),
        ("scale", "1.50", "1.5"),
        ("scale", "1e3", "1000"),
        ("warm", "True", "true"),
        ("warm", "false", "false"),
        ("warm", "maybe", '"maybe"'),
        ("sunny", "maybe", "false"),
        ("scale", "1e20", "-9223372036854776000"),
        ("scale", "1e400", '"1e400"'),
        ("days", "9223372036854775808", '"9223372036854775808"'),
        ("warm", "null", "null"),
        ("near", '["a"]', '["a"]'),
        ("near", '{"b":1,"a":2}', '{"a":2,"b":1}'),
        ("near", "[a", '"[a"'),
        ("other", "x\ny <z>", r'"x\ny \u003cz\u003e"'),
    ],
)
def test_values_have_the_types_of_the_schema(name: str, value: str, printed: str) -> None:
    """Or are strings."""
    (call,) = read(qwen(thinks=False), [parameter(name, value)]).calls
    assert call.arguments == f'{{"{name}":{printed}}}'


def test_the_order_of_parameters() -> None:
    """As written, but sorted by the old server."""
    text = parameter("b", "1").replace("</function>", "<parameter=a>2</parameter></function>")
    assert read(qwen(thinks=False), [text]).calls[0].arguments == '{"b":"1","a":"2"}'
    assert read(qwen(thinks=False, sorts=True), [text]).calls[0].arguments == '{"a":"2","b":"1"}'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "EOF"),
        ('\n{"name": "get_weather", "arguments": {}}\n', "EOF"),
        ("<function=a>", "XML syntax error on line 1: unexpected EOF"),
        (
            "<function=a>\n<parameter=b>x\n</parameter>\n",
            "XML syntax error on line 4: unexpected EOF",
        ),
        (
            "<function=a><parameter=b>x</function>",
            "XML syntax error on line 1: element <parameter> closed by </function>",
        ),
        ("</function>", "XML syntax error on line 1: unexpected end element </function>"),
        ("<foo></foo>", "EOF"),
        ("<parameter=a>", "expected element type <function> but have <parameter>"),
        (
            '<function=a>\n</function name="a">',
            "XML syntax error on line 2: invalid characters between </function and >",
        ),
        ("<function=a>\n\x01", "XML syntax error on line 2: illegal character code U+0001"),
    ],
)
def test_what_is_said_of_broken_calls(text: str, complaint: str) -> None:
    """The words of Go's XML package."""
    with pytest.raises(Unparsable) as caught:
        qwen(thinks=False).add(f"<tool_call>{text}</tool_call>")
    assert str(caught.value) == complaint


def test_tags_within_a_parameter() -> None:
    """What is no tag of a call is text; a tag within is left out, with all that it holds."""
    text = parameter("other", "a <b> & 'c'<parameter=d>e</parameter>f <g=h>")
    (call,) = read(qwen(thinks=False), [text]).calls
    assert json.loads(call.arguments) == {"other": "a <b> & 'c'f <g name=\"h\">"}


def test_a_call_ends_the_thinking() -> None:
    """As soon as it goes on behind its mark: until then the mark is kept back."""
    parser = qwen()
    assert parser.add("hm \n<tool_call>") == ("", "hm", ())
    assert parser.add(PARIS.removeprefix("<tool_call>")) == (
        "",
        "",
        (ToolCall("get_weather", '{"city":"Paris"}'),),
    )
    assert read(qwen(), ["hm<tool_call>"]) == ("", "hm", ())
    # What may be a mark is looked for before a call is.
    assert qwen().add("<tool_call>a<") == ("", "<tool_call>a", ())


def test_white_space_behind_a_call() -> None:
    """Only that which comes with its end is dropped."""
    parser = qwen(thinks=False)
    assert parser.add(f"{NOW}\n").text == ""
    assert [parser.add(token).text for token in ("\n", "bye")] == ["", "\nbye"]


@given(cuttings(made_of("</think>", PARIS, NOW, "Okay", "\n\n", "<think>")))
def test_the_cutting_makes_no_difference(cut: tuple[str, list[str]]) -> None:
    """Behind the thinking the same is said and called, but for white space behind calls."""
    text, tokens = cut
    assert told(["a</think>", *tokens], True) == told(["a</think>", text], True)
    assert told(tokens, False) == told([text], False)


def told(tokens: list[str], thinks: bool) -> Parsed | str:
    """What is told of an output, but for white space, or what is wrong with it."""
    try:
        said = read(qwen(thinks=thinks), tokens)
    except Unparsable as wrong:
        return str(wrong)
    return said._replace(text="".join(said.text.split()))
