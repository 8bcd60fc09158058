"""Chat in OpenAI's dialect, `/v1/chat/completions`, and the error shape of all of `/v1/`.

Source: compatibility specification 2 to 5, 10.2 (who says no in which shape) and 14.3.

Rules of this file:

1. What is wrong with the request itself has `Origin.DECODE`: Ollama's translator found it, and
   writes no newline. What its native handler would refuse has `Origin.HANDLER`.
2. All frames that one event leads to are one HTTP chunk.

It must not import `anthropic`.
"""

from typing import Any

import msgspec

from ollama_simulator.golang import gojson
from ollama_simulator.golang.parse import Json, refused
from ollama_simulator.model import Done, Event, Infer, Message, Origin, Refusal, Token, Usage
from ollama_simulator.wire import decode
from ollama_simulator.wire.codec import Codec, Document, Request, Route, Wire
from ollama_simulator.wire.decode import ANYTHING, FLAG, FLOAT, INT, TEXT, Array, Record
from ollama_simulator.wire.native import (
    BARE_JSON,
    JSON,
    TOOL,
    check_top_logprobs,
    checked_name,
    model_required,
)

EMPTY = "EOF"
"""What is said of a request without a body."""

SSE = "text/event-stream"
FINGERPRINT = "fp_ollama"

_FUNCTION = Record(
    r'struct { Name string "json:\"name\""; Arguments string "json:\"arguments\"" }',
    name="",  # Go's struct has no name, so the client reads none
    fields={"name": TEXT, "arguments": TEXT},
)

_TOOL_CALL = Record(
    "openai.ToolCall", fields={"id": TEXT, "index": INT, "type": TEXT, "function": _FUNCTION}
)

CHAT = Record(
    "openai.ChatCompletionRequest",
    fields={
        "model": TEXT,
        "messages": Array(
            "[]openai.Message",
            item=Record(
                "openai.Message",
                fields={
                    **dict.fromkeys("role reasoning name tool_call_id".split(), TEXT),
                    "content": ANYTHING,
                    "tool_calls": Array("[]openai.ToolCall", item=_TOOL_CALL),
                },
            ),
        ),
        "stream": FLAG,
        "stream_options": Record("openai.StreamOptions", fields={"include_usage": FLAG}),
        **dict.fromkeys("max_tokens seed top_logprobs".split(), INT),
        **dict.fromkeys("temperature top_p frequency_penalty presence_penalty".split(), FLOAT),
        "response_format": Record("openai.ResponseFormat", fields={"type": TEXT}),
        "tools": Array("[]api.Tool", item=TOOL),
        "reasoning": Record("openai.Reasoning", fields={"effort": TEXT}),
        "reasoning_effort": TEXT,
        "logprobs": FLAG,
        "_debug_render_only": FLAG,
    },
)


class ErrorDetail(msgspec.Struct, frozen=True):
    """What is wrong."""

    message: str
    type: str
    param: None = None
    code: None = None


class Error(msgspec.Struct, frozen=True):
    """An error."""

    error: ErrorDetail


class Counts(msgspec.Struct, frozen=True):
    """Tokens of a prompt and its answer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, usage: Usage | None) -> "Counts":
        """Those of an answer; zeros for a mere load."""
        if usage is None:
            return cls(0, 0, 0)
        return cls(usage.prompt_tokens, usage.tokens, usage.prompt_tokens + usage.tokens)


class Said(msgspec.Struct, frozen=True):
    """The message of a whole answer."""

    role: str
    content: str


class WholeChoice(msgspec.Struct, frozen=True):
    """The only choice of a whole answer."""

    index: int
    message: Said
    finish_reason: str


class Completion(msgspec.Struct, frozen=True):
    """A whole answer."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: tuple[WholeChoice, ...]
    usage: Counts


class Delta(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a chunk adds to the message."""

    role: str = ""
    content: str | None = None


class Choice(msgspec.Struct, frozen=True):
    """The only choice of a chunk."""

    index: int
    delta: Delta
    finish_reason: str | None


class Chunk(msgspec.Struct, frozen=True, omit_defaults=True):
    """One frame of a stream."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: tuple[Choice, ...]
    usage: Counts | None = None


class OpenAI(Codec):
    """An endpoint under `/v1/`."""

    media = BARE_JSON

    @classmethod
    def error(cls, refusal: Refusal, wire: Wire) -> Document:
        """OpenAI's error object (section 4)."""
        types = {400: "invalid_request_error", 404: "not_found_error"}
        detail = ErrorDetail(refusal.message, types.get(refusal.status, "api_error"))
        body = gojson.encode(Error(detail))
        if refusal.origin is Origin.DECODE:
            return Document(JSON, body)
        return Document(BARE_JSON, body + b"\n")


class ChatCompletions(OpenAI):
    """`POST /v1/chat/completions`."""

    job: Infer

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, CHAT, EMPTY)
        given = body.get("messages", [])
        if not given:
            raise refused("[] is too short - 'messages'")
        messages = tuple(message for entry in given for message in _messages(entry))
        check_top_logprobs(body.get("top_logprobs", 0))
        model = checked_name(body.get("model", ""), model_required())
        self.job = Infer(model, messages, options={"num_predict": body.get("max_tokens", 0)})
        streamed = body.get("stream", False)
        # A mere load is written in one go: its frames have a length and no chunks (5.6).
        self.stream = streamed and bool(messages)
        self.media = SSE if streamed else BARE_JSON
        self._include_usage = body.get("stream_options", {}).get("include_usage", False)
        self._wire = wire
        self._id = f"chatcmpl-{wire.ids.randrange(999)}"
        self._created: int | None = None

    def encode(self, event: Event) -> list[bytes]:
        """The frames of one event (5.3)."""
        match event:
            case Token():
                return [self._piece(event.text)]
            case Done():
                return [self._end(event)]
            case _:
                raise AssertionError(f"a chat does not say {event}")

    def collect(self, events: list[Event]) -> bytes:
        """One completion; for a mere load that should be streamed, its frames."""
        done = events[-1]
        assert isinstance(done, Done), "a chat that ends says so"
        if self.media == SSE:
            return self._end(done)
        text = "".join(event.text for event in events if isinstance(event, Token))
        completion = Completion(
            id=self._id,
            object="chat.completion",
            created=self._wire.wall_ns() // gojson.SECOND_NS,
            model=self.job.model,
            system_fingerprint=FINGERPRINT,
            choices=(WholeChoice(0, Said("assistant", text), done.reason),),
            usage=Counts.of(done.usage),
        )
        return gojson.encode(completion) + b"\n"

    def broken(self, refusal: Refusal) -> list[bytes]:
        """An empty piece without a model: the error itself is lost (14.3)."""
        return [self._frame((Choice(0, Delta(content=""), None),), model="")]

    def _piece(self, text: str) -> bytes:
        role = "assistant" if self._created is None else ""
        return self._frame((Choice(0, Delta(role, text), None),))

    def _end(self, done: Done) -> bytes:
        out = self._piece("") if self._created is None else b""
        out += self._frame((Choice(0, Delta(), done.reason),))
        if self._include_usage:
            out += self._frame((), Counts.of(done.usage))
        return out + b"data: [DONE]\n\n"

    def _frame(
        self,
        choices: tuple[Choice, ...],
        usage: Counts | None = None,
        *,
        model: str | None = None,
    ) -> bytes:
        if self._created is None:
            self._created = self._wire.wall_ns() // gojson.SECOND_NS
        chunk = Chunk(
            id=self._id,
            object="chat.completion.chunk",
            created=self._created,
            model=self.job.model if model is None else model,
            system_fingerprint=FINGERPRINT,
            choices=choices,
            usage=usage,
        )
        return b"data: " + gojson.encode(chunk) + b"\n\n"


def _messages(entry: dict[str, Any]) -> list[Message]:
    """What one message becomes: one for each part of its content (5.1)."""
    role = entry.get("role", "").lower()
    match entry.get("content"):
        case str() as content:
            return [Message(role, content)]
        case list() as parts:
            return [Message(role, _part(part)) for part in parts]
        case None if entry.get("tool_calls"):
            return [Message(role, "")]
        case None:
            raise refused("invalid message content type: <nil>")
        case bool():
            raise refused("invalid message content type: bool")
        case dict():
            raise refused("invalid message content type: map[string]interface {}")
        case _:
            raise refused("invalid message content type: float64")


def _part(part: Json) -> str:
    """The text of one part; images and sounds have none."""
    if isinstance(part, dict):
        match part.get("type"):
            case "text" if isinstance(part.get("text"), str):
                return str(part["text"])
            case "image_url" if isinstance(part.get("image_url"), str | dict):
                return ""
            case "input_audio" if isinstance(part.get("input_audio"), dict):
                return ""
    raise refused("invalid message format")


ROUTES = (Route("POST", "/v1/chat/completions", ChatCompletions),)
