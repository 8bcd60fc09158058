"""What `/api/chat` and `/api/generate` answer."""

from __future__ import annotations

import pytest

from ollama_simulator.model import (
    Answer,
    Done,
    Event,
    Infer,
    Logprob,
    Origin,
    Refusal,
    Rendered,
    Token,
    ToolCall,
)
from ollama_simulator.wire.ollama import Chat
from tests.wire.speaking import HELLO, USAGE, ask, error_of, post, streamed, wire

JSON = "application/json; charset=utf-8"
TIME = '"created_at":"2026-11-23T14:05:21.4389085Z"'
NUMBERS = (
    '"total_duration":342439095,"load_duration":267755716,"prompt_eval_count":12,'
    '"prompt_eval_duration":33387435,"eval_count":3,"eval_duration":267475275'
)
HI = [{"role": "user", "content": "hi"}]


def test_chat_stream() -> None:
    """A line for each token, a line with the numbers."""
    codec = post("/api/chat", {"model": " Plain ", "messages": HI})
    assert (codec.stream, codec.media, codec.headers) == (True, "application/x-ndjson", ())
    begin = f'{{"model":" Plain ",{TIME}'
    assert [chunk.decode() for chunk in streamed(codec, HELLO)] == [
        f'{begin},"message":{{"role":"assistant","content":"Hello"}},"done":false}}\n',
        f'{begin},"message":{{"role":"assistant","content":"!"}},"done":false}}\n',
        f'{begin},"message":{{"role":"assistant","content":""}},"done":true,'
        f'"done_reason":"stop",{NUMBERS}}}\n',
    ]


def test_chat_whole() -> None:
    """One object, without a newline."""
    codec = post("/api/chat", {"model": "plain", "messages": HI, "stream": False})
    assert (codec.stream, codec.media) == (False, JSON)
    assert codec.collect(HELLO).decode() == (
        f'{{"model":"plain",{TIME},"message":{{"role":"assistant","content":"Hello!"}},"done":true,'
        f'"done_reason":"stop",{NUMBERS}}}'
    )


def test_a_short_body_that_comes_again_is_read_once() -> None:
    """By what it is sent to, as both may mean something else by it; a long one is not kept."""
    short, long = ({"model": "plain", "messages": HI, "prompt": "hi" * n} for n in (1, 1000))
    for path in ("/api/chat", "/api/generate"):
        one, other = post(path, short), post(path, short)
        assert one.job is other.job
        assert one is not other
        assert post(path, long).job is not post(path, long).job
    assert post("/api/chat", short).job != post("/api/generate", short).job


@pytest.mark.parametrize("stream", [True, False, None])
def test_chat_load_and_unload(stream: bool | None) -> None:
    """One object of the JSON type, whatever `stream` says, and without numbers."""
    codec = post("/api/chat", {"model": "plain", "messages": [], "stream": stream})
    assert codec.job == Infer("plain", (), uses_cache=True)
    assert (codec.stream, codec.media) == (False, JSON)
    assert codec.collect([Done("load", None)]).decode() == (
        f'{{"model":"plain",{TIME},"message":{{"role":"assistant","content":""}},"done":true,'
        '"done_reason":"load"}'
    )
    codec = post("/api/chat", {"model": "plain", "stream": stream, "keep_alive": 0})
    assert codec.job == Infer("plain", (), keep_alive=0.0, uses_cache=True)
    assert codec.stream is False
    assert codec.collect([Done("unload", None)]).endswith(b'"done":true,"done_reason":"unload"}')


def test_zero_numbers_are_left_out() -> None:
    """A cached prompt takes no time, and a warm model none to load."""
    codec = post("/api/chat", {"model": "plain", "messages": HI})
    usage = type(USAGE)(0.5, 0.0, 12, 0.0, 1, 0.25)
    (line,) = codec.encode(Done("length", usage))
    assert line.endswith(
        b'"done_reason":"length","total_duration":500000000,"prompt_eval_count":12,'
        b'"eval_count":1,"eval_duration":250000000}\n'
    )


def test_text_is_escaped_for_html() -> None:
    """`<think>` is not sent as such."""
    (line,) = post("/api/chat", {"model": "plain", "messages": HI}).encode(Token("<think>&\u2028é"))
    assert rb'"content":"\u003cthink\u003e\u0026\u2028' + "é".encode() in line


CALLS = (ToolCall("f", '{"b":1,"a":"\\u003c"}', "call_1"), ToolCall("g", index=1))
SHOWN_CALLS = (
    '"tool_calls":[{"id":"call_1","function":{"index":0,"name":"f",'
    '"arguments":{"b":1,"a":"\\u003c"}}},'
    '{"function":{"index":1,"name":"g","arguments":{}}}]'
)
LIKELY = (Logprob("He", -0.1, (Logprob("\u00e9", -1e-7), Logprob("", -2.0))),)
SHOWN_LIKELY = (
    '"logprobs":[{"token":"He","logprob":-0.1,"bytes":[72,101],"top_logprobs":'
    '[{"token":"\u00e9","logprob":-1e-7,"bytes":[195,169]},{"token":"","logprob":-2}]}]'
)
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def chatted(events: list[Event], **fields: object) -> list[str]:
    """The lines of a chat, or the one object, without what they begin with."""
    codec = post("/api/chat", {"model": "m", "messages": HI, **fields})
    said = streamed(codec, events) if codec.stream else [codec.collect(events)]
    return [line.decode().removeprefix(f'{{"model":"m",{TIME},') for line in said]


def generated(events: list[Event], **fields: object) -> list[str]:
    """The same of a completion."""
    codec = post("/api/generate", {"model": "m", "prompt": "x", **fields})
    said = streamed(codec, events) if codec.stream else [codec.collect(events)]
    return [line.decode().removeprefix(f'{{"model":"m",{TIME},') for line in said]


def test_thinking_calls_and_likelihoods_of_a_chat() -> None:
    """Each has its place in a line."""
    events: list[Event] = [
        Token("", "Hm"),
        Token("", calls=CALLS),
        Token("He", logprobs=LIKELY),
        Done("stop", USAGE, " tail", "more", CALLS, LIKELY),
    ]
    empty = '"message":{"role":"assistant","content":""'
    assert chatted(events) == [
        f'{empty},"thinking":"Hm"}},"done":false}}\n',
        f'{empty},{SHOWN_CALLS}}},"done":false}}\n',
        f'"message":{{"role":"assistant","content":"He"}},"done":false,{SHOWN_LIKELY}}}\n',
        f'"message":{{"role":"assistant","content":" tail","thinking":"more",{SHOWN_CALLS}}},'
        f'"done":true,"done_reason":"stop",{SHOWN_LIKELY},{NUMBERS}}}\n',
    ]


def test_thinking_calls_and_likelihoods_of_a_whole_chat() -> None:
    """All of them together."""
    events: list[Event] = [
        Token("a", "Hm", CALLS[:1]),
        Token("b", "!", CALLS[1:], LIKELY),
        Done("stop", USAGE),
    ]
    begin = '"message":{"role":"assistant","content":"ab","thinking":"Hm!"'
    end = f'"done":true,"done_reason":"stop",{SHOWN_LIKELY},{NUMBERS}}}'
    assert chatted(events, stream=False, tools=TOOLS) == [f"{begin},{SHOWN_CALLS}}},{end}"]
    assert chatted(events, stream=False) == [f"{begin}}},{end}"]


def test_calls_that_nobody_asked_for() -> None:
    """Of a whole answer without tools only those of the last piece are kept."""
    events: list[Event] = [Token("", calls=CALLS[:1]), Done("stop", USAGE, calls=CALLS)]
    (whole,) = chatted(events, stream=False)
    assert f'"content":"",{SHOWN_CALLS}}},"done":true' in whole


def test_thinking_calls_and_likelihoods_of_a_completion() -> None:
    """Calls come at the end only, and likelihoods after the numbers."""
    events: list[Event] = [
        Token("", "Hm", CALLS),
        Token("He", logprobs=LIKELY),
        Done("stop", USAGE, "!", "more", CALLS, LIKELY, (1, 2)),
    ]
    ending = f'"done":true,"done_reason":"stop","context":[1,2],{NUMBERS},{SHOWN_CALLS}'
    assert generated(events) == [
        '"response":"","thinking":"Hm","done":false}\n',
        f'"response":"He","done":false,{SHOWN_LIKELY}}}\n',
        f'"response":"!","thinking":"more",{ending},{SHOWN_LIKELY}}}\n',
    ]
    twice = SHOWN_LIKELY[:-1] + SHOWN_LIKELY.replace('"logprobs":[', ",")
    assert generated(events, stream=False) == [
        f'"response":"He!","thinking":"Hmmore",{ending},{twice}}}'
    ]


def test_generate_stream() -> None:
    """A line for each token, a line with context and numbers."""
    codec = post("/api/generate", {"model": "plain", "prompt": "hi"})
    assert (codec.stream, codec.media) == (True, "application/x-ndjson")
    begin = f'{{"model":"plain",{TIME},"response":'
    assert [line.decode() for line in streamed(codec, HELLO)] == [
        f'{begin}"Hello","done":false}}\n',
        f'{begin}"!","done":false}}\n',
        f'{begin}"","done":true,"done_reason":"stop",{NUMBERS}}}\n',
    ]


@pytest.mark.parametrize("stream", [True, False])
def test_generate_load_and_unload(stream: bool) -> None:
    """As in chat."""
    codec = post("/api/generate", {"model": "plain", "system": "x", "stream": stream})
    assert codec.job == Infer("plain", kind="generate", system="x")
    assert (codec.stream, codec.media) == (False, JSON)
    assert codec.collect([Done("load", None)]).decode() == (
        f'{{"model":"plain",{TIME},"response":"","done":true,"done_reason":"load"}}'
    )


@pytest.mark.parametrize("stream", [True, False])
def test_a_rendered_prompt(stream: bool) -> None:
    """One object, whatever `stream` says."""
    info = '"_debug_info":{"rendered_template":"\\u003cb'
    asked = {"_debug_render_only": True, "stream": stream}
    assert chatted([Rendered("<b", 1)], **asked) == [
        f'"message":{{"role":"","content":""}},"done":false,{info}","image_count":1}}}}'
    ]
    assert generated([Rendered("<b")], **asked) == [f'"response":"","done":false,{info}"}}}}']


def test_a_generation_that_breaks_off() -> None:
    """The end is missing; or everything is."""
    said: list[Event] = [Token("a"), Token("b", "t")]
    assert chatted(said, stream=False) == [
        '"message":{"role":"assistant","content":"ab","thinking":"t"},"done":false}'
    ]
    assert generated(said, stream=False) == ['"response":"ab","thinking":"t","done":false}']
    never = '{"model":"","created_at":"0001-01-01T00:00:00Z",'
    assert chatted([], stream=False) == [
        f'{never}"message":{{"role":"","content":""}},"done":false}}'
    ]
    assert generated([], stream=False) == [f'{never}"response":"","done":false}}']


def test_errors() -> None:
    """An object without a newline. What the runner says has another type; a line is a line."""
    whole = error_of("/api/chat", 404, "model 'nope' not found")
    assert (whole.media, whole.body) == (JSON, b'{"error":"model \'nope\' not found"}')
    runner = error_of("/api/generate", 500, "a<b", Origin.RUNNER)
    assert (runner.media, runner.body) == ("application/json", rb'{"error":"a\u003cb"}')
    more = Refusal(401, "unauthorized", Origin.CLOUD, extra={"signin_url": "x?a&b"})
    assert Chat.error(more, wire()).body == (rb'{"error":"unauthorized","signin_url":"x?a\u0026b"}')
    codec = post("/api/chat", {"model": "plain", "messages": HI})
    assert codec.broken(Refusal(500, "gone")) == [b'{"error":"gone"}\n']
    assert codec.missing("nope") == "model 'nope' not found"


def test_a_generation_says_nothing_else() -> None:
    """Any other event is a bug of ours, and a whole answer can't be streamed."""
    codec = post("/api/chat", {"model": "plain", "messages": HI})
    with pytest.raises(AssertionError):
        codec.encode(Answer(None))
    with pytest.raises(AssertionError):
        codec.collect([Answer(None)])
    with pytest.raises(AssertionError):
        ask("GET", "/api/version").encode(Answer(None))
