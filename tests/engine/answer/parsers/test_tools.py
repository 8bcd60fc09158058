"""Calls behind the mark of a template."""

from __future__ import annotations

import pytest
from hypothesis import given

from ollama_simulator.engine.answer.parsers.tools import Calls
from ollama_simulator.model import ToolCall
from tests.engine.answer.parsers.reading import TOOLS, cuttings, made_of, read

PARIS = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
NOW = '<tool_call>\n{"name": "get_time", "arguments": {}}\n</tool_call>'
CITY = '{"city":"Paris"}'


def calls(mark: str = "<tool_call>", *, sorts: bool = False) -> Calls:
    """A parser that knows two tools."""
    return Calls(mark, TOOLS, sorts=sorts)


def test_a_call_is_told_when_its_arguments_are_complete() -> None:
    """Not when its tag closes, and nothing is said while it is written."""
    parser = calls()
    tokens = ("<tool", '_call>\n{"name": "get_wea', 'ther", "arguments": {"ci', 'ty": "Paris"}}')
    told = [parser.add(token) for token in tokens]
    assert [bool(part.calls) for part in told] == [False, False, False, True]
    assert told[-1].calls == (ToolCall("get_weather", CITY),)
    assert not any(part.text for part in told)
    assert parser.add("\n</tool_call> bye").text == ""


def test_two_calls_in_one_token() -> None:
    """They are told together, numbered; the text before them is text."""
    parser = calls()
    assert parser.add("Let me").text == "Let me"
    assert parser.add(f"{PARIS}\n{NOW}").calls == (
        ToolCall("get_weather", CITY, index=0),
        ToolCall("get_time", "{}", index=1),
    )


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>\n{"name": "nope", "arguments": {}}\n</tool_call>',
        '<tool_call>\n{"name": "get_weather", "arguments": {bad}}\n</tool_call>',
        '<tool_call>\n{"name": "get_weather"}\n</tool_call>',
        "<tool_call>get_weather</tool_call>",
    ],
)
def test_what_is_no_call_is_swallowed(text: str) -> None:
    """Unknown functions, broken arguments, none at all."""
    assert read(calls(), [text]) == ("", "", ())


@pytest.mark.parametrize(
    ("written", "arguments"),
    [
        ('{"name":"get_weather","parameters":{"city":"Paris"}}', CITY),
        ('{"name":"get_weather","arguments":"{\\"city\\":\\"Paris\\"}"}', CITY),
        ('{"get_weather":{"city":"Paris"}}', CITY),
        ('{"tool":[{"name":"get_weather","arguments":{"city":"Paris"}}]}', CITY),
        ('get_weather {"city":"Paris"}', CITY),
        (
            '{"name":"get_weather","arguments":{"b":1.50,"a":{"z":1,"y":"<"}}}',
            '{"b":1.5,"a":{"y":"\\u003c","z":1}}',
        ),
        ('{"name":"get_weather","arguments":{"city":"}{\\""}}', '{"city":"}{\\""}'),
    ],
)
def test_the_ways_in_which_models_write_arguments(written: str, arguments: str) -> None:
    """The keys of the outermost object keep their order, those of others are sorted."""
    told = read(calls(), [f"<tool_call>{written}</tool_call>"])
    assert told.calls == (ToolCall("get_weather", arguments),)


def test_the_old_server_sorts_arguments() -> None:
    """By their keys (11)."""
    text = '<tool_call>{"name":"get_weather","arguments":{"b":1,"a":2}}</tool_call>'
    assert read(calls(sorts=True), [text]).calls[0].arguments == '{"a":2,"b":1}'


def test_the_longest_name_is_meant() -> None:
    """One that another one begins with waits for more."""
    parser = Calls("<tool_call>", [TOOLS[0], TOOLS[0].__class__("get")])
    assert parser.add('<tool_call>{"name":"get').calls == ()
    told = parser.add('_weather","arguments":{}}')
    assert [call.name for call in told.calls] == ["get_weather"]


@pytest.mark.parametrize("tokens", [("<", "b> just text"), ("a <tool", "s>"), ("a", " b")])
def test_text_streams_once_it_is_no_mark(tokens: tuple[str, ...]) -> None:
    """Nothing is lost."""
    assert read(calls(), tokens) == ("".join(tokens), "", ())


def test_without_a_mark_json_is_a_call() -> None:
    """An answer that begins with a brace, if it names a tool."""
    parser = calls("{")
    assert parser.add('{"name": "get_time", ').text == ""
    assert parser.add('"arguments": {}}').calls == (ToolCall("get_time", "{}"),)
    assert read(parser, [" and so on"]) == ("", "", ())


@pytest.mark.parametrize("tokens", [('{"a": 1', "} rest"), ("Look: {", '"get_time"}'), ("{ open",)])
def test_without_a_mark_json_that_is_no_call_is_text(tokens: tuple[str, ...]) -> None:
    """When it is complete, when something stands before it, or at the end."""
    assert read(calls("{"), tokens) == ("".join(tokens), "", ())


def test_braces_within_quotes_end_nothing() -> None:
    """The value is complete at the brace that closes it; white space before it is lost then."""
    parser = calls("{")
    assert parser.add(' {"a": "}"').text == " "
    assert parser.add("}").text == '{"a": "}"}'


@given(cuttings(made_of(PARIS, NOW, "<tool_call>", "text ", "get_time", '{"name":')))
def test_the_cutting_makes_no_difference(cut: tuple[str, list[str]]) -> None:
    """Whatever the tokens are, the same is said and called, once no name can be meant any more."""
    text, tokens = cut
    assert read(calls(), [*tokens, "\n"]) == read(calls(), [text, "\n"])
