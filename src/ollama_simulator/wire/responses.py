"""OpenAI's newer dialect: `/v1/responses`.

Source: compatibility specification 2.3, 9 and 14.

Rules of this file:

1. One event of the stream is one HTTP chunk.
2. A stream that breaks stops where it is, without a word (9.5).

It must not import another dialect than `openai`.
"""

from ollama_simulator.golang import decode, gojson
from ollama_simulator.model import Done, Event, Infer, Job, Refusal, Token
from ollama_simulator.wire.answer import whole
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.native import BARE_JSON, checked_name, model_required
from ollama_simulator.wire.openai import EMPTY, NEVER, SSE, OpenAI
from ollama_simulator.wire.responses_object import Echo, output_of
from ollama_simulator.wire.responses_old import OldStream, old_object
from ollama_simulator.wire.responses_request import RESPONSES, schema_as_sent, searches, wish
from ollama_simulator.wire.responses_search import Search
from ollama_simulator.wire.responses_stream import IDS, Stream

STREAM_HEADERS = (("Cache-Control", "no-cache"), ("Connection", "keep-alive"))


class Responses(OpenAI):
    """`POST /v1/responses`."""

    proxied = True
    job: Infer

    def __init__(self, request: Request, wire: Wire) -> None:
        profile = wire.settings.wire
        sent = request.body
        body = decode.body(sent, RESPONSES[profile], EMPTY)
        self.job = wish(body, sent, profile)
        self.stream = body.get("stream", False)
        self.media = SSE if self.stream else BARE_JSON
        self.headers = STREAM_HEADERS if self.stream else ()
        self._wire = wire
        self._id = f"resp_{wire.ids.randrange(IDS)}"
        self._message_id = f"msg_{wire.ids.randrange(IDS)}"
        self._echo = Echo(body, schema_as_sent(sent) if "text" in body else None)
        said = Stream(self._id, self._message_id, self._echo, self._now, wire.ids)
        self._search: Search | None = None
        if searches(body) and profile != "0.13.5":
            self._search = Search(self._id, self.job, said if self.stream else None)
        self._said: Stream | OldStream = said
        if profile == "0.13.5":
            self._said = OldStream(self._id, self._message_id, wire.ids)
        absent = model_required()
        try:
            checked_name(self.job.model, absent, profile, unfit=absent)
        except Refusal as refusal:
            self.wrong = refusal

    def encode(self, event: Event) -> list[bytes]:
        """The events of the stream that one of ours leads to (9.4, 9.5)."""
        if self._search is not None:
            return self._search.hear(event)
        assert isinstance(event, Token | Done), f"a chat does not say {event}"
        return self._said.say(event)

    def then(self, events: list[Event]) -> Job | None:
        """A search, or the model again with its result."""
        return None if self._search is None else self._search.next_job(events)

    def finish(self) -> list[bytes]:
        """What a search has left to say."""
        return [] if self._search is None else self._search.flush()

    def collect(self, events: list[Event]) -> bytes:
        """One object. Its time is that of the last thing said, if there is one."""
        said = whole(events, tools=bool(self.job.tools))
        created = NEVER if said.silent else self._now()
        if self._wire.settings.wire == "0.13.5":
            return old_object(self._id, self._message_id, created, self.job.model, said)
        output = output_of(said, self._id, self._message_id)
        if self._search is not None and self._search.under_way:
            output = self._search.output(output)
            said = self._search.counted(said)
        return gojson.encode(self._echo.whole(self._id, created, self._now(), output, said)) + b"\n"

    def absorb(self, refusal: Refusal) -> list[bytes] | Refusal:
        """With a search declared, a stream tells of a refusal itself."""
        return refusal if self._search is None else self._search.fail(refusal)

    def _now(self) -> int:
        return self._wire.wall_ns() // gojson.SECOND_NS


ROUTES = (Route("POST", "/v1/responses", Responses),)
