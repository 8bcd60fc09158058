"""What all endpoints of OpenAI's dialect share: the error object, counts, frames.

Source: compatibility specification 2 to 4, 10.2 (who says no in which shape) and 15.

Rules of this file:

1. What is wrong with the request itself has `Origin.DECODE`: Ollama's translator found it, and
   writes no newline. What its native handler would refuse has `Origin.HANDLER`.
2. All frames that one event leads to are one HTTP chunk.

It must not import `anthropic`.
"""

from collections.abc import Sequence

import msgspec

from ollama_simulator.golang import gojson
from ollama_simulator.model import Done, Event, Origin, Refusal, Token, Usage
from ollama_simulator.wire.codec import Codec, Document, Wire
from ollama_simulator.wire.native import BARE_JSON, JSON, Native

EMPTY = "EOF"
"""What is said of a request without a body."""

SSE = "text/event-stream"
FINGERPRINT = "fp_ollama"
DONE = b"data: [DONE]\n\n"

NEVER = -62_135_596_800
"""The second of Go's zero time: that of an answer in which nothing was said (5.4)."""


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


class OpenAI(Codec):
    """An endpoint under `/v1/`."""

    whole = True
    media = BARE_JSON

    @classmethod
    def error(cls, refusal: Refusal, wire: Wire) -> Document:
        """OpenAI's error object (section 4); the cloud's proxy speaks natively (13)."""
        if refusal.origin is Origin.CLOUD:
            return Native.error(refusal, wire)
        types = {400: "invalid_request_error", 404: "not_found_error"}
        kind = types.get(refusal.status, "api_error")
        if refusal.origin is Origin.DECODE:
            return Document(JSON, gojson.encode(Error(ErrorDetail(refusal.message, kind))))
        if wire.settings.wire == "0.13.5":
            # Until 0.18.0 whatever a handler refused was of this type, even a 404 (15).
            kind = "api_error"
        body = gojson.encode(Error(ErrorDetail(refusal.message, kind)))
        return Document(BARE_JSON, body + b"\n")


def frame(chunk: msgspec.Struct) -> bytes:
    """One frame of a stream."""
    return b"data: " + gojson.encode(chunk) + b"\n\n"


def spoken(events: Sequence[Event]) -> list[Token | Done]:
    """The pieces of an answer, the last one included."""
    return [event for event in events if isinstance(event, Token | Done)]


def ending(events: Sequence[Event]) -> Done | None:
    """The end of an answer; None if it broke off."""
    return events[-1] if events and isinstance(events[-1], Done) else None
