"""The endpoints of a simulated server, each in each of its modes, as a table.

A `Cell` is one way to ask: endpoint, mode, dialect, and what a success looks like. A *piece* is
what one generated token becomes on the wire: an NDJSON line with `done` false, or an SSE event
which carries text.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.acceptance.rawhttp import Answer

MODEL = "test-model"
PROMPT = "Tell me, please, about the sea."
MESSAGES = [{"role": "user", "content": PROMPT}]

DEFAULT_TOKENS = 20  # what a behaviour without `num_tokens` generates
MESSAGES_LIMIT = 20  # /v1/messages cannot be asked without `max_tokens`

TEXT = "text/plain; charset=utf-8"
JSON_UTF8 = "application/json; charset=utf-8"
JSON_BARE = "application/json"
NDJSON = "application/x-ndjson"
SSE = "text/event-stream"


@dataclass(frozen=True)
class Cell:
    """One endpoint in one mode."""

    name: str
    method: str
    path: str
    dialect: str  # native, openai or anthropic
    media: str  # content type of the success
    body: Mapping[str, Any] | None = None
    stream: bool = False
    tokens: bool = False  # the answer is generated token by token
    limit: int | None = None  # the request's own limit, which replaces `num_tokens`

    def limited(self, tokens: int) -> Cell:
        """Ask for so many tokens in the request itself."""
        body = copy.deepcopy(dict(self.body or {}))
        if self.path.startswith("/api/"):
            body["options"] = {"num_predict": tokens}
        else:
            body["max_tokens"] = tokens
        return replace(self, body=body, limit=tokens)

    def saying(self, text: str) -> Cell:
        """Ask with another prompt."""
        body = copy.deepcopy(dict(self.body or {}))
        if "prompt" in body:
            body["prompt"] = text
        else:
            body["messages"] = [{"role": "user", "content": text}]
        return replace(self, body=body)

    def expected(self, num_tokens: int = DEFAULT_TOKENS) -> int:
        """Return how many tokens a behaviour with `num_tokens` makes of this request."""
        return num_tokens if self.limit is None else self.limit


def _generating(name: str, path: str, dialect: str, body: dict[str, Any]) -> list[Cell]:
    native = dialect == "native"
    limit = body.get("max_tokens")
    return [
        Cell(
            name=f"{name}-stream",
            method="POST",
            path=path,
            dialect=dialect,
            media=NDJSON if native else SSE,
            body={"model": MODEL, **body, "stream": True},
            stream=True,
            tokens=True,
            limit=limit,
        ),
        Cell(
            name=f"{name}-whole",
            method="POST",
            path=path,
            dialect=dialect,
            media=JSON_UTF8 if native else JSON_BARE,
            body={"model": MODEL, **body, "stream": False},
            tokens=True,
            limit=limit,
        ),
    ]


CHAT, CHAT_WHOLE = _generating("chat", "/api/chat", "native", {"messages": MESSAGES})
GENERATE, GENERATE_WHOLE = _generating("generate", "/api/generate", "native", {"prompt": PROMPT})
COMPLETIONS, COMPLETIONS_WHOLE = _generating(
    "v1-chat-completions", "/v1/chat/completions", "openai", {"messages": MESSAGES}
)
MESSAGES_STREAM, MESSAGES_WHOLE = _generating(
    "v1-messages",
    "/v1/messages",
    "anthropic",
    {"messages": MESSAGES, "max_tokens": MESSAGES_LIMIT},
)

PLAIN = [
    Cell("root", "GET", "/", "native", TEXT),
    Cell("root-head", "HEAD", "/", "native", TEXT),
    Cell("version", "GET", "/api/version", "native", JSON_UTF8),
    Cell("version-head", "HEAD", "/api/version", "native", JSON_UTF8),
    Cell("tags", "GET", "/api/tags", "native", JSON_UTF8),
    Cell("tags-head", "HEAD", "/api/tags", "native", JSON_UTF8),
    Cell("show", "POST", "/api/show", "native", JSON_UTF8, {"model": MODEL}),
    Cell("ps", "GET", "/api/ps", "native", JSON_UTF8),
    Cell("embed", "POST", "/api/embed", "native", JSON_UTF8, {"model": MODEL, "input": PROMPT}),
    Cell(
        "embeddings",
        "POST",
        "/api/embeddings",
        "native",
        JSON_UTF8,
        {"model": MODEL, "prompt": "a"},
    ),
    Cell("v1-models", "GET", "/v1/models", "openai", JSON_BARE),
    Cell("v1-model", "GET", f"/v1/models/{MODEL}", "openai", JSON_BARE),
    Cell(
        "v1-embeddings",
        "POST",
        "/v1/embeddings",
        "openai",
        JSON_BARE,
        {"model": MODEL, "input": "a"},
    ),
]
STREAMING = [CHAT, GENERATE, COMPLETIONS, MESSAGES_STREAM]
WHOLE = [CHAT_WHOLE, GENERATE_WHOLE, COMPLETIONS_WHOLE, MESSAGES_WHOLE]
CELLS = [*PLAIN, *STREAMING, *WHOLE]


def name_of(cell: Cell) -> str:
    """Name a cell in the id of a test."""
    return cell.name


def lines(answer: Answer) -> list[dict[str, Any]]:
    """Return the complete NDJSON lines of a streamed answer."""
    *complete, _ = answer.body.split(b"\n")
    return [json.loads(line) for line in complete]


def events(answer: Answer) -> list[str]:
    """Return the data of the complete SSE events of a streamed answer."""
    *complete, _ = answer.body.split(b"\n\n")
    found = []
    for event in complete:
        fields = [line for line in event.decode().split("\n") if line.startswith("data: ")]
        assert len(fields) == 1, f"no single data line in {event!r}"
        found.append(fields[0].removeprefix("data: "))
    return found


def pieces(cell: Cell, answer: Answer) -> list[str]:
    """Return the text of each complete piece of a streamed answer."""
    match cell.dialect:
        case "native":
            said = [line for line in lines(answer) if line.get("done") is False]
            texts = [
                line["message"]["content"] if "message" in line else line["response"]
                for line in said
            ]
        case "openai":
            chunks = [json.loads(data) for data in events(answer) if data != "[DONE]"]
            deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
            texts = [delta.get("content", "") for delta in deltas]
        case _:
            decoded = [json.loads(data) for data in events(answer)]
            texts = [
                event["delta"]["text"]
                for event in decoded
                if event["type"] == "content_block_delta"
            ]
    return [text for text in texts if text]


def whole_text(cell: Cell, answer: Answer) -> str:
    """Return the generated text of an answer in one document."""
    document = answer.json()
    match cell.dialect:
        case "native" if "message" in document:
            text = document["message"]["content"]
        case "native":
            text = document["response"]
        case "openai":
            text = document["choices"][0]["message"]["content"]
        case _:
            text = "".join(block["text"] for block in document["content"])
    assert isinstance(text, str)
    return text


def counted_tokens(cell: Cell, answer: Answer) -> int:
    """Return how many tokens a complete answer says were generated."""
    match cell.dialect:
        case "native":
            count = (lines(answer)[-1] if cell.stream else answer.json())["eval_count"]
        case "openai":
            count = answer.json()["usage"]["completion_tokens"]
        case _ if cell.stream:
            said = [json.loads(data) for data in events(answer)]
            count = next(e for e in said if e["type"] == "message_delta")["usage"]["output_tokens"]
        case _:
            count = answer.json()["usage"]["output_tokens"]
    assert isinstance(count, int)
    return count


def error_message(cell: Cell, answer: Answer) -> str:
    """Check that the body is an error of the cell's dialect, and return its message."""
    document = answer.json()
    match cell.dialect:
        case "native":
            assert list(document) == ["error"], f"not a native error: {answer.text}"
            message = document["error"]
        case "openai":
            assert list(document) == ["error"], f"not an OpenAI error: {answer.text}"
            error = document["error"]
            assert list(error) == ["message", "type", "param", "code"], answer.text
            assert (error["param"], error["code"]) == (None, None), answer.text
            assert error["type"] == openai_type(answer.status), answer.text
            message = error["message"]
        case _:
            assert list(document) == ["type", "error", "request_id"], answer.text
            assert document["type"] == "error", answer.text
            assert list(document["error"]) == ["type", "message"], answer.text
            assert document["error"]["type"] == anthropic_type(answer.status), answer.text
            assert document["request_id"].startswith("req_"), answer.text
            message = document["error"]["message"]
    assert isinstance(message, str), answer.text
    return message


def openai_type(status: int) -> str:
    """Return the error type which OpenAI's dialect gives to a status."""
    return {400: "invalid_request_error", 404: "not_found_error"}.get(status, "api_error")


def anthropic_type(status: int) -> str:
    """Return the error type which Anthropic's dialect gives to a status."""
    types = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        429: "rate_limit_error",
        503: "overloaded_error",
        529: "overloaded_error",
    }
    return types.get(status, "api_error")
