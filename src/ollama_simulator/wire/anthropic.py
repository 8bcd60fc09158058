"""Chat in Anthropic's dialect: `/v1/messages`.

Source: compatibility specification 2.3, 10 and 14.

Rules of this file:

1. What is wrong with the request itself has `Origin.DECODE`; see `openai`.
2. One event of the stream is one HTTP chunk.
3. A stream that breaks stops where it is, without a word (10.4).

It must not import `openai`.
"""

import msgspec

from ollama_simulator.golang import gojson
from ollama_simulator.golang.parse import refused
from ollama_simulator.model import Done, Event, Infer, Origin, Refusal, Token
from ollama_simulator.wire import decode
from ollama_simulator.wire.anthropic_request import MESSAGES, conversation, estimate
from ollama_simulator.wire.codec import Codec, Document, Request, Route, Wire
from ollama_simulator.wire.native import BARE_JSON, JSON, checked_name, model_required

EMPTY = "EOF"
"""What is said of a request without a body."""

SSE = "text/event-stream"
STREAM_HEADERS = (("Cache-Control", "no-cache"), ("Connection", "keep-alive"))

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}

STOP_REASONS = {"stop": "end_turn", "length": "max_tokens"}
"""Any other reason, in practice only `load`, becomes `stop_sequence`."""


class ErrorDetail(msgspec.Struct, frozen=True):
    """What is wrong."""

    type: str
    message: str


class Error(msgspec.Struct, frozen=True):
    """An error."""

    type: str
    error: ErrorDetail
    request_id: str


class Counts(msgspec.Struct, frozen=True):
    """Tokens of a prompt and its answer."""

    input_tokens: int
    output_tokens: int


class TextBlock(msgspec.Struct, frozen=True):
    """A block of text."""

    type: str
    text: str


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message: whole, or at the start of a stream."""

    id: str
    type: str
    role: str
    model: str
    content: tuple[TextBlock, ...] | None
    stop_reason: str | msgspec.UnsetType = msgspec.UNSET
    usage: Counts | msgspec.UnsetType = msgspec.UNSET


class MessageStart(msgspec.Struct, frozen=True):
    """The first event."""

    type: str
    message: Reply


class BlockStart(msgspec.Struct, frozen=True):
    """A block begins."""

    type: str
    index: int
    content_block: TextBlock


class BlockDelta(msgspec.Struct, frozen=True):
    """A block goes on."""

    type: str
    index: int
    delta: TextBlock


class BlockStop(msgspec.Struct, frozen=True):
    """A block ends."""

    type: str
    index: int


class StopReason(msgspec.Struct, frozen=True):
    """Why the message ends."""

    stop_reason: str


class MessageDelta(msgspec.Struct, frozen=True):
    """The message ends."""

    type: str
    delta: StopReason
    usage: Counts


class MessageStop(msgspec.Struct, frozen=True):
    """The last event."""

    type: str


StreamEvent = MessageStart | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop


class Messages(Codec):
    """`POST /v1/messages`."""

    job: Infer

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, MESSAGES, EMPTY)
        model = body.get("model", "")
        if not model:
            raise refused("model is required")
        limit = body.get("max_tokens", 0)
        if limit <= 0:
            raise refused("max_tokens is required and must be positive")
        if not body.get("messages"):
            raise refused("messages is required")
        messages = conversation(body)
        self._estimate = estimate(body)
        self.job = Infer(
            checked_name(model, model_required()), messages, options={"num_predict": limit}
        )
        self.stream = body.get("stream", False)
        self.media = SSE if self.stream else BARE_JSON
        self.headers = STREAM_HEADERS if self.stream else ()
        self._id = f"msg_{wire.ids.randbytes(12).hex()}"
        self._started = False
        self._open = False

    def encode(self, event: Event) -> list[bytes]:
        """The events of the stream that one of ours leads to (10.4)."""
        out: list[StreamEvent] = []
        match event:
            case Token():
                out += self._begin(self._estimate)
                if not self._open:
                    self._open = True
                    out.append(BlockStart("content_block_start", 0, TextBlock("text", "")))
                delta = TextBlock("text_delta", event.text)
                out.append(BlockDelta("content_block_delta", 0, delta))
            case Done():
                counts = _counts(event)
                out += self._begin(counts.input_tokens or self._estimate)
                if self._open:
                    out.append(BlockStop("content_block_stop", 0))
                out.append(MessageDelta("message_delta", StopReason(_reason(event)), counts))
                out.append(MessageStop("message_stop"))
            case _:
                raise AssertionError(f"a chat does not say {event}")
        return [_frame(said) for said in out]

    def collect(self, events: list[Event]) -> bytes:
        """One message. An empty one has a content of null."""
        done = events[-1]
        assert isinstance(done, Done), "a chat that ends says so"
        text = "".join(event.text for event in events if isinstance(event, Token))
        content = (TextBlock("text", text),) if text else None
        return gojson.encode(self._reply(content, _reason(done), _counts(done))) + b"\n"

    @classmethod
    def error(cls, refusal: Refusal, wire: Wire) -> Document:
        """Anthropic's error object (10.2)."""
        detail = ErrorDetail(ERROR_TYPES.get(refusal.status, "api_error"), refusal.message)
        body = gojson.encode(Error("error", detail, f"req_{wire.ids.randbytes(12).hex()}"))
        if refusal.origin is Origin.DECODE:
            return Document(JSON, body)
        return Document(BARE_JSON, body + b"\n")

    def _begin(self, input_tokens: int) -> list[StreamEvent]:
        if self._started:
            return []
        self._started = True
        reply = self._reply((), msgspec.UNSET, Counts(input_tokens, 0))
        return [MessageStart("message_start", reply)]

    def _reply(
        self,
        content: tuple[TextBlock, ...] | None,
        reason: str | msgspec.UnsetType,
        counts: Counts,
    ) -> Reply:
        return Reply(self._id, "message", "assistant", self.job.model, content, reason, counts)


def _frame(event: StreamEvent) -> bytes:
    return b"event: " + event.type.encode() + b"\ndata: " + gojson.encode(event) + b"\n\n"


def _reason(done: Done) -> str:
    return STOP_REASONS.get(done.reason, "stop_sequence")


def _counts(done: Done) -> Counts:
    if done.usage is None:
        return Counts(0, 0)
    return Counts(done.usage.prompt_tokens, done.usage.tokens)


ROUTES = (Route("POST", "/v1/messages", Messages, since="0.33"),)
