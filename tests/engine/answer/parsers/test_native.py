"""Calls that the runner split."""

from __future__ import annotations

import pytest

from ollama_simulator.engine.answer.parsers.native import CallPart, Gathered
from ollama_simulator.engine.answer.parsers.parsed import Unparsable
from ollama_simulator.model import ToolCall


def test_parts_are_put_together() -> None:
    """By their index; the runner's ids stay, even if there is none."""
    calls = Gathered()
    for part in (
        CallPart(0, "AbC", "get_weather", '{"b":1,'),
        CallPart(1, "", "get_time"),
        CallPart(0, arguments='"a":{"z":1,"y":"<&>"}}'),
    ):
        calls.add(part)
    assert calls.end() == (
        ToolCall("get_weather", r'{"b":1,"a":{"y":"\u003c\u0026\u003e","z":1}}', "AbC", 0),
        ToolCall("get_time", "{}", "", 1),
    )


def test_the_old_server_sorts_arguments() -> None:
    """By their keys (11)."""
    calls = Gathered(sorts=True)
    calls.add(CallPart(0, "", "f", '{"b":1,"a":2}'))
    assert calls.end()[0].arguments == '{"a":2,"b":1}'


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ('{"city":', "unexpected end of JSON input"),
        ("{bad", "invalid character 'b' looking for beginning of object key string"),
        ('"x"', "Value looks like object, but can't find closing '}' symbol"),
    ],
)
def test_broken_arguments(arguments: str, wrong: str) -> None:
    """The whole answer fails."""
    calls = Gathered()
    calls.add(CallPart(0, "", "f", arguments))
    with pytest.raises(Unparsable) as caught:
        calls.end()
    assert (
        str(caught.value) == f'llama-server returned invalid tool call arguments for "f": {wrong}'
    )


def test_the_order_is_that_of_the_indexes() -> None:
    """They are told as the runner gave them; what is below zero is lost."""
    gathered = Gathered()
    for index in (2, -1, 0):
        gathered.add(CallPart(index, "x", "f", " "))
    gathered.add(CallPart(2, "y", "g"))
    assert gathered.end() == (ToolCall("f", "{}", "x", 0), ToolCall("fg", "{}", "xy", 2))
