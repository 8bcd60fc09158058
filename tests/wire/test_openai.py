"""`/v1/chat/completions`, and OpenAI's errors."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.model import (
    Answer,
    Done,
    Event,
    Infer,
    Logprob,
    Message,
    Origin,
    Refusal,
    Rendered,
    Token,
    ToolCall,
)
from ollama_simulator.settings import Settings
from ollama_simulator.wire.codec import Codec
from tests.wire.speaking import HELLO, USAGE, error_of, post, refusal, streamed

PATH = "/v1/chat/completions"
HI = [{"role": "user", "content": "hi"}]
# The id is the first draw of the seed in `speaking.wire`.
CHUNK = (
    '{"id":"chatcmpl-331","object":"chat.completion.chunk","created":1795442721,"model":"native",'
    '"system_fingerprint":"fp_ollama","choices":'
)
ROLE = CHUNK + '[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}'
USED = '[],"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}'


def frames(*choices: str) -> str:
    """Frames of chunks with these choices."""
    return "".join(f"data: {CHUNK}{choice}\n\n" for choice in choices)


def choice(delta: str, reason: str = "null") -> str:
    """The choices of a chunk, to its end."""
    return f'[{{"index":0,"delta":{delta},"finish_reason":{reason}}}]}}'


FIRST = frames(choice('{"role":"assistant","content":"Hello"}'))
SECOND = frames(choice('{"content":"!"}'))
FINISH = frames(choice("{}", '"stop"'))
DONE = "data: [DONE]\n\n"


def test_stream() -> None:
    """The role once, a finish chunk of its own, and `[DONE]` in the same write."""
    codec = post(PATH, {"model": "native", "messages": HI, "stream": True})
    assert (codec.stream, codec.media, codec.headers) == (True, "text/event-stream", ())
    chunks = [chunk.decode() for chunk in streamed(codec, HELLO)]
    assert chunks == [FIRST, SECOND, FINISH + DONE]


def test_stream_with_usage() -> None:
    """One more chunk, without choices."""
    options = {"include_usage": True}
    body = {"model": "native", "messages": HI, "stream": True, "stream_options": options}
    *_, last = streamed(post(PATH, body), HELLO)
    assert last.decode() == FINISH + frames(USED) + DONE


def test_stream_without_text() -> None:
    """Role, finish and `[DONE]` in one write."""
    codec = post(PATH, {"model": "native", "messages": HI, "stream": True})
    (chunk,) = codec.encode(Done("length", USAGE))
    assert (
        chunk.decode()
        == frames(choice('{"role":"assistant","content":""}'), choice("{}", '"length"')) + DONE
    )


def test_broken_stream() -> None:
    """An empty piece without a model, and the error is lost."""
    codec = post(PATH, {"model": "native", "messages": HI, "stream": True})
    streamed(codec, HELLO[:1])
    (chunk,) = codec.broken(Refusal(500, "lost"))
    assert chunk.decode() == frames(choice('{"content":""}')).replace('"native"', '""')


def test_whole() -> None:
    """One completion, with a newline."""
    codec = post(PATH, {"model": "native", "messages": HI})
    assert (codec.stream, codec.media) == (False, "application/json")
    assert codec.collect(HELLO).decode() == (
        '{"id":"chatcmpl-331","object":"chat.completion","created":1795442721,"model":"native",'
        '"system_fingerprint":"fp_ollama","choices":[{"index":0,"message":{"role":"assistant",'
        '"content":"Hello!"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,'
        '"completion_tokens":3,"total_tokens":15}}\n'
    )


def test_load() -> None:
    """No message at all loads the model; streamed, the frames are one body."""
    body = {"model": "native", "messages": [{"role": "user", "content": []}]}
    codec = post(PATH, body)
    assert isinstance(codec.job, Infer)
    assert codec.job.empty
    whole = codec.collect([Done("load", None)])
    assert b'"message":{"role":"assistant","content":""},"finish_reason":"load"}]' in whole
    assert whole.endswith(b'"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}\n')
    codec = post(PATH, {**body, "stream": True})
    assert (codec.stream, codec.media) == (False, "text/event-stream")
    assert (
        codec.collect([Done("load", None)]).decode()
        == frames(choice('{"role":"assistant","content":""}'), choice("{}", '"load"')) + DONE
    )


def job(**fields: Any) -> Infer:
    """The job of a chat with these fields."""
    found = post(PATH, {"model": "m", "messages": HI, **fields}).job
    assert isinstance(found, Infer)
    return found


PICTURE = "data:image/png;base64,AAAA"


def test_conversation() -> None:
    """Each part of a content is a message; roles are in lower case; a result knows its tool."""
    call = {"id": "a", "function": {"name": "f", "arguments": '{"z": 1.0, "y": {"d":1,"c":2}}'}}
    given = [
        {"role": "Developer", "content": "be brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": PICTURE}},
                {"type": "image_url", "image_url": PICTURE},
                {"type": "input_audio", "input_audio": {"data": "AAEC"}},
            ],
        },
        {"role": "assistant", "content": None, "reasoning": "hm", "tool_calls": [call]},
        {"role": "tool", "content": "21", "tool_call_id": "a"},
        {"role": "tool", "content": "22", "tool_call_id": "a", "name": "g"},
    ]
    made = ToolCall("f", '{"z":1,"y":{"c":2,"d":1}}', "a")
    assert job(messages=given).messages == (
        Message("developer", "be brief"),
        Message("user", "look"),
        Message("user", images=(b"\0\0\0",)),
        Message("user", images=(b"\0\0\0",)),
        Message("user", images=(b"\0\1\2",)),
        Message("assistant", thinking="hm", tool_calls=(made,)),
        Message("tool", "21", tool_name="f", tool_call_id="a"),
        Message("tool", "22", tool_name="g", tool_call_id="a"),
    )


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, {}),
        ({"max_tokens": 5}, {"num_predict": 5}),
        ({"max_tokens": -5}, {"num_predict": -5}),
        ({"max_tokens": None, "max_completion_tokens": 5}, {}),
        ({"temperature": 0, "top_p": 0.5}, {"temperature": 0.0, "top_p": 0.5}),
        ({"seed": 7, "frequency_penalty": 1}, {"seed": 7, "frequency_penalty": 1.0}),
        ({"presence_penalty": -1}, {"presence_penalty": -1.0}),
        ({"stop": "x"}, {"stop": ["x"]}),
        ({"stop": ["x", 5, "y"]}, {"stop": ["x", "y"]}),
        ({"stop": 5}, {}),
    ],
)
def test_options(fields: dict[str, Any], options: dict[str, Any]) -> None:
    """As the translator maps them; two are always sent (3.5)."""
    assert job(**fields).options == {"temperature": 1.0, "top_p": 1.0, **options}


@pytest.mark.parametrize(
    ("fields", "think"),
    [
        ({}, None),
        ({"reasoning_effort": ""}, None),
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "minimal"}, "low"),
        ({"reasoning_effort": "xhigh"}, "max"),
        ({"reasoning_effort": "low", "reasoning": {"effort": "high"}}, "high"),
        ({"reasoning_effort": "low", "reasoning": {}}, None),
    ],
)
def test_effort(fields: dict[str, Any], think: bool | str | None) -> None:
    """The object wins where it is present, even if it says nothing (3.4)."""
    assert job(**fields).think == think


def test_an_unknown_effort_is_refused() -> None:
    body = {"model": "m", "messages": HI, "reasoning_effort": "foo"}
    words = (
        'invalid reasoning value: "foo" (must be "minimal", "low", "medium", "high", "xhigh", '
        '"ultra", "max", or "none")'
    )
    assert refusal(PATH, body) == (400, words, Origin.DECODE)


SCHEMA = {"type": "object", "properties": {"z": {"type": "number"}, "a": {"minimum": 1.50}}}


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"type": " JSON_object "}, '"json"'),
        ({"type": "text"}, None),
        ({"type": "json_schema"}, None),
        ({"type": "json_schema", "json_schema": {"schema": [1]}}, "[1]"),
        (
            {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
            '{"type":"object","properties":{"z":{"type":"number"},"a":{"minimum":1.5}}}',
        ),
    ],
)
def test_format(given: dict[str, Any], wanted: str | None) -> None:
    """The schema as the client wrote it, without the blanks."""
    assert job(response_format=given).format == wanted


def test_tools() -> None:
    """As Ollama prints them, in the order of its structs; unknown keys are dropped."""
    parameters = {
        "required": ["city"],
        "properties": {"city": {"description": "<b>", "type": ["string"], "x": 1}, "a": {}},
        "type": "object",
        "additionalProperties": False,
    }
    function = {"parameters": parameters, "name": "f", "strict": True, "description": "d"}
    (tool,) = job(tools=[{"function": function, "type": "function"}]).tools
    assert (tool.name, tool.description) == ("f", "d")
    assert tool.source == (
        '{"type":"function","function":{"name":"f","description":"d","parameters":'
        '{"type":"object","required":["city"],"properties":{"city":{"type":"string",'
        r'"description":"\u003cb\u003e"},"a":{}}}}}'
    )


def test_ignored_fields() -> None:
    """Unknown fields and those of other dialects do nothing."""
    fields: dict[str, Any] = {
        "n": "x",
        "keep_alive": "nonsense",
        "options": 5,
        "tool_choice": [],
        "max_completion_tokens": 3,
        "think": 7,
        "format": "json",
    }
    assert job(**fields) == job()


LIKELY = Token("He", logprobs=(Logprob("He", -0.1, (Logprob("é", -2.5),)),))
PRINTED = (
    '"logprobs":{"content":[{"token":"He","logprob":-0.1,"bytes":[72,101],'
    '"top_logprobs":[{"token":"é","logprob":-2.5,"bytes":[195,169]}]}]}}'
)


def test_logprobs() -> None:
    """After the reason, in a stream and in a whole answer."""
    body = {"model": "native", "messages": HI, "logprobs": True, "top_logprobs": 1}
    assert (job(**body).logprobs, job(**body).top_logprobs) == (True, 1)
    (chunk,) = post(PATH, {**body, "stream": True}).encode(LIKELY)
    assert f'"finish_reason":null,{PRINTED}]' in chunk.decode()
    whole = post(PATH, body).collect([LIKELY, Done("stop", USAGE)]).decode()
    assert f'"finish_reason":"stop",{PRINTED}]' in whole


CALLS = (ToolCall("f", r'{"q":"a\u003cb"}', "id0"), ToolCall("g", "{}", "", 1))
CALLED = (
    r'"tool_calls":[{"id":"id0","index":0,"type":"function","function":{"name":"f",'
    r'"arguments":"{\"q\":\"a\\u003cb\"}"}},{"id":"","index":1,"type":"function",'
    r'"function":{"name":"g","arguments":"{}"}}]'
)


def test_calls_and_thinking_of_the_last_event() -> None:
    """Thinking in a frame of its own, then the calls, then the finish, in one write."""
    codec = post(PATH, {"model": "native", "messages": HI, "stream": True})
    (chunk,) = codec.encode(Done("stop", USAGE, thinking="hm", calls=CALLS))
    expected = frames(
        choice('{"role":"assistant","reasoning":"hm"}'),
        choice(f'{{"content":"",{CALLED}}}'),
        choice("{}", '"tool_calls"'),
    )
    assert chunk.decode() == expected + DONE


def test_calls_of_an_earlier_event() -> None:
    """They change the reason `stop`, and no other."""
    for reason, shown in (("stop", "tool_calls"), ("length", "length")):
        codec = post(PATH, {"model": "native", "messages": HI, "stream": True})
        first, last = streamed(codec, [Token("", calls=CALLS), Done(reason, USAGE)])
        assert first.decode() == frames(choice(f'{{"role":"assistant","content":"",{CALLED}}}'))
        assert last.decode() == frames(choice("{}", f'"{shown}"')) + DONE


def test_thinking_alone() -> None:
    """It stands beside an empty content."""
    codec = post(PATH, {"model": "native", "messages": HI, "stream": True})
    first, second = streamed(codec, [Token("", thinking="Okay"), Token("", thinking=", so")])
    assert first.decode() == frames(choice('{"role":"assistant","content":"","reasoning":"Okay"}'))
    assert second.decode() == frames(choice('{"content":"","reasoning":", so"}'))


def test_whole_with_thinking_and_calls() -> None:
    codec = post(PATH, {"model": "native", "messages": HI})
    body = codec.collect([Token("", thinking="hm"), Done("stop", USAGE, calls=CALLS)]).decode()
    message = f'{{"role":"assistant","content":"","reasoning":"hm",{CALLED}}}'
    assert f'"message":{message},"finish_reason":"tool_calls"' in body


def test_calls_of_a_whole_answer_without_tools() -> None:
    """Only those of the last piece are kept."""
    events: list[Event] = [Token("", calls=CALLS[:1]), Done("stop", USAGE, calls=CALLS[1:])]
    body = post(PATH, {"model": "native", "messages": HI}).collect(events).decode()
    assert body.count('"type":"function"') == 1
    asked = {"model": "native", "messages": HI, "tools": [{"function": {"name": "f"}}]}
    assert post(PATH, asked).collect(events).decode().count('"type":"function"') == 2


def test_an_answer_that_broke_off() -> None:
    """Without an end there is no reason; without anything, Go's zero time (5.4)."""
    cut = post(PATH, {"model": "native", "messages": HI}).collect([Token("Par")]).decode()
    assert '"message":{"role":"assistant","content":"Par"},"finish_reason":null}]' in cut
    none = post(PATH, {"model": "native", "messages": HI}).collect([]).decode()
    assert '"created":-62135596800,"model":"","system_fingerprint"' in none
    assert '"message":{"role":"","content":""},"finish_reason":null}]' in none


def test_debug() -> None:
    """The prompt that the model would have got (5.5)."""
    body = {"model": "native", "messages": HI, "_debug_render_only": True}
    codec = post(PATH, body)
    assert isinstance(codec.job, Infer)
    assert codec.job.debug
    whole = codec.collect([Rendered("<a>", 1)]).decode()
    assert '"message":{"role":"","content":""},"finish_reason":null}]' in whole
    assert whole.endswith(
        r',"_debug_info":{"rendered_template":"\u003ca\u003e","image_count":1}}' + "\n"
    )
    codec = post(PATH, {**body, "stream": True})
    assert not codec.stream
    assert codec.collect([Rendered("x")]).decode() == ROLE_FRAME


ROLE_FRAME = frames(choice('{"role":"assistant","content":""}'))


def test_the_cloud_speaks_natively() -> None:
    document = error_of(PATH, 403, "no", Origin.CLOUD)
    assert document.media == "application/json; charset=utf-8"
    assert document.body == b'{"error":"no"}'


def old(body: dict[str, Any]) -> Codec:
    """The codec of a chat under the profile 0.13.5."""
    return post(PATH, body, Settings(wire="0.13.5"))


def test_the_old_stream() -> None:
    """Role and content on every chunk; the last one has the reason (15)."""
    codec = old({"model": "native", "messages": HI, "stream": True})
    events: list[Event] = [
        Token("", thinking="Okay"),
        Token("Hi", thinking="hm"),
        Done("length", USAGE),
    ]
    assert [chunk.decode() for chunk in streamed(codec, events)] == [
        frames(choice('{"role":"assistant","content":"","reasoning":"Okay"}')),
        frames(choice('{"role":"assistant","content":"Hi","reasoning":"hm"}')),
        frames(choice('{"role":"assistant","content":""}', '"length"')) + DONE,
    ]


def test_old_errors() -> None:
    """What a handler refused was always of one type; what could not be read was not."""
    settings = Settings(wire="0.13.5")
    assert b'"type":"api_error"' in error_of(PATH, 404, "x", settings=settings).body
    decode = error_of(PATH, 400, "x", Origin.DECODE, settings)
    assert b'"type":"invalid_request_error"' in decode.body


@pytest.mark.parametrize("body", [b"null", {}, {"messages": None}, {"messages": []}])
def test_no_messages(body: Any) -> None:
    """Asked for before the model."""
    assert refusal(PATH, body) == (400, "[] is too short - 'messages'", Origin.DECODE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "invalid message content type: <nil>"),
        (5, "invalid message content type: float64"),
        (True, "invalid message content type: bool"),
        ({}, "invalid message content type: map[string]interface {}"),
        (["x"], "invalid message format"),
        ([{"type": "text"}], "invalid message format"),
        ([{"type": "text", "text": 5}], "invalid message format"),
        ([{"type": "image_url"}], "invalid message format"),
        ([{"type": "video", "video": "x"}], "invalid message format"),
        ([{}], "invalid message format"),
    ],
)
def test_content(content: Any, message: str) -> None:
    """What can't be turned into messages."""
    body = {"model": "m", "messages": [{"role": "user", "content": content}]}
    assert refusal(PATH, body) == (400, message, Origin.DECODE)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"top_logprobs": 21}, "top_logprobs must be between 0 and 20"),
        ({}, "model is required"),
        ({"model": "bad name"}, "invalid model name"),
    ],
)
def test_native_refusals(fields: dict[str, Any], message: str) -> None:
    """What the native handler behind it refuses."""
    assert refusal(PATH, {"messages": HI, **fields}) == (400, message, Origin.HANDLER)


FIELD = "json: cannot unmarshal {} into Go struct field {}"
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"max_tokens": "5"}, "string", "ChatCompletionRequest.max_tokens of type int"),
    ({"max_tokens": 1.5}, "number 1.5", "ChatCompletionRequest.max_tokens of type int"),
    ({"messages": "x"}, "string", "ChatCompletionRequest.messages of type []openai.Message"),
    ({"temperature": "x"}, "string", "ChatCompletionRequest.temperature of type float64"),
    ({"logprobs": 1}, "number", "ChatCompletionRequest.logprobs of type bool"),
    (
        {"stream_options": 5},
        "number",
        "ChatCompletionRequest.stream_options of type openai.StreamOptions",
    ),
    (
        {"messages": [{"tool_calls": [{"function": {"arguments": {}}}]}]},
        "object",
        ".messages.tool_calls.function.arguments of type string",
    ),
    (
        {"tools": [{"function": {"parameters": {"type": []}}}]},
        "array",
        "ToolFunctionParameters.tools.function.parameters.type of type string",
    ),
]


@pytest.mark.parametrize(("fields", "kind", "where"), WRONG)
def test_wrong_types(fields: dict[str, Any], kind: str, where: str) -> None:
    """Go's words for a field of a wrong type."""
    assert refusal(PATH, fields) == (400, FIELD.format(kind, where), Origin.DECODE)


def test_empty_body() -> None:
    """Other words than the native ones."""
    assert refusal(PATH, b"") == (400, "EOF", Origin.DECODE)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (404, "not_found_error"),
        (401, "api_error"),
        (429, "api_error"),
        (500, "api_error"),
        (503, "api_error"),
    ],
)
def test_error(status: int, kind: str) -> None:
    """The type follows the status; newline and charset depend on who says no."""
    text = f'{{"error":{{"message":"a \\u003c b","type":"{kind}","param":null,"code":null}}}}'
    handler = error_of(PATH, status, "a < b")
    assert (handler.media, handler.body.decode()) == ("application/json", text + "\n")
    assert error_of(PATH, status, "a < b", Origin.RUNNER) == handler
    decode = error_of(PATH, status, "a < b", Origin.DECODE)
    assert (decode.media, decode.body.decode()) == ("application/json; charset=utf-8", text)


def test_a_chat_says_nothing_else() -> None:
    """Any other event is a bug of ours."""
    with pytest.raises(AssertionError):
        post(PATH, {"model": "m", "messages": HI, "stream": True}).encode(Answer(None))
