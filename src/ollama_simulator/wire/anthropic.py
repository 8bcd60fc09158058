"""Chat in Anthropic's dialect: `/v1/messages`.

Source: compatibility specification 2.3, 10, 13 and 14.

Rules of this file:

1. What is wrong with the request itself has `Origin.DECODE`: Ollama's translator found it, and
   writes no newline. What its native handler would refuse has `Origin.HANDLER`.
2. One event of the stream is one HTTP chunk.
3. A stream that breaks stops where it is, without a word (10.4).

It must not import `openai`.
"""

from ollama_simulator import names
from ollama_simulator.golang import decode, gojson
from ollama_simulator.golang.parse import refused
from ollama_simulator.model import Done, Event, Infer, Job, Origin, Refusal, Token
from ollama_simulator.wire import anthropic_shapes as shapes
from ollama_simulator.wire.answer import whole
from ollama_simulator.wire.anthropic_estimate import estimate
from ollama_simulator.wire.anthropic_request import (
    MESSAGES,
    conversation,
    given_tools,
    options,
    searches,
    think,
)
from ollama_simulator.wire.anthropic_search import Content, Search, content
from ollama_simulator.wire.anthropic_shapes import Error, ErrorDetail, Reply
from ollama_simulator.wire.anthropic_stream import Stream
from ollama_simulator.wire.codec import Codec, Document, Request, Route, Wire
from ollama_simulator.wire.native import (
    BARE_JSON,
    JSON,
    Native,
    checked_name,
    model_required,
)

EMPTY = "EOF"
"""What is said of a request without a body."""

SSE = "text/event-stream"
NDJSON = "application/x-ndjson"
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


class Messages(Codec):
    """`POST /v1/messages`."""

    whole = True
    proxied = True
    job: Infer

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, MESSAGES, EMPTY)
        model = body.get("model", "")
        if not model:
            raise refused("model is required")
        if body.get("max_tokens", 0) <= 0:
            raise refused("max_tokens is required and must be positive")
        if not body.get("messages"):
            raise refused("messages is required")
        self.job = Infer(
            model,
            conversation(body),
            tools=given_tools(body),
            think=think(body),
            think_if_able=True,
            options=options(body),
        )
        self._id = f"msg_{wire.ids.randbytes(12).hex()}"
        self._search: Search | None = None
        self.stream = body.get("stream", False)
        self.headers = STREAM_HEADERS if self.stream else ()
        self.media = SSE if self.stream else BARE_JSON
        if searches(body):
            self._search = Search(self._id, self.job)
            # The writer that searches leaves the type to the native handler.
            if self.stream and not self.job.empty:
                self.media = NDJSON
        self.wrong = self._wrong(wire)
        self._said = Stream(self._id, model, estimate(body, request.body) if self.stream else 0)

    def encode(self, event: Event) -> list[bytes]:
        """The events of the stream that one of ours leads to (10.4)."""
        if self._search is not None and self._search.takes(event):
            return []
        if isinstance(event, Token) and (chunk := self._said.more_text(event)) is not None:
            return [chunk]
        assert isinstance(event, Token | Done), f"a chat does not say {event}"
        return [shapes.frame(said) for said in self._said.say(event)]

    def then(self, events: list[Event]) -> Job | None:
        """A search, or the model again with its result."""
        return None if self._search is None else self._search.next_job(events)

    def finish(self) -> list[bytes]:
        """What a search came to, in a stream."""
        outcome = None if self._search is None else self._search.outcome
        if outcome is None:
            return []
        out = [*self._said.begin(outcome.counts.input_tokens), *self._said.close()]
        for block in outcome.blocks:
            out += self._said.whole(block)
        out += shapes.ending(outcome.stop_reason, outcome.counts)
        return [shapes.frame(event) for event in out]

    def collect(self, events: list[Event]) -> bytes:
        """One message. An empty one has a content of null."""
        if self._search is not None and self._search.outcome is not None:
            return self._message(self.job.model, self._search.outcome)
        said = whole(events, tools=bool(self.job.tools))
        # Nothing at all is told as the zero value of what was never said.
        return self._message("" if said.silent else self.job.model, content(said))

    def absorb(self, refusal: Refusal) -> list[bytes] | Refusal:
        """A search that fails, and a model that fails after it, are part of the message."""
        if self._search is None:
            return refusal
        if self._search.under_way:
            self._search.fail()
            return self.finish() if self.stream else [self.collect([])]
        if refusal.origin is Origin.CLOUD:
            # With a search declared the request didn't go to the proxy in front.
            return Refusal(refusal.status, refusal.message)
        return refusal

    @classmethod
    def error(cls, refusal: Refusal, wire: Wire) -> Document:
        """Anthropic's error object (10.2); the cloud's proxy speaks natively (13)."""
        if refusal.origin is Origin.CLOUD:
            return Native.error(refusal, wire)
        detail = ErrorDetail(ERROR_TYPES.get(refusal.status, "api_error"), refusal.message)
        body = gojson.encode(Error("error", detail, f"req_{wire.ids.randbytes(12).hex()}"))
        if refusal.origin is Origin.DECODE:
            return Document(JSON, body)
        return Document(BARE_JSON, body + b"\n")

    def _message(self, model: str, holds: Content) -> bytes:
        blocks = holds.blocks or None
        reply = Reply(
            self._id, "message", "assistant", model, blocks, holds.stop_reason, holds.counts
        )
        return gojson.encode(reply) + b"\n"

    def _wrong(self, wire: Wire) -> Refusal | None:
        """What is wrong with the model's name, or with searching for a model of the cloud."""
        try:
            name = checked_name(self.job.model, model_required())
        except Refusal as refusal:
            return refusal
        remote = names.source(name)[1] is names.Source.CLOUD
        if remote and self._search is not None and wire.settings.no_cloud:
            text = "ollama cloud is disabled: web search is unavailable"
            return Refusal(403, text, Origin.DECODE)
        return None


ROUTES = (Route("POST", "/v1/messages", Messages, since="0.33"),)
