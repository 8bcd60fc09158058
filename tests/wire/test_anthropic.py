"""`/v1/messages`: answers and errors."""

from __future__ import annotations

import pytest

from ollama_simulator.model import Answer, Done, Infer, Origin, Refusal
from tests.wire.speaking import HELLO, USAGE, error_of, post, streamed

PATH = "/v1/messages"
ASKED = {
    "model": "native",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "SCRIPT:hello"}],
}
ID = "38b4e652e44da7f2370d9e26"  # the first draw of the seed in `speaking.wire`


def start(input_tokens: int) -> str:
    """The first event."""
    return (
        'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_' + ID + '",'
        '"type":"message","role":"assistant","model":"native","content":[],'
        f'"usage":{{"input_tokens":{input_tokens},"output_tokens":0}}}}}}\n\n'
    )


def end(reason: str, input_tokens: int, output_tokens: int) -> list[str]:
    """The last events."""
    return [
        'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"'
        f'{reason}"}},"usage":{{"input_tokens":{input_tokens},"output_tokens":{output_tokens}}}}}\n\n',
        'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ]


def test_stream() -> None:
    """One event in each chunk; the first counts an estimate, the last the truth."""
    codec = post(PATH, {**ASKED, "stream": True})
    assert (codec.stream, codec.media) == (True, "text/event-stream")
    assert codec.headers == (("Cache-Control", "no-cache"), ("Connection", "keep-alive"))
    assert [chunk.decode() for chunk in streamed(codec, HELLO)] == [
        start(4),
        'event: content_block_start\ndata: {"type":"content_block_start","index":0,'
        '"content_block":{"type":"text","text":""}}\n\n',
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":"Hello"}}\n\n',
        'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
        '"delta":{"type":"text_delta","text":"!"}}\n\n',
        'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n',
        *end("end_turn", 12, 3),
    ]


def test_stream_without_text() -> None:
    """No block, and the true count at once."""
    codec = post(PATH, {**ASKED, "stream": True})
    chunks = [chunk.decode() for chunk in codec.encode(Done("length", USAGE))]
    assert chunks == [start(12), *end("max_tokens", 12, 3)]


def test_broken_stream() -> None:
    """Silence."""
    codec = post(PATH, {**ASKED, "stream": True})
    streamed(codec, HELLO[:1])
    assert codec.broken(Refusal(500, "lost")) == []


@pytest.mark.parametrize(("reason", "shown"), [("stop", "end_turn"), ("length", "max_tokens")])
def test_whole(reason: str, shown: str) -> None:
    """One message, with a newline, and no further headers."""
    codec = post(PATH, ASKED)
    assert (codec.stream, codec.media, codec.headers) == (False, "application/json", ())
    assert codec.collect([*HELLO[:2], Done(reason, USAGE)]).decode() == (
        f'{{"id":"msg_{ID}","type":"message","role":"assistant","model":"native",'
        '"content":[{"type":"text","text":"Hello!"}],'
        f'"stop_reason":"{shown}","usage":{{"input_tokens":12,"output_tokens":3}}}}\n'
    )


def test_load() -> None:
    """A content of null, and a reason that means it."""
    body = {**ASKED, "messages": [{"role": "user", "content": []}]}
    codec = post(PATH, body)
    assert isinstance(codec.job, Infer)
    assert codec.job.messages == ()
    assert codec.collect([Done("load", None)]).decode() == (
        f'{{"id":"msg_{ID}","type":"message","role":"assistant","model":"native",'
        '"content":null,"stop_reason":"stop_sequence",'
        '"usage":{"input_tokens":0,"output_tokens":0}}\n'
    )
    codec = post(PATH, {**body, "stream": True})
    chunks = [chunk.decode() for chunk in codec.encode(Done("load", None))]
    assert chunks == [start(1), *end("stop_sequence", 0, 0)]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (403, "permission_error"),
        (404, "not_found_error"),
        (429, "rate_limit_error"),
        (503, "overloaded_error"),
        (529, "overloaded_error"),
        (500, "api_error"),
        (418, "api_error"),
    ],
)
def test_error(status: int, kind: str) -> None:
    """The type follows the status; newline and charset depend on who says no."""
    text = f'{{"type":"error","error":{{"type":"{kind}","message":"no"}},"request_id":"req_{ID}"}}'
    handler = error_of(PATH, status, "no")
    assert (handler.media, handler.body.decode()) == ("application/json", text + "\n")
    decode = error_of(PATH, status, "no", Origin.DECODE)
    assert (decode.media, decode.body.decode()) == ("application/json; charset=utf-8", text)


def test_a_chat_says_nothing_else() -> None:
    """Any other event is a bug of ours."""
    with pytest.raises(AssertionError):
        post(PATH, {**ASKED, "stream": True}).encode(Answer(None))
