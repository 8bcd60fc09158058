"""The web search built into `/v1/responses`."""

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
    Origin,
    Refusal,
    Token,
    ToolCall,
    Usage,
    WebSearch,
)
from ollama_simulator.wire.codec import Codec
from tests.wire.speaking import post

PATH = "/v1/responses"
USAGE = Usage(1.0, 1.0, 11, 1.0, 7, 1.0)
FOUND: list[Event] = [Answer((Found("T", "U"),))]
OTHER = ToolCall("f", "{}", "o")
NO_QUERY = "web_search requires a non-empty string query"


def asked(*, stream: bool = False) -> Codec:
    """A codec with a search declared."""
    body = {"model": "m", "input": "x", "tools": [{"type": "web_search"}], "stream": stream}
    return post(PATH, body)


def call(query: Any = "q") -> ToolCall:
    """A call of the search."""
    return ToolCall("web_search", json.dumps({"query": query}), "w")


def calling(*calls: ToolCall) -> list[Event]:
    """The model thinks, speaks and calls."""
    return [Token("", "hm"), Token("Look"), Done("stop", USAGE, calls=calls)]


TOLD: list[Event] = [Token("Yes", "so"), Done("stop", USAGE)]


def output(*jobs: list[Event]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Output and usage of a whole answer, the events of whose jobs are these."""
    codec = asked()
    job: Any = codec.job
    for events in jobs:
        assert job is not None, "a job too many"
        job = codec.then(events)
    assert job is None, "a job too few"
    response = json.loads(codec.collect(jobs[-1]))
    usage = {key: value for key, value in response["usage"].items() if isinstance(value, int)}
    return response["output"], usage


def test_whole() -> None:
    """What was before the search, the search, the client's calls, and the rest."""
    items, usage = output(calling(OTHER, call()), FOUND, TOLD)
    assert [item["id"].split("_")[:2] for item in items] == [
        ["rs", "presearch"],
        ["msg", "presearch"],
        ["ws", "339563"],
        ["fc", "mixed"],
        ["rs", "resp"],
        ["msg", "993908"],
    ]
    assert items[2] == {
        "id": "ws_339563_1",
        "type": "web_search_call",
        "status": "completed",
        "action": {"type": "search", "query": "q"},
    }
    assert usage == {"input_tokens": 22, "output_tokens": 14, "total_tokens": 36}


def test_two_rounds() -> None:
    """What was before either of them stands together."""
    items, usage = output(calling(call()), FOUND, calling(call("r")), FOUND, TOLD)
    assert [item["type"] for item in items[:4]] == [
        *("reasoning", "message", "web_search_call", "web_search_call")
    ]
    assert items[0]["encrypted_content"] == "hm\nhm"
    assert items[1]["content"][0]["text"] == "Look\nLook"
    assert [item["id"] for item in items[2:4]] == ["ws_339563_1", "ws_339563_2"]
    assert usage["total_tokens"] == 54


def test_no_search() -> None:
    """Nothing changes if the model doesn't call for one."""
    items, _ = output([Done("stop", USAGE, calls=(OTHER,))])
    assert [item["id"] for item in items] == ["fc_resp_339563_0"]


def test_jobs() -> None:
    """A search, and the model again with its result."""
    codec = asked()
    assert codec.then(calling(call())) == WebSearch("q")
    job = codec.then(FOUND)
    assert isinstance(job, Infer)
    assert [message.role for message in job.messages] == ["user", "assistant", "tool"]


@pytest.mark.parametrize("query", ["", " ", 5])
def test_no_query(query: Any) -> None:
    """An error of its own."""
    with pytest.raises(Refusal) as caught:
        asked().then(calling(call(query)))
    assert (caught.value.status, caught.value.message) == (502, NO_QUERY)
    assert caught.value.origin is Origin.HANDLER


def test_too_often() -> None:
    """The fourth call is refused."""
    codec = asked()
    for _ in range(3):
        codec.then(calling(call()))
        codec.then(FOUND)
    with pytest.raises(Refusal) as caught:
        codec.then(calling(call()))
    assert caught.value.message == "web_search exceeded the maximum of 3 calls"
    assert codec.absorb(caught.value) is caught.value


SOMETHING = "something went wrong, please see the ollama server logs for details"
SIGN_IN = {"signin_url": "https://x"}


@pytest.mark.parametrize(
    ("jobs", "refusal", "status", "message"),
    [
        ([], Refusal(404, "no"), 404, "no"),
        (
            [],
            Refusal(401, "unauthorized", Origin.CLOUD, extra=SIGN_IN),
            401,
            "unauthorized; sign in at https://x",
        ),
        ([calling(call())], Refusal(401, "unauthorized", Origin.CLOUD), 401, SOMETHING),
        ([calling(call())], Refusal(403, "disabled", Origin.CLOUD), 403, "disabled"),
        ([calling(call()), FOUND], Refusal(500, "boom"), 500, "500 Internal Server Error: boom"),
        ([calling(call()), FOUND], Refusal(401, "x"), 401, "401 Unauthorized"),
    ],
)
def test_refused(jobs: list[list[Event]], refusal: Refusal, status: int, message: str) -> None:
    """The status of the cause, in the dialect's own shape."""
    codec = asked()
    for events in jobs:
        codec.then(events)
    told = codec.absorb(refusal)
    assert isinstance(told, Refusal)
    assert (told.status, told.message, told.origin) == (status, message, Origin.HANDLER)


def words(chunks: list[bytes]) -> list[str]:
    """The events of a stream, a few words each."""
    shown = []
    for chunk in chunks:
        said = json.loads(chunk.partition(b"data: ")[2])
        item = said.get("item", {})
        kind = said["type"].removeprefix("response.")
        shown.append(f"{said.get('output_index', '')} {kind} {item.get('type', '')}".strip())
    return shown


def said(codec: Codec, events: list[Event]) -> list[str]:
    """The same, for what these events lead to."""
    return words([chunk for event in events for chunk in codec.encode(event)])


def test_stream() -> None:
    """Messages end properly, calls keep their places, the search has items of its own."""
    codec = asked(stream=True)
    begun = said(codec, calling(OTHER, call()))
    assert begun[:2] == ["created", "in_progress"]
    assert begun[-8:] == [
        "1 output_text.delta",
        *("1 output_text.done", "1 content_part.done", "1 output_item.done message"),
        "2 output_item.added function_call",
        *("2 function_call_arguments.delta", "2 function_call_arguments.done"),
        "2 output_item.done function_call",
    ]
    assert codec.then([]) == WebSearch("q")
    assert said(codec, FOUND) == [
        "3 output_item.added web_search_call",
        *("3 web_search_call.in_progress", "3 web_search_call.searching"),
    ]
    assert isinstance(codec.then([]), Infer)
    assert said(codec, TOLD[:1])[:4] == [
        *("3 web_search_call.completed", "3 output_item.done web_search_call"),
        *("4 output_item.added reasoning", "4 reasoning_summary_text.delta"),
    ]
    assert said(codec, TOLD[1:]) == []
    assert codec.then([]) is None
    rest = codec.finish()
    assert words(rest) == [
        *("5 output_text.done", "5 content_part.done", "5 output_item.done message", "completed")
    ]
    response = json.loads(rest[-1].partition(b"data: ")[2])["response"]
    assert [item["type"] for item in response["output"]] == [
        *("reasoning", "message", "function_call", "web_search_call", "reasoning", "message")
    ]
    assert response["output"][-1]["id"] == "msg_339563_2"
    assert response["usage"]["total_tokens"] == 36


def test_stream_without_a_search() -> None:
    """Text after the client's calls is sent, in contrast to a stream that can't search."""
    codec = asked(stream=True)
    events: list[Event] = [Token("a"), Token("", calls=(OTHER,)), *TOLD]
    assert said(codec, events)[4:] == [
        *("0 output_text.delta", "0 output_text.done", "0 content_part.done"),
        *("0 output_item.done message", "1 output_item.added function_call"),
        *("1 function_call_arguments.delta", "1 function_call_arguments.done"),
        *("1 output_item.done function_call", "2 output_item.added reasoning"),
        *("2 reasoning_summary_text.delta", "2 reasoning_summary_text.done"),
        *("2 output_item.done reasoning", "3 output_item.added message", "3 content_part.added"),
        *("3 output_text.delta", "3 output_text.done", "3 content_part.done"),
        *("3 output_item.done message", "completed"),
    ]
    assert codec.then([]) is None


def failure(chunk: bytes) -> tuple[dict[str, str], dict[str, int]]:
    """Error and usage of the last event."""
    event = json.loads(chunk.partition(b"data: ")[2])
    assert event["type"] == "response.failed"
    response = event["response"]
    assert (response["status"], response["output"], response["model"]) == ("failed", [], "m")
    return response["error"], response["usage"]


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "api_error"), (401, "authentication_error"), (429, "rate_limit_exceeded")],
)
def test_stream_refused_at_once(status: int, code: str) -> None:
    """Even that is an event, behind the first two."""
    chunks = asked(stream=True).absorb(Refusal(status, "no"))
    assert isinstance(chunks, list)
    assert words(chunks) == ["created", "in_progress", "failed"]
    error, usage = failure(chunks[-1])
    assert error == {"code": code, "message": "no"}
    assert usage == {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}


def test_stream_refused_later() -> None:
    """An error of the model that has begun is lost; one of the search is not."""
    codec = asked(stream=True)
    codec.encode(Token("x"))
    refusal = Refusal(500, "lost")
    assert codec.absorb(refusal) is refusal
    codec = asked(stream=True)
    said(codec, calling(call()))
    codec.then([])
    chunks = codec.absorb(Refusal(401, "unauthorized", Origin.CLOUD))
    assert isinstance(chunks, list)
    assert words(chunks)[-2:] == ["2 web_search_call.searching", "failed"]
    assert failure(chunks[-1])[1]["total_tokens"] == 18


def test_stream_follow_up_refused() -> None:
    """After the first word the status is lost, and so is the line that goes with it."""
    codec = asked(stream=True)
    said(codec, calling(call()))
    codec.then([])
    said(codec, FOUND)
    codec.then([])
    codec.encode(Token("x"))
    chunks = codec.absorb(Refusal(500, "boom", Origin.RUNNER))
    assert isinstance(chunks, list)
    assert failure(chunks[-1])[0] == {"code": "api_error", "message": "boom"}


def test_stream_without_a_query() -> None:
    """The failure is the end of the stream."""
    codec = asked(stream=True)
    said(codec, [Done("stop", USAGE, calls=(call(""),))])
    assert codec.then([]) is None
    chunks = codec.finish()
    assert failure(chunks[-1]) == (
        {"code": "api_error", "message": NO_QUERY},
        {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18},
    )
    assert words(chunks) == ["created", "in_progress", "failed"]
