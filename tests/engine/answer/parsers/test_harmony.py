"""The channels of gpt-oss."""

from __future__ import annotations

import pytest
from hypothesis import given

from ollama_simulator.engine.answer.parsers.harmony import Harmony, speakable
from ollama_simulator.engine.answer.parsers.parsed import Parsed, Unparsable
from ollama_simulator.model import Message, Tool, ToolCall
from tests.engine.answer.parsers.reading import TOOLS, cuttings, made_of, read

THOUGHT = "<|channel|>analysis<|message|>Okay<|end|>"
FINAL = "<|start|>assistant<|channel|>final<|message|>Hi there"
CALL = (
    "<|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>"
)


def harmony(*, sorts: bool = False) -> Harmony:
    """A parser that knows two tools."""
    return Harmony(TOOLS, sorts=sorts)


def test_channels() -> None:
    """Analysis is thinking, the final channel is text; marks and headers are nothing."""
    parser = harmony()
    tokens = ["<|channel|>", "analysis", "<|message|>", "Okay", ", so", "<|end|>", "<|start|>"]
    tokens += ["assistant", "<|channel|>", "final", "<|message|>", "Hi", " <|", "x"]
    told = [parser.add(token)[:2] for token in tokens]
    assert [part for part in told if any(part)] == [
        ("", "Okay"),
        ("", ", so"),
        ("Hi", ""),
        (" ", ""),
        ("<|x", ""),
    ]


def test_an_answer_in_one_token() -> None:
    """What stands between two messages is nothing."""
    assert read(harmony(), [THOUGHT + FINAL]) == ("Hi there", "Okay", ())
    assert read(harmony(), [THOUGHT, "what? ", FINAL]) == ("Hi there", "Okay", ())


def test_text_without_a_header_is_nothing() -> None:
    """A model that doesn't speak harmony says nothing."""
    assert read(harmony(), ["Hello", "!"]) == ("", "", ())


def test_a_call_is_told_at_the_end() -> None:
    """Its arguments are gathered quietly."""
    parser = harmony()
    tokens = (THOUGHT, CALL, '{"city":', '"Paris"}')
    assert [parser.add(token).calls for token in tokens] == [()] * 4
    assert parser.end().calls == (ToolCall("get_weather", '{"city":"Paris"}'),)


@pytest.mark.parametrize(
    "header",
    [
        "<|channel|>commentary to=functions.get_time <|constrain|>json<|message|>",
        "<|channel|>analysis to=functions.get_time<|message|>",
        " to=functions.get_time<|channel|>commentary<|constrain|>json<|message|>",
        "<|channel|>commentary<|constrain|>json to=functions.get_time<|message|>",
    ],
)
def test_where_a_header_names_the_tool(header: str) -> None:
    """Before or behind the channel; the channel ends where a constraint begins."""
    told = read(harmony(), [header, "{}"])
    if header.endswith("json to=functions.get_time<|message|>"):
        assert told == ("{}", "", ())
    else:
        assert told == ("", "", (ToolCall("get_time", "{}"),))


def test_commentary_for_nobody_is_text() -> None:
    """As is a channel that nobody knows."""
    for channel in ("commentary", "other"):
        text = f"<|channel|>{channel}<|message|>Hm"
        assert read(harmony(), [text]) == ("Hm", "", ())


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        ("{bad", "invalid character 'b' looking for beginning of object key string"),
        ("", "unexpected end of JSON input"),
        ("{}{}", "invalid character '{' after top-level value"),
        ("[1]", "Value looks like object, but can't find closing '}' symbol"),
    ],
)
def test_broken_arguments(raw: str, wrong: str) -> None:
    """The text is quoted, and Go says what is wrong with it."""
    parser = harmony()
    parser.add(CALL.removeprefix("<|start|>") + raw)
    with pytest.raises(Unparsable) as caught:
        parser.end()
    assert str(caught.value) == f"error parsing tool call: raw='{raw}', err={wrong}"


def test_names_that_the_model_cannot_say() -> None:
    """They are told as the request has them."""
    parser = Harmony([Tool("my-tool.v2")])
    text = f"<|channel|>commentary to=functions.{speakable('my-tool.v2')}<|message|>{{}}"
    assert read(parser, [text]).calls == (ToolCall("my-tool.v2", "{}"),)
    assert speakable("3d") == "_3d"


def test_the_order_of_arguments() -> None:
    """As written, but sorted by the old server."""
    text = CALL.removeprefix("<|start|>") + '{"b":1,"a":2}'
    assert read(harmony(), [text]).calls[0].arguments == '{"b":1,"a":2}'
    assert read(harmony(sorts=True), [text]).calls[0].arguments == '{"a":2,"b":1}'


@given(cuttings(made_of(THOUGHT, FINAL, "<|end|>", "<|start|>", "<|message|>", "x", CALL)))
def test_the_cutting_makes_no_difference(cut: tuple[str, list[str]]) -> None:
    """Whatever the tokens are, the same is said, thought and called.

    An ending that is kept back as the possible beginning of a mark is lost either way.
    """
    text, tokens = cut
    assert told(tokens) == told([text])


def told(tokens: list[str]) -> Parsed | str:
    """What is told of an output, or what is wrong with it."""
    try:
        return read(harmony(), tokens)
    except Unparsable as wrong:
        return str(wrong)


def test_an_answer_is_continued() -> None:
    """The prompt ends in the midst of a message: of text, or else of thinking."""
    assert Harmony((), Message("assistant", "a", thinking="b")).add("c") == ("c", "", ())
    assert Harmony((), Message("assistant", thinking="b")).add("c") == ("", "c", ())
    assert Harmony((), Message("user", "a")).add("c") == ("", "", ())


def test_names_that_would_be_equal() -> None:
    """They are numbered; those that the model knows anyway are left alone."""
    assert [speakable(name) for name in ("a-b", "a$é+", "1", "+", "browser.open")] == [
        "a_b",
        "a$é",
        "_1",
        "unnamed",
        "browser.open",
    ]
    tools = [Tool(name) for name in ("a-b", "a.b", "")]
    parser = Harmony(tools)
    parser.add("<|channel|>commentary to=functions.a_b_2<|message|>{}")
    assert parser.end().calls == (ToolCall("a.b", "{}"),)
