"""`/v1/chat/completions`, and OpenAI's errors."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.model import Answer, Done, Infer, Message, Origin, Refusal
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
    assert codec.job == Infer("native", ())
    whole = codec.collect([Done("load", None)])
    assert b'"message":{"role":"assistant","content":""},"finish_reason":"load"}]' in whole
    assert whole.endswith(b'"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}}\n')
    codec = post(PATH, {**body, "stream": True})
    assert (codec.stream, codec.media) == (False, "text/event-stream")
    assert (
        codec.collect([Done("load", None)]).decode()
        == frames(choice('{"role":"assistant","content":""}'), choice("{}", '"load"')) + DONE
    )


def test_job() -> None:
    """Each part of a content is a message; roles are in lower case."""
    given = [
        {"role": "Developer", "content": "be brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "image_url", "image_url": "data:image/png;base64,AAAA"},
                {"type": "input_audio", "input_audio": {"data": "AAAA"}},
            ],
        },
        {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "function": {}}]},
        {"role": "tool", "content": "", "tool_call_id": "a"},
    ]
    assert post(PATH, {"model": "m", "messages": given, "max_tokens": 5}).job == Infer(
        "m",
        (
            Message("developer", "be brief"),
            Message("user", "look"),
            Message("user", ""),
            Message("user", ""),
            Message("user", ""),
            Message("assistant", ""),
            Message("tool", ""),
        ),
        5,
    )


@pytest.mark.parametrize("given", [0, -5, None])
def test_no_limit(given: int | None) -> None:
    """Open ended."""
    job = post(PATH, {"model": "m", "messages": HI, "max_tokens": given}).job
    assert isinstance(job, Infer)
    assert job.limit is None


def test_ignored_fields() -> None:
    """Unknown fields and those of other dialects do nothing."""
    fields: dict[str, Any] = {
        "n": "x",
        "keep_alive": "nonsense",
        "options": 5,
        "tool_choice": [],
        "max_completion_tokens": 3,
        "stop": 5,
        "tools": [{"type": "function", "function": {"name": "f", "strict": 1}}],
        "response_format": {"type": "json_schema", "json_schema": {"schema": [1]}},
        "reasoning_effort": "low",
        "logprobs": True,
        "top_logprobs": 20,
    }
    assert post(PATH, {"model": "m", "messages": HI, **fields}).job == Infer(
        "m", (Message("user", "hi"),)
    )


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
