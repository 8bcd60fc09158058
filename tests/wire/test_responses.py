"""`/v1/responses`: whole answers and streams."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollama_simulator.model import Done, Event, Origin, Refusal, Token, ToolCall
from ollama_simulator.settings import Settings
from tests.wire.speaking import HELLO, USAGE, error_of, post, streamed

PATH = "/v1/responses"
ASKED: dict[str, Any] = {"model": "native", "input": "x"}
NOW = 1_795_442_721
ARGUMENTS = r'{"a":"\u003c"}'
CALLS = (ToolCall("f", ARGUMENTS, "x"), ToolCall("g", "{}", "", 1))
END = Done("stop", USAGE)


def whole(events: list[Event], **fields: Any) -> str:
    """The body of a whole answer."""
    return post(PATH, {**ASKED, **fields}).collect(events).decode()


def test_whole() -> None:
    """All 31 members, in the order of Go's struct."""
    codec = post(PATH, ASKED)
    assert (codec.stream, codec.media, codec.headers) == (False, "application/json", ())
    assert codec.collect(HELLO).decode() == (
        f'{{"id":"resp_339563","object":"response","created_at":{NOW},"completed_at":{NOW},'
        '"status":"completed","incomplete_details":null,"model":"native",'
        '"previous_response_id":null,"instructions":null,"output":[{"id":"msg_993908",'
        '"type":"message","status":"completed","role":"assistant","content":'
        '[{"type":"output_text","text":"Hello!","annotations":[],"logprobs":[]}]}],"error":null,'
        '"tools":[],"tool_choice":"auto","truncation":"disabled","parallel_tool_calls":true,'
        '"text":{"format":{"type":"text"}},"top_p":1,"presence_penalty":0,"frequency_penalty":0,'
        '"top_logprobs":0,"temperature":1,"reasoning":null,"usage":{"input_tokens":12,'
        '"output_tokens":3,"total_tokens":15,"input_tokens_details":{"cached_tokens":0},'
        '"output_tokens_details":{"reasoning_tokens":0}},"max_output_tokens":null,'
        '"max_tool_calls":null,"store":false,"background":false,"service_tier":"default",'
        '"metadata":{},"safety_identifier":null,"prompt_cache_key":null}\n'
    )


ECHOED = {
    "instructions": "sys",
    "reasoning": {"effort": "low"},
    "max_output_tokens": 5,
    "temperature": 0.2,
    "top_p": 1e-7,
    "truncation": "auto",
    "background": True,
    "text": {"format": {"type": "json_schema", "strict": False, "schema": {"b": 1.50, "a": "<"}}},
    "tools": [
        {
            "type": "namespace",
            "name": "n",
            "strict": True,
            "parameters": {"b": 1.0, "a": {"d": [], "c": None}},
            "tools": [{"type": "function", "name": "f", "description": ""}],
        }
    ],
}


@pytest.mark.parametrize(
    "part",
    [
        '"instructions":"sys"',
        '"reasoning":{"effort":"low"}',
        '"max_output_tokens":5',
        '"temperature":0.2',
        '"top_p":1e-7',
        '"truncation":"auto"',
        '"background":true',
        r'"text":{"format":{"type":"json_schema","schema":{"b":1.5,"a":"\u003c"},"strict":false}}',
        '"tools":[{"type":"namespace","name":"n","description":null,"strict":true,'
        '"parameters":{"a":{"c":null,"d":[]},"b":1},"tools":[{"type":"function","name":"f",'
        '"description":"","strict":null,"parameters":null}]}]',
    ],
)
def test_echo(part: str) -> None:
    """What was said comes back, printed again; the schema alone keeps its order."""
    assert f"{part}," in whole(HELLO, **ECHOED)


@pytest.mark.parametrize(
    "part",
    [
        '"reasoning":{"effort":"low","summary":null}',
        r'"text":{"format":{"schema":{"b":1.5,"a":"\u003c"},"strict":false,"type":"json_schema"}}',
        '"tools":[{"description":null,"name":"n","parameters":{"a":{"c":null,"d":[]},"b":1},'
        '"strict":true,"type":"namespace"}]',
    ],
)
def test_echo_in_a_stream(part: str) -> None:
    """Keys are sorted, effort and summary always there, and tools in a namespace never."""
    (first, *_) = streamed(post(PATH, {**ASKED, **ECHOED, "stream": True}), HELLO)
    assert f"{part}," in first.decode()


def test_whole_items() -> None:
    """Thinking, then calls or else the text."""
    thought = (
        '{"id":"rs_resp_339563","type":"reasoning","summary":[{"type":"summary_text",'
        '"text":"hm"}],"encrypted_content":"hm"}'
    )
    calls = (
        '{"id":"fc_resp_339563_0","type":"function_call","status":"completed","call_id":"x",'
        r'"name":"f","arguments":"{\"a\":\"\\u003c\"}"},'
        '{"id":"fc_resp_339563_1","type":"function_call","status":"completed",'
        '"name":"g","arguments":"{}"}'
    )
    lost: list[Event] = [Token("lost", "hm"), Done("stop", USAGE, calls=CALLS)]
    assert f'"output":[{thought},{calls}],' in whole(lost)
    assert f'"output":[{thought},{{"id":"msg_993908",' in whole([Token("", "hm"), END])


def test_whole_of_nothing() -> None:
    """An empty message, at the beginning of time."""
    text = whole([])
    assert f'"created_at":-62135596800,"completed_at":{NOW},' in text
    assert '"text":"",' in text
    assert '"usage":{"input_tokens":0,"output_tokens":0,"total_tokens":0,' in text


STREAM_START = (
    'data: {{"response":{{"background":false,"completed_at":null,"created_at":1795442721,'
    '"error":null,"frequency_penalty":0,"id":"resp_339563","incomplete_details":null,'
    '"instructions":null,"max_output_tokens":null,"max_tool_calls":null,"metadata":{{}},'
    '"model":"native","object":"response","output":[],"parallel_tool_calls":true,'
    '"presence_penalty":0,"previous_response_id":null,"prompt_cache_key":null,"reasoning":null,'
    '"safety_identifier":null,"service_tier":"default","status":"in_progress","store":false,'
    '"temperature":1,"text":{{"format":{{"type":"text"}}}},"tool_choice":"auto","tools":[],'
    '"top_logprobs":0,"top_p":1,"truncation":"disabled","usage":null}},'
    '"sequence_number":{},"type":"response.{}"}}'
)


def test_stream() -> None:
    """Each event is a chunk, with its keys sorted."""
    codec = post(PATH, {**ASKED, "stream": True})
    assert (codec.stream, codec.media) == (True, "text/event-stream")
    chunks = [chunk.decode() for chunk in streamed(codec, HELLO)]
    assert all(chunk.endswith("}\n\n") for chunk in chunks)
    shown = [chunk.rstrip().partition("\n") for chunk in chunks]
    events = [head.removeprefix("event: response.") for head, _, _ in shown]
    data = [rest.removeprefix("data: ") for _, _, rest in shown]
    assert events == [
        *("created", "in_progress", "output_item.added", "content_part.added"),
        *("output_text.delta", "output_text.delta", "output_text.done", "content_part.done"),
        *("output_item.done", "completed"),
    ]
    assert shown[0][2] == STREAM_START.format(0, "created")
    assert shown[1][2] == STREAM_START.format(1, "in_progress")
    item = '{{"content":[{}],"id":"msg_993908","role":"assistant","status":"{}","type":"message"}}'
    said = '{"annotations":[],"logprobs":[],"text":"Hello!","type":"output_text"}'
    at = '"content_index":0,"item_id":"msg_993908",'
    assert data[2:9] == [
        f'{{"item":{item.format("", "in_progress")},"output_index":0,"sequence_number":2,'
        '"type":"response.output_item.added"}',
        f'{{{at}"output_index":0,"part":{said.replace("Hello!", "")},"sequence_number":3,'
        '"type":"response.content_part.added"}',
        '{"content_index":0,"delta":"Hello","item_id":"msg_993908","logprobs":[],'
        '"output_index":0,"sequence_number":4,"type":"response.output_text.delta"}',
        '{"content_index":0,"delta":"!","item_id":"msg_993908","logprobs":[],'
        '"output_index":0,"sequence_number":5,"type":"response.output_text.delta"}',
        f'{{{at}"logprobs":[],"output_index":0,"sequence_number":6,"text":"Hello!",'
        '"type":"response.output_text.done"}',
        f'{{{at}"output_index":0,"part":{said},"sequence_number":7,'
        '"type":"response.content_part.done"}',
        f'{{"item":{item.format(said, "completed")},"output_index":0,"sequence_number":8,'
        '"type":"response.output_item.done"}',
    ]
    assert f'"completed_at":{NOW},' in data[9]
    assert f'"output":[{item.format(said, "completed")}],' in data[9]
    assert (
        '"usage":{"input_tokens":12,"input_tokens_details":{"cached_tokens":0},"output_tokens":3,'
        '"output_tokens_details":{"reasoning_tokens":0},"total_tokens":15}}' in data[9]
    )


def shape(
    events: list[Event], settings: Settings | None = None, **fields: Any
) -> tuple[list[str], list[str] | None]:
    """The events of a stream behind the first two, a few words each, and the final items."""
    codec = post(PATH, {**ASKED, "stream": True, **fields}, settings or Settings())
    shown: list[str] = []
    final = None
    for number, chunk in enumerate(streamed(codec, events)):
        said = json.loads(chunk.partition(b"data: ")[2])
        assert said["sequence_number"] == number
        kind = said["type"].removeprefix("response.")
        text = said.get("delta") or said.get("text") or said.get("arguments") or ""
        of = said.get("item", {}).get("type", "")
        shown.append(f"{said.get('output_index', '')} {kind} {of}{text}".strip())
        if kind == "completed":
            output = said["response"]["output"]
            final = output and [item["type"] for item in output]
    assert shown[:2] == ["created", "in_progress"]
    return shown[2:], final


def message(index: int, text: str) -> list[str]:
    """A message begins."""
    begun = f"{index} output_item.added message"
    return [begun, f"{index} content_part.added", f"{index} output_text.delta {text}"]


def message_end(index: int, text: str) -> list[str]:
    """A message ends."""
    ended = [f"{index} output_text.done {text}", f"{index} content_part.done"]
    return [*ended, f"{index} output_item.done message"]


def thought(index: int, text: str) -> list[str]:
    """A thought, all of it."""
    kind = "reasoning_summary_text"
    begun = [f"{index} output_item.added reasoning", f"{index} {kind}.delta {text}"]
    return [*begun, f"{index} {kind}.done {text}", f"{index} output_item.done reasoning"]


def call(index: int, arguments: str) -> list[str]:
    """A call, all of it."""
    kind = "function_call_arguments"
    begun = [f"{index} output_item.added function_call", f"{index} {kind}.delta {arguments}"]
    ended = [f"{index} {kind}.done {arguments}", f"{index} output_item.done function_call"]
    return [*begun, *ended]


LAST = Done("stop", USAGE, calls=CALLS)


@pytest.mark.parametrize(
    ("events", "shown", "final"),
    [
        ([END], [], None),
        ([Token("", "hm"), END], thought(0, "hm"), ["reasoning"]),
        (
            [Token("Hi", "hm"), END],
            [*thought(0, "hm"), *message(1, "Hi"), *message_end(1, "Hi")],
            ["reasoning", "message"],
        ),
        # A message that is open gives its place away, and never ends.
        (
            [Token("Let"), LAST],
            [*message(0, "Let"), *call(0, ARGUMENTS), *call(1, "{}")],
            ["function_call", "function_call", "message"],
        ),
        # A thought takes the place, too, but there the message goes on behind it.
        (
            [Token("b"), Token("", "C"), Token("d"), END],
            [*message(0, "b"), *thought(0, "C"), "1 output_text.delta d", *message_end(1, "bd")],
            ["reasoning", "message"],
        ),
        # After a call all text is dropped.
        (
            [Token("", "hm", CALLS[:1]), Token("so"), END],
            [*thought(0, "hm"), *call(1, ARGUMENTS)],
            ["reasoning", "function_call"],
        ),
    ],
)
def test_order(events: list[Event], shown: list[str], final: list[str] | None) -> None:
    """Items, one after the other, and Ollama's faults."""
    assert shape(events) == ([*shown, "completed"], final)


def test_a_stream_that_breaks_off() -> None:
    """It just ends, whether there is an error or not."""
    assert shape([Token("a")]) == (message(0, "a"), None)
    codec = post(PATH, {**ASKED, "stream": True})
    codec.encode(Token("a"))
    refusal = Refusal(500, "lost")
    assert codec.absorb(refusal) is refusal
    assert codec.broken(refusal) == []


def test_ids_in_a_stream() -> None:
    """Thoughts and calls have numbers of their own, drawn when they begin."""
    codec = post(PATH, {**ASKED, "stream": True})
    chunks = streamed(codec, [Token("", "hm", CALLS), END])
    items = [json.loads(chunk.partition(b"data: ")[2]).get("item", {}) for chunk in chunks]
    ids = [item["id"] for item in items if item.get("status") != "completed" and item]
    assert ids[0].startswith("rs_")
    assert ids[0] == ids[1]
    assert [ids[2][:3], ids[2][-2:], ids[3][-2:]] == ["fc_", "_0", "_1"]
    assert len({id.split("_")[1] for id in ids}) == 3


OLD = Settings(wire="0.13.5")


def test_old_whole() -> None:
    """Seven members; items of messages have less, and calls no status."""
    codec = post(PATH, {**ASKED, **ECHOED}, OLD)
    assert codec.collect(HELLO).decode() == (
        f'{{"id":"resp_339563","object":"response","created_at":{NOW},"status":"completed",'
        '"model":"native","output":[{"id":"msg_993908","type":"message","status":"completed",'
        '"role":"assistant","content":[{"type":"output_text","text":"Hello!"}]}],'
        '"usage":{"input_tokens":12,"output_tokens":3,"total_tokens":15}}\n'
    )
    text = post(PATH, ASKED, OLD).collect([Token("lost"), LAST]).decode()
    assert '"output":[{"id":"fc_resp_339563_0","type":"function_call","call_id":"x",' in text
    assert "lost" not in text


def test_old_stream() -> None:
    """The response shows four members, and nothing tells of annotations."""
    chunks = streamed(post(PATH, {**ASKED, "stream": True}, OLD), HELLO)
    assert chunks[0] == (
        b'event: response.created\ndata: {"response":{"id":"resp_339563","object":"response",'
        b'"output":[],"status":"in_progress"},"sequence_number":0,"type":"response.created"}\n\n'
    )
    assert chunks[4] == (
        b'event: response.output_text.delta\ndata: {"content_index":0,"delta":"Hello",'
        b'"item_id":"msg_993908","output_index":0,"sequence_number":4,'
        b'"type":"response.output_text.delta"}\n\n'
    )
    assert b"annotations" not in b"".join(chunks)
    assert (
        b'"status":"completed","usage":{"input_tokens":12,"output_tokens":3,"total_tokens":15}}'
        in chunks[-1]
    )


@pytest.mark.parametrize(
    ("events", "shown", "final"),
    [
        ([END], [], None),
        (
            [Token("Let"), LAST],
            [*message(0, "Let"), *call(0, ARGUMENTS), *call(1, "{}")],
            ["function_call", "function_call"],
        ),
        # There is one item of thinking. What comes later is added to it, though it is complete.
        (
            [Token("", "A"), Token("b"), Token("", "C"), END],
            [
                *(*thought(0, "A"), *message(1, "b"), "1 reasoning_summary_text.delta C"),
                *message_end(1, "b"),
            ],
            ["reasoning", "message"],
        ),
        # Calls of two events begin at the same place.
        (
            [Token("", calls=CALLS[:1]), Token("", calls=CALLS[1:]), END],
            [*call(0, ARGUMENTS), *call(0, "{}")],
            ["function_call", "function_call"],
        ),
    ],
)
def test_old_order(events: list[Event], shown: list[str], final: list[str] | None) -> None:
    """Faults of its own."""
    assert shape(events, OLD) == ([*shown, "completed"], final)


def test_errors() -> None:
    """OpenAI's object."""
    document = error_of(PATH, 404, "no", Origin.HANDLER)
    assert document.body == (
        b'{"error":{"message":"no","type":"not_found_error","param":null,"code":null}}\n'
    )
