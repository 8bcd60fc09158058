"""Events of a runner's stream, told verbatim."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollama_simulator.engine.answer.output import End, Failure, Kind, Output, Piece
from ollama_simulator.engine.answer.parsers.native import CallPart
from ollama_simulator.engine.answer.runner_events import outputs, shown
from ollama_simulator.model import Logprob


def told(event: str, *, chats: bool = False) -> list[Output]:
    """What an event comes to."""
    return list(outputs("0.33", event, chats=chats))


def test_content() -> None:
    """A token, told as it is."""
    assert told('{"content":"a"}') == [Piece("a", verbatim=True)]


@pytest.mark.parametrize(("kind", "reason"), [("eos", "stop"), ("limit", "length")])
def test_the_last_content(kind: str, reason: str) -> None:
    """It may bring a token, and tells what everything cost."""
    timings = '{"prompt_n":1,"cache_n":4,"prompt_ms":1,"predicted_n":2,"predicted_ms":3.5}'
    event = f'{{"content":" tail","stop":true,"stop_type":"{kind}","timings":{timings}}}'
    tail = Piece(" tail", verbatim=True)
    assert told(event) == [End(reason, 5, 2, 0.001, 0.0035, tail)]


def test_deltas() -> None:
    """Of a conversation: text, thinking and parts of calls."""
    call = {"index": 1, "id": "x", "function": {"name": "f", "arguments": "{"}}
    delta = {"content": "a", "reasoning_content": "b", "tool_calls": [call]}
    event = json.dumps({"choices": [{"delta": delta}]})
    part = CallPart(1, "x", "f", "{")
    assert told(event, chats=True) == [Piece("a", "b", (part,), verbatim=True)]


@pytest.mark.parametrize(
    ("reason", "expected"), [("length", "length"), ("stop", "stop"), ("tool_calls", "stop")]
)
def test_the_last_delta(reason: str, expected: str) -> None:
    """A call is no reason of its own (5.4)."""
    event = json.dumps({"choices": [{"delta": {"content": "a"}, "finish_reason": reason}]})
    tail = Piece("a", verbatim=True)
    assert told(event, chats=True) == [End(expected, 0, 0, 0.0, 0.0, tail)]


def test_events_of_the_old_runner() -> None:
    """They have keys of their own, and only objects are events at all."""
    tail = Piece("a", verbatim=True)
    assert list(outputs("0.13.5", '{"content":"a","stop":true}', chats=False)) == [tail]
    costs = '"prompt_eval_count":5,"prompt_eval_duration":1000000,"eval_count":2,"eval_duration":7'
    for number, reason in ((0, "stop"), (1, "length")):
        event = f'{{"content":"a","done":true,"done_reason":{number},{costs}}}'
        assert list(outputs("0.13.5", event, chats=False)) == [End(reason, 5, 2, 0.001, 7e-9, tail)]


@pytest.mark.parametrize(
    ("event", "kind"), [("[1]", "array"), ('"x"', "string"), ("true", "bool"), ("1", "number")]
)
def test_what_is_no_event_of_the_old_runner(event: str, kind: str) -> None:
    """The answer fails, where the new server just goes on."""
    said = f"json: cannot unmarshal {kind} into Go value of type llm.CompletionResponse"
    assert list(outputs("0.13.5", event, chats=False)) == [Failure(Kind.MALFORMED, said)]


def test_the_end_of_the_stream() -> None:
    """Without a word before it, the answer just ends."""
    assert told("[DONE]", chats=True) == []


def test_errors() -> None:
    """A conversation fails, all else goes on as if nothing had been told (5.5)."""
    event = '{"error":{"type":"t","code":500,"message":"bad"}}'
    shown = "map[code:500 message:bad type:t]"
    assert told(event, chats=True) == [Failure(Kind.REPORTED, shown)]
    assert told(event) == [Piece(verbatim=True)]


@pytest.mark.parametrize("chats", [True, False])
def test_what_nobody_can_read(chats: bool) -> None:
    """Go's complaint about it."""
    complaint = "invalid character 'b' looking for beginning of object key string"
    assert told("{broken", chats=chats) == [Failure(Kind.MALFORMED, complaint)]


CONTENT = "llamaServerCompletionResponse"
ARGUMENTS = r'struct { Name string "json:\"name\""; Arguments string "json:\"arguments\"" }'


@pytest.mark.parametrize(
    ("event", "chats", "place", "of"),
    [
        ("[1]", False, f"array into Go value of type llm.{CONTENT}", ""),
        ('{"content":1}', False, f"number into Go struct field {CONTENT}.content", "string"),
        (
            '{"completion_probabilities":[{"top_logprobs":[{"token":1}]}]}',
            False,
            "number into Go struct field llamaServerTokenProb."
            "completion_probabilities.top_logprobs.token",
            "string",
        ),
        ("1", True, "number into Go value of type llm.llamaServerChatResponse", ""),
        (
            '{"choices":{}}',
            True,
            "object into Go struct field llamaServerChatResponse.choices",
            "[]llm.llamaServerChatChoice",
        ),
        (
            '{"choices":[{"delta":{"tool_calls":[{"function":5}]}}]}',
            True,
            "number into Go struct field .choices.delta.tool_calls.function",
            ARGUMENTS,
        ),
    ],
)
def test_what_is_of_another_type(event: str, chats: bool, place: str, of: str) -> None:
    """Go's complaint about it."""
    said = f"json: cannot unmarshal {place}" + (f" of type {of}" if of else "")
    assert told(event, chats=chats) == [Failure(Kind.MALFORMED, said)]


@pytest.mark.parametrize("chats", [True, False])
@pytest.mark.parametrize("event", ["null", "{}", '{"choices":[],"error":null}'])
def test_what_is_missing_says_nothing(event: str, chats: bool) -> None:
    """And breaks nothing."""
    assert told(event, chats=chats) == [Piece(verbatim=True)]


def test_log_probabilities() -> None:
    """By either name; those of a conversation are with the choice."""
    told_of = (Logprob("a", -1.5, (Logprob("b", -2.0),)),)
    token = '{"token":"a","logprob":-1.5,"top_logprobs":[{"token":"b","prob":-2}]}'
    assert told(f'{{"content":"a","completion_probabilities":[{token}]}}') == [
        Piece("a", logprobs=told_of, verbatim=True)
    ]
    assert told(f'{{"choices":[{{"logprobs":{{"content":[{token}]}}}}]}}', chats=True) == [
        Piece(logprobs=told_of, verbatim=True)
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<nil>"),
        (True, "true"),
        (0, "0"),
        (1.5, "1.5"),
        (123456, "123456"),
        (1000000, "1e+06"),
        (20999999, "2.0999999e+07"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-1e21, "-1e+21"),
        ([1, "a", {"b": False, "a": None}], "[1 a map[a:<nil> b:false]]"),
    ],
)
def test_values_as_go_shows_them(value: Any, text: str) -> None:
    """`%v`."""
    assert shown(value) == text
