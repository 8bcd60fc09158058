"""The web search built into `/v1/messages`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollama_simulator.model import (
    Answer,
    Done,
    Event,
    Found,
    Infer,
    Message,
    Origin,
    Refusal,
    Token,
    ToolCall,
    Usage,
    WebSearch,
)
from ollama_simulator.settings import Settings
from ollama_simulator.wire.codec import Codec
from tests.wire.speaking import post

PATH = "/v1/messages"
USAGE = Usage(1.0, 1.0, 11, 1.0, 7, 1.0)
FOUND = Answer((Found("T", "U", "C"), Found("T2", "U2")))
ID = "38b4e652e44da7f2370d9e26"
USE = f"srvtoolu_{ID}"


def asked(stream: bool = False, model: str = "m", settings: Settings | None = None) -> Codec:
    """A codec with a search declared."""
    body = {
        "model": model,
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "x"}],
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        "stream": stream,
    }
    return post(PATH, body, settings or Settings())


def call(query: Any = "q") -> ToolCall:
    """A call of the search."""
    return ToolCall("web_search", json.dumps({"query": query}), "w")


def answers(codec: Codec, *jobs: list[Event]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Content and usage of a whole answer, the events of whose jobs are these."""
    job: Any = codec.job
    last: list[Event] = []
    for events in jobs:
        assert job is not None, "a job too many"
        last = events
        job = codec.then(events)
    assert job is None, "a job too few"
    message = json.loads(codec.collect(last))
    return message["content"], message["usage"]


CALLING: list[Event] = [Token("Look"), Done("stop", USAGE, calls=(call(),))]
TOLD: list[Event] = [Token("Yes", "hm"), Done("stop", USAGE)]


def test_search() -> None:
    """What was found, and what the model makes of it; the counts are sums."""
    results = [
        {"type": "web_search_result", "url": "U", "title": "T"},
        {"type": "web_search_result", "url": "U2", "title": "T2"},
    ]
    assert answers(asked(), CALLING, [FOUND], TOLD) == (
        [
            {"type": "server_tool_use", "id": USE, "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": USE, "content": results},
            {"type": "thinking", "thinking": "hm"},
            {"type": "text", "text": "Yes"},
        ],
        {"input_tokens": 22, "output_tokens": 14},
    )


def test_jobs() -> None:
    """A search, then the same wish with the call and its result."""
    codec = asked()
    assert codec.then(CALLING) == WebSearch("q")
    job = codec.then([FOUND])
    assert isinstance(job, Infer)
    assert job.messages == (
        Message("user", "x"),
        Message("assistant", "Look", tool_calls=(call(),)),
        Message(
            "tool",
            "Title: T\nURL: U\nContent: C\n\nTitle: T2\nURL: U2\n\n",
            tool_call_id="w",
        ),
    )
    assert [tool.name for tool in job.tools] == ["web_search"]


def test_no_search() -> None:
    """Nothing changes if the model doesn't call for one."""
    content, usage = answers(asked(), TOLD)
    assert [block["type"] for block in content] == ["thinking", "text"]
    assert usage == {"input_tokens": 11, "output_tokens": 7}


def failed(code: str, query: str = "q", use: str = USE) -> list[dict[str, Any]]:
    """The content of a message whose search failed."""
    error = {"type": "web_search_tool_result_error", "error_code": code}
    return [
        {"type": "server_tool_use", "id": use, "name": "web_search", "input": {"query": query}},
        {"type": "web_search_tool_result", "tool_use_id": use, "content": error},
    ]


@pytest.mark.parametrize("query", ["", 5, None])
def test_no_query(query: Any) -> None:
    """An empty one, or one of a wrong type."""
    calling: list[Event] = [Token("Look"), Done("stop", USAGE, calls=(call(query),))]
    content, usage = answers(asked(), calling)
    assert content == failed("invalid_request", "")
    assert usage == {"input_tokens": 11, "output_tokens": 7}


def test_too_often() -> None:
    """The fourth call is not answered, but what was found before stays."""
    rounds: list[list[Event]] = [CALLING, [FOUND]] * 3
    content, usage = answers(asked(), *rounds, CALLING)
    assert [block.get("id", "") for block in content] == [
        *(USE, "", f"{USE}_2", "", f"{USE}_3", "", f"{USE}_4", "")
    ]
    assert content[-2:] == failed("max_uses_exceeded", use=f"{USE}_4")
    assert usage == {"input_tokens": 44, "output_tokens": 28}


@pytest.mark.parametrize(
    ("jobs", "code"), [([CALLING], "unavailable"), ([CALLING, [FOUND]], "api_error")]
)
def test_refused(jobs: list[list[Event]], code: str) -> None:
    """A search, or the model after it, that fails is part of the message."""
    codec = asked()
    for events in jobs:
        codec.then(events)
    body = codec.absorb(Refusal(401, "unauthorized", Origin.CLOUD))
    assert isinstance(body, list)
    message = json.loads(b"".join(body))
    assert (message["content"], message["stop_reason"]) == (failed(code), "end_turn")


def test_refused_at_once() -> None:
    """Before a search it is an error, in the dialect's shape even from the cloud."""
    refusal = asked().absorb(Refusal(401, "unauthorized", Origin.CLOUD))
    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.origin) == (401, Origin.HANDLER)


def test_a_model_of_the_cloud_while_it_is_off() -> None:
    """Refused before anything else."""
    codec = asked(stream=True, model="m:cloud", settings=Settings(no_cloud=True))
    assert codec.wrong is not None
    assert (codec.wrong.status, codec.wrong.origin) == (403, Origin.DECODE)
    assert codec.wrong.message == "ollama cloud is disabled: web search is unavailable"


def starts(chunks: list[bytes]) -> list[tuple[int, str]]:
    """Index and type of the blocks in a stream."""
    events = [json.loads(chunk.partition(b"data: ")[2]) for chunk in chunks]
    return [
        (event["index"], event["content_block"]["type"])
        for event in events
        if event["type"] == "content_block_start"
    ]


def test_stream() -> None:
    """What came before the call was sent; the rest follows at the end, each block at once."""
    codec = asked(stream=True)
    assert codec.media == "application/x-ndjson"
    chunks = [chunk for event in CALLING for chunk in codec.encode(event)]
    assert starts(chunks) == [(0, "text")]
    assert codec.then([]) == WebSearch("q")
    assert codec.encode(FOUND) == []
    assert isinstance(codec.then([]), Infer)
    assert [chunk for event in TOLD for chunk in codec.encode(event)] == []
    assert codec.then([]) is None
    rest = codec.finish()
    assert (
        rest[0] == b'event: content_block_stop\ndata: {"type":"content_block_stop","index":0}\n\n'
    )
    assert starts(rest) == [
        (1, "server_tool_use"),
        (2, "web_search_tool_result"),
        (3, "thinking"),
        (4, "text"),
    ]
    assert b'"delta":{"type":"text_delta","text":"Yes"}' in rest[-4]
    assert b'"usage":{"input_tokens":22,"output_tokens":14}' in rest[-2]


def test_stream_that_breaks_off() -> None:
    """Without an end there is no search."""
    codec = asked(stream=True)
    codec.encode(Token("", calls=(call(),)))
    assert codec.then([]) is None
    assert codec.finish() == []
