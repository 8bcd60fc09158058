"""`/v1/completions`."""

from __future__ import annotations

from typing import Any

import pytest

from ollama_simulator.model import Done, Event, Infer, Origin, Refusal, Rendered, Token
from tests.wire.speaking import HELLO, USAGE, post, refusal, streamed

PATH = "/v1/completions"
ASKED = {"model": "native", "prompt": "hi"}
START = '{"id":"cmpl-331","object":"text_completion","created":1795442721,'
ZERO = ',"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}'
DONE = "data: [DONE]\n\n"


def chunk(text: str, reason: str = "null", *, model: str = "native", usage: str = "") -> str:
    """One frame."""
    choice = f'{{"text":"{text}","index":0,"finish_reason":{reason}}}'
    return (
        f'data: {START}"choices":[{choice}],"model":"{model}",'
        f'"system_fingerprint":"fp_ollama"{usage}}}\n\n'
    )


def job(**fields: Any) -> Infer:
    """The job of a completion with these fields."""
    found = post(PATH, {**ASKED, **fields}).job
    assert isinstance(found, Infer)
    return found


def test_stream() -> None:
    """The reason rides on the chunk of the last event, which may have text."""
    codec = post(PATH, {**ASKED, "stream": True})
    assert (codec.stream, codec.media) == (True, "text/event-stream")
    events: list[Event] = [Token("Hello"), Done("stop", USAGE, text=" tail")]
    assert [data.decode() for data in streamed(codec, events)] == [
        chunk("Hello"),
        chunk(" tail", '"stop"') + DONE,
    ]


def test_stream_with_usage() -> None:
    """Zeros on every chunk; the real counts on one more without choices."""
    codec = post(PATH, {**ASKED, "stream": True, "stream_options": {"include_usage": True}})
    first, last = (data.decode() for data in streamed(codec, [Token("a"), Done("stop", USAGE)]))
    assert first == chunk("a", usage=ZERO)
    counted = (
        f'data: {START}"choices":[],"model":"native","system_fingerprint":"fp_ollama",'
        '"usage":{"prompt_tokens":12,"completion_tokens":3,"total_tokens":15}}\n\n'
    )
    assert last == chunk("", '"stop"', usage=ZERO) + counted + DONE
    (broken,) = codec.broken(Refusal(500, "lost"))
    assert broken.decode() == chunk("", model="", usage=ZERO)


def test_thinking_is_a_chunk_without_text() -> None:
    codec = post(PATH, {**ASKED, "stream": True})
    assert codec.encode(Token("", thinking="hm")) == [chunk("").encode()]


def test_whole() -> None:
    """Text before index, and the model where a whole chat has it."""
    assert post(PATH, ASKED).collect(HELLO).decode() == (
        START + '"model":"native","system_fingerprint":"fp_ollama","choices":[{"text":"Hello!",'
        '"index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":3,'
        '"total_tokens":15}}\n'
    )


def test_an_answer_that_broke_off() -> None:
    cut = post(PATH, ASKED).collect([Token("Par")]).decode()
    assert '"choices":[{"text":"Par","index":0,"finish_reason":null}]' in cut
    assert '"created":-62135596800,"model":"",' in post(PATH, ASKED).collect([]).decode()


@pytest.mark.parametrize("fields", [{"prompt": ""}, {"prompt": None}])
def test_load(fields: dict[str, Any]) -> None:
    """Without a prompt the model is loaded; streamed, the frames are one body."""
    assert job(**fields).empty
    whole = post(PATH, {**ASKED, **fields}).collect([Done("load", None)]).decode()
    assert '"choices":[{"text":"","index":0,"finish_reason":"load"}]' + ZERO in whole
    codec = post(PATH, {**ASKED, **fields, "stream": True})
    assert (codec.stream, codec.media) == (False, "text/event-stream")
    assert codec.collect([Done("load", None)]).decode() == chunk("", '"load"') + DONE


def test_debug() -> None:
    codec = post(PATH, {**ASKED, "_debug_render_only": True, "stream": True})
    assert (codec.stream, job(_debug_render_only=True).debug) == (False, True)
    assert codec.collect([Rendered("x")]).decode() == chunk("")


ALWAYS = {"temperature": 1.0, "frequency_penalty": 0.0, "presence_penalty": 0.0, "top_p": 1.0}


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, {}),
        ({"top_p": 0, "temperature": 0}, {"temperature": 0.0}),
        ({"max_tokens": 5, "seed": 3}, {"num_predict": 5, "seed": 3}),
        ({"presence_penalty": 1.5}, {"presence_penalty": 1.5}),
        ({"stop": "x"}, {"stop": ["x"]}),
        ({"stop": ["x", "y"]}, {"stop": ["x", "y"]}),
        ({"stop": 5}, {}),
    ],
)
def test_options(fields: dict[str, Any], options: dict[str, Any]) -> None:
    """As the translator maps them; four are always sent (3.5)."""
    assert job(**fields).options == {**ALWAYS, **options}


def test_suffix_and_logprobs() -> None:
    asked = job(suffix="s", logprobs=2)
    assert (asked.kind, asked.suffix, asked.logprobs, asked.top_logprobs) == (
        "generate",
        "s",
        True,
        2,
    )
    assert not job(logprobs=0).logprobs


@pytest.mark.parametrize(
    ("fields", "status", "words", "origin"),
    [
        (
            {"prompt": ["a"]},
            400,
            "json: cannot unmarshal array into Go struct field CompletionRequest.prompt"
            " of type string",
            Origin.DECODE,
        ),
        (
            {"temperature": "x"},
            400,
            "json: cannot unmarshal string into Go struct field CompletionRequest.temperature"
            " of type float32",
            Origin.DECODE,
        ),
        ({"stop": ["x", 5]}, 400, "invalid type for 'stop' field: float64", Origin.DECODE),
        ({"stop": [None]}, 400, "invalid type for 'stop' field: <nil>", Origin.DECODE),
        ({"logprobs": 21}, 400, "top_logprobs must be between 0 and 20", Origin.HANDLER),
        ({"model": ""}, 404, "model '' not found", Origin.HANDLER),
        ({"model": "a b"}, 400, "invalid model name", Origin.HANDLER),
    ],
)
def test_refusals(fields: dict[str, Any], status: int, words: str, origin: Origin) -> None:
    assert refusal(PATH, {**ASKED, **fields}) == (status, words, origin)
