"""The order of the events in a stream of `/v1/messages`."""

from __future__ import annotations

import json

import pytest

from ollama_simulator.model import Done, Event, Origin, Refusal, Token, ToolCall
from tests.wire.speaking import USAGE, post, streamed

PATH = "/v1/messages"
CALLS = (ToolCall("f", '{"a":1}', "x"), ToolCall("g", "{}", "y", 1))
END = Done("stop", USAGE)


def shape(events: list[Event]) -> list[str]:
    """The events of a stream, each in a word or two."""
    body = {"model": "m", "max_tokens": 9, "stream": True}
    codec = post(PATH, {**body, "messages": [{"role": "user", "content": "hello there"}]})
    shown = []
    for chunk in streamed(codec, events):
        head, data, *rest = chunk.decode().split("\n")
        said = json.loads(data.removeprefix("data: "))
        assert (head, rest) == (f"event: {said['type']}", ["", ""])
        shown.append(_word(said))
    assert shown[0].startswith("begin ")
    return shown[1:]


def _word(said: dict[str, dict[str, object]]) -> str:
    match said:
        case {"type": "message_start", "message": message}:
            return f"begin {message['usage']}"
        case {"type": "content_block_start", "index": index, "content_block": block}:
            return f"{index} {block['type']} {block.get('name', '')}".strip()
        case {"type": "content_block_delta", "index": index, "delta": delta}:
            kind = str(delta.pop("type")).removesuffix("_delta")
            return f"{index} +{kind} {next(iter(delta.values()))}"
        case {"type": "content_block_stop", "index": index}:
            return f"{index} end"
        case {"type": "message_delta", "delta": delta}:
            return f"stop {delta.get('stop_reason', '-')}"
    return str(said["type"])


STOP = ["stop end_turn", "message_stop"]
TOOLS = ["stop tool_use", "message_stop"]
CALL_0 = ["0 tool_use f", '0 +input_json {"a":1}', "0 end"]


@pytest.mark.parametrize(
    ("events", "shown"),
    [
        ([END], STOP),
        ([Token("", "hm"), END], ["0 thinking", "0 +thinking hm", "0 end", *STOP]),
        (
            [Token("Hi", "hm"), Token("!"), END],
            [
                *["0 thinking", "0 +thinking hm", "0 end"],
                *["1 text", "1 +text Hi", "1 +text !", "1 end", *STOP],
            ],
        ),
        # Thinking after text has a block of its own, if there was none before it.
        (
            [Token("b"), Token("", "C"), Token("d"), END],
            [
                *["0 text", "0 +text b", "0 end", "1 thinking", "1 +thinking C", "1 end"],
                *["2 text", "2 +text d", "2 end", *STOP],
            ],
        ),
        (
            [Token("", "A"), Token("b"), Token("", "C"), Token("d"), END],
            [
                *["0 thinking", "0 +thinking A", "0 end"],
                *["1 text", "1 +text b", "1 +text d", "1 end", *STOP],
            ],
        ),
        # Calls of the last piece, and calls in the midst.
        (
            [Token("Let"), Done("stop", USAGE, calls=CALLS)],
            [
                *[
                    "0 text",
                    "0 +text Let",
                    "0 end",
                    "1 tool_use f",
                    '1 +input_json {"a":1}',
                    "1 end",
                ],
                *["2 tool_use g", "2 +input_json {}", "2 end", *TOOLS],
            ],
        ),
        (
            [Token("", "hm", CALLS[:1]), Token("so"), END],
            [
                *["0 thinking", "0 +thinking hm", "0 end", "1 tool_use f", '1 +input_json {"a":1}'],
                *["1 end", "2 text", "2 +text so", "2 end", *TOOLS],
            ],
        ),
        # One call for each id, so only one without any.
        ([Token("", calls=CALLS[:1]), Done("length", USAGE, calls=CALLS[:1])], [*CALL_0, *TOOLS]),
        (
            [Done("stop", USAGE, calls=(ToolCall("f", '{"a":1}'), ToolCall("g")))],
            [*CALL_0, *TOOLS],
        ),
        # What breaks off just ends.
        ([Token("a")], ["0 text", "0 +text a"]),
        ([Token("a"), Done("", None)], ["0 text", "0 +text a", "0 end", "stop -", "message_stop"]),
    ],
)
def test_order(events: list[Event], shown: list[str]) -> None:
    """Blocks, one after the other."""
    assert shape(events) == shown


def whole(events: list[Event]) -> tuple[list[dict[str, object]] | None, str | None]:
    """Content and stop reason of a whole answer."""
    body = {
        "model": "m",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{"name": "f", "input_schema": {}}],
    }
    message = json.loads(post(PATH, body).collect(events))
    return message["content"], message.get("stop_reason")


def test_whole() -> None:
    """Thinking, text, calls; those without an id keep their place."""
    events: list[Event] = [Token("a", "A", CALLS), Token("b", "B")]
    last = Done("stop", USAGE, calls=(ToolCall("h"), ToolCall("h")))
    assert whole([*events, last]) == (
        [
            {"type": "thinking", "thinking": "AB"},
            {"type": "text", "text": "ab"},
            {"type": "tool_use", "id": "x", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "y", "name": "g", "input": {}},
            {"type": "tool_use", "name": "h", "input": {}},
            {"type": "tool_use", "name": "h", "input": {}},
        ],
        "tool_use",
    )
    assert whole([END]) == (None, "end_turn")
    assert whole([Token("a")]) == ([{"type": "text", "text": "a"}], None)


def test_nothing_at_all() -> None:
    """A message of zeros, without a model."""
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    message = json.loads(post(PATH, body).collect([]))
    del message["id"]
    assert message == {
        "type": "message",
        "role": "assistant",
        "model": "",
        "content": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }


def test_the_cloud_speaks_natively() -> None:
    """The proxy refuses in front of the dialect."""
    codec = post(PATH, {"model": "m:cloud", "max_tokens": 1, "messages": [{"content": "x"}]})
    refusal = Refusal(401, "unauthorized", Origin.CLOUD)
    assert codec.absorb(refusal) is refusal
    document = type(codec).error(refusal, None)  # type: ignore[arg-type]  # nothing is drawn
    assert document.body == b'{"error":"unauthorized"}'
    assert document.media == "application/json; charset=utf-8"
