"""What an answer is taken for, line by line, in each dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollama_simulator.load.answer import Answer
from ollama_simulator.load.dialects import DIALECTS, Question, Said
from ollama_simulator.load.sample import Sample
from ollama_simulator.net.client import End


def chat(text: str = "", /, **fields: Any) -> bytes:
    """A line of `/api/chat`."""
    message = {"role": "assistant", "content": text}
    return json.dumps({"model": "m", "message": message, "done": False, **fields}).encode() + b"\n"


def generate(text: str = "", /, **fields: Any) -> bytes:
    """A line of `/api/generate`."""
    return json.dumps({"model": "m", "response": text, "done": False, **fields}).encode() + b"\n"


def openai(text: str | None = None, **fields: Any) -> bytes:
    """An event of `/v1/chat/completions`."""
    delta = {"role": "assistant", "content": text}
    chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": None}], **fields}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


COUNTS: dict[str, Any] = {"done": True, "prompt_eval_count": 5, "eval_count": 3}
WHOLE = {
    "chat": [chat("a"), chat("b"), chat("c"), chat(**COUNTS)],
    "generate": [generate("a"), generate("b"), generate("c"), generate(**COUNTS)],
    "openai": [
        openai("a"),
        openai("b"),
        openai("c"),
        openai(choices=[], usage={"prompt_tokens": 5, "completion_tokens": 3}),
        b"data: [DONE]\n\n",
    ],
}


class Listening:
    """An answer whose pieces come a second apart, the first one at 11; it was due at 10."""

    def __init__(self, api: str = "chat") -> None:
        self.time = 10.25
        self.answer = Answer(DIALECTS[api], lambda: self.time, 10.0)
        self.answer.begin()

    def take(self, *pieces: bytes, status: int = 200) -> None:
        """The head and these pieces."""
        self.answer.head(status)
        for number, each in enumerate(pieces):
            self.time = 11.0 + number
            self.answer.take(each)

    def whole(self, *pieces: bytes, status: int = 200) -> Sample:
        """The head, these pieces, and the end of the transfer."""
        self.take(*pieces, status=status)
        self.answer.end()
        return self.answer.sample(3, 1)

    def broken(self, end: End, *pieces: bytes) -> Sample:
        """What it is when it breaks after these pieces; without any, before the head."""
        if pieces:
            self.take(*pieces)
        self.answer.broken(end, "so they say")
        return self.answer.sample(3, 1)


@pytest.mark.parametrize("api", DIALECTS)
def test_a_whole_answer(api: str) -> None:
    listening = Listening(api)
    found = listening.whole(*WHOLE[api])
    assert (found.error, found.status, found.session, found.turn) == (None, 200, 3, 1)
    assert (found.due, found.sent, found.first) == (10.0, 10.25, 11.0)
    assert (found.gaps, found.pieces, found.ttft) == ((1.0, 1.0), 3, 1.0)
    assert (found.asked, found.answered) == (5, 3)
    assert listening.answer.texts == ["a", "b", "c"]


@pytest.mark.parametrize("api", DIALECTS)
def test_bytes_may_be_cut_anywhere(api: str) -> None:
    listening = Listening(api)
    bytewise = [bytes([each]) for each in b"".join(WHOLE[api])]
    assert listening.whole(*bytewise).error is None
    assert listening.answer.texts == ["a", "b", "c"]


@pytest.mark.parametrize("api", DIALECTS)
def test_an_answer_without_its_last_line_is_cut(api: str) -> None:
    """Even where the transfer ends as it should."""
    found = Listening(api).whole(*WHOLE[api][:2])
    assert (found.error, found.pieces) == ("truncated: no last line", 2)


def test_the_last_line_needs_no_end() -> None:
    assert Listening().whole(chat("a"), chat(done=True).rstrip()).error is None


@pytest.mark.parametrize(
    ("end", "before", "within"),
    [
        (End.RESET, "reset", "truncated: reset"),
        (End.CUT, "closed without an answer", "truncated: end of file"),
        (End.MALFORMED, "malformed", "malformed"),
    ],
)
def test_a_transfer_that_breaks(end: End, before: str, within: str) -> None:
    found = Listening().broken(end)
    assert (found.error, found.detail, found.first) == (before, "so they say", None)
    found = Listening().broken(end, chat("a"), chat("b"))
    assert (found.error, found.detail) == (within, "so they say (after 2 pieces)")
    assert found.first == 11.0


def test_no_connection() -> None:
    assert Listening().broken(End.REFUSED).error == "connection refused"
    assert Listening().broken(End.UNREACHABLE).error == "unreachable"


def test_a_status_brings_its_body() -> None:
    found = Listening().whole(b'{"error":"busy', b'"}\n', status=503)
    assert (found.error, found.status) == ("status 503", 503)
    assert found.detail == '{"error":"busy"}'
    assert found.first is None


def test_a_status_whose_body_breaks_stays_that_status() -> None:
    listening = Listening()
    listening.take(b"half", status=500)
    listening.answer.broken(End.CUT, "cut")
    assert listening.answer.sample(0, 0).error == "status 500"


@pytest.mark.parametrize(
    ("api", "line"),
    [
        ("chat", b'{"error":"out of memory"}\n'),
        ("generate", b'{"error":"out of memory"}\n'),
        ("openai", b'data: {"error":{"message":"out of memory","type":"api_error"}}\n\n'),
        ("openai", b'{"error":"out of memory"}\n'),
    ],
)
def test_an_error_in_the_stream(api: str, line: bytes) -> None:
    found = Listening(api).whole(WHOLE[api][0], line)
    assert (found.error, found.detail, found.pieces) == ("error in the stream", "out of memory", 1)


@pytest.mark.parametrize(
    ("api", "line"),
    [("chat", b"<html>\n"), ("chat", b'{"done":"yes"}\n'), ("openai", b"data: <html>\n")],
)
def test_what_is_no_line_of_the_dialect(api: str, line: bytes) -> None:
    found = Listening(api).whole(line)
    assert found.error == "malformed"
    assert repr(line.rstrip())[2:-1] in found.detail


def test_comments_and_other_fields_of_events_say_nothing() -> None:
    found = Listening("openai").whole(b": ping\n\n", b"event: x\nid: 1\n", *WHOLE["openai"])
    assert (found.error, found.pieces) == (None, 3)


def test_thinking_is_heard_but_not_repeated() -> None:
    thought: dict[str, Any] = {"message": {"role": "assistant", "content": "", "thinking": "hm"}}
    listening = Listening()
    found = listening.whole(chat(**thought), chat("a"), chat(**COUNTS))
    assert (found.first, found.pieces, listening.answer.texts) == (11.0, 2, ["a"])
    assert listening.answer.thoughts == 1


@pytest.mark.parametrize(
    ("status", "pieces", "detail"),
    [(None, [], "no head within 5 s"), (200, [chat("a")], "1 pieces within 5 s")],
)
def test_a_time_that_is_over(status: int | None, pieces: list[bytes], detail: str) -> None:
    listening = Listening()
    if status is not None:
        listening.take(*pieces)
    listening.answer.give_up(5.0)
    found = listening.answer.sample(0, 0)
    assert (found.error, found.detail) == ("timeout", detail)


def test_what_was_never_sent_is_our_fault() -> None:
    answer = Answer(DIALECTS["chat"], lambda: 15.0, 10.0)
    answer.give_up(5.0)
    found = answer.sample(0, 0)
    assert (found.error, found.sent, found.late) == ("not sent in time", None, 5.0)


QUESTION = Question("m", (Said("system", "s"), Said("user", "u")), 7, 2048)


def test_the_requests() -> None:
    """Of each dialect; only the native ones know `num_ctx`."""
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    options = {"num_predict": 7, "num_ctx": 2048}
    asked = {api: json.loads(each.body(QUESTION)) for api, each in DIALECTS.items()}
    assert asked == {
        "chat": {"model": "m", "messages": messages, "options": options},
        "generate": {"model": "m", "prompt": "s\n\nu", "options": options},
        "openai": {
            "model": "m",
            "messages": messages,
            "max_tokens": 7,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
    }
