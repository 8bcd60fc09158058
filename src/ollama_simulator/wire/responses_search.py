"""The web search built into `/v1/responses`.

Source: compatibility specification 9.6.

Rules of this file:

1. In a stream all that the model says is sent at once, but for its calls of the search; a whole
   answer keeps what was said before a search apart from what came after.
2. In a stream every failure is an event, even if nothing was sent before it; otherwise it is an
   error like any other.

It must not import another dialect.
"""

from collections.abc import Sequence
from enum import Enum, auto
from http import HTTPStatus

import msgspec

from ollama_simulator.model import (
    Answer,
    Done,
    Event,
    Infer,
    Job,
    Refusal,
    Token,
    ToolCall,
    Usage,
    WebSearch,
)
from ollama_simulator.wire import search
from ollama_simulator.wire.answer import Whole, whole
from ollama_simulator.wire.responses_object import (
    Object,
    message,
    reasoning,
    search_call,
    whole_call,
)
from ollama_simulator.wire.responses_stream import Stream

NO_QUERY = "web_search requires a non-empty string query"
TOO_OFTEN = f"web_search exceeded the maximum of {search.MOST} calls"
SOMETHING = "something went wrong, please see the ollama server logs for details"

CODES = {401: "authentication_error", 429: "rate_limit_exceeded"}
"""What an event of failure calls a status; all others are `api_error`."""


class _Phase(Enum):
    """What the engine is doing."""

    ANSWER = auto()
    SEARCH = auto()
    FOLLOW_UP = auto()


class Search:
    """The searches of one response. Without a stream nothing is sent meanwhile."""

    def __init__(self, response_id: str, job: Infer, stream: Stream | None) -> None:
        self._number = response_id.removeprefix("resp_")
        self._job = job
        self._stream = stream
        self._phase = _Phase.ANSWER
        self._held: list[bytes] = []
        """Events that go out with the next ones."""
        self._heard: list[Event] = []
        self._begun = False
        """Whether the model has said anything in this phase."""
        self._said = Whole()
        self._query = ""
        self._round = 0
        self._tokens = (0, 0)
        self._thoughts: list[str] = []
        self._texts: list[str] = []
        self._searches: list[Object] = []
        self._calls: list[ToolCall] = []
        self._own: Refusal | None = None
        """What the search itself refused, in words that need no others."""

    @property
    def under_way(self) -> bool:
        """Whether the model has called for a search."""
        return self._phase is not _Phase.ANSWER

    def hear(self, event: Event) -> list[bytes]:
        """The events of the stream that one of ours leads to."""
        assert self._stream is not None, "a whole answer is not sent piece by piece"
        self._heard.append(event)
        if isinstance(event, Answer):
            return self.flush()
        assert isinstance(event, Token | Done), f"a chat does not say {event}"
        self._begun = True
        return self.flush() + self._passed_on(event, self._stream)

    def flush(self) -> list[bytes]:
        """What was held back."""
        held, self._held = self._held, []
        return held

    def next_job(self, events: Sequence[Event]) -> Job | None:
        """What is to be done next; None at the end. `events` are those of a job whose events were
        not heard one by one. Raises `Refusal` unless there is a stream."""
        heard, self._heard = [*self._heard, *events], []
        match self._phase:
            case _Phase.ANSWER:
                said = whole(heard)
                if search.call_in(said.calls) is None or (self._stream and not said.ended):
                    return None
                return self._go_on(said)
            case _Phase.SEARCH:
                (answer,) = heard
                assert isinstance(answer, Answer), "a search has one answer"
                return self._ask_again(answer)
            case _Phase.FOLLOW_UP:
                return self._go_on(whole(heard))

    def output(self, items: list[Object]) -> list[Object]:
        """The items of a whole answer, with those of what was before it."""
        before = []
        if self._thoughts:
            before.append(reasoning("rs_presearch", "\n".join(self._thoughts)))
        if self._texts:
            before.append(message("msg_presearch", "\n".join(self._texts)))
        calls = [whole_call(f"fc_mixed_{n}", call) for n, call in enumerate(self._calls)]
        return [*before, *self._searches, *calls, *items]

    def counted(self, said: Whole) -> Whole:
        """The last answer with the counts of all of them."""
        prompt_tokens, tokens = self._tokens
        usage = Usage(0.0, 0.0, prompt_tokens, 0.0, tokens, 0.0)
        return msgspec.structs.replace(said, usage=usage)

    def fail(self, refusal: Refusal) -> list[bytes] | Refusal:
        """Tell of a refusal: the end of the stream, or the error that it is to the client.

        An error in a stream of the model that has begun is not told, so the refusal comes back.
        """
        if refusal is self._own or (self._phase is _Phase.ANSWER and self._begun):
            return refusal
        status, text = self._told(refusal)
        return self._failed(status, text)

    # --- parts of the above ------------------------------------------------------------------

    def _passed_on(self, event: Token | Done, stream: Stream) -> list[bytes]:
        calling = self._phase is not _Phase.ANSWER or any(
            isinstance(one, Token | Done) and search.call_in(one.calls) for one in self._heard
        )
        others = search.other_calls(event.calls)
        out = []
        if event.text or event.thinking or not event.calls:
            out += stream.say(Token(event.text, event.thinking))
        if others:
            out += [*stream.begin(), *stream.finish_message(), *stream.call(others)]
        if isinstance(event, Done) and not calling:
            out += stream.begin() + stream.complete(*_counted(event))
        return out

    def _go_on(self, said: Whole) -> Job | None:
        self._tokens = (self._tokens[0] + said.prompt_tokens, self._tokens[1] + said.tokens)
        self._said = said
        call = search.call_in(said.calls)
        if call is None:
            if self._stream is not None:
                self._held += self._stream.complete(*self._tokens)
            return None
        self._round += 1
        if self._round > search.MOST:
            self._give_up(TOO_OFTEN)
            return None
        self._calls += search.other_calls(said.calls)
        self._thoughts += [said.thinking] if said.thinking else []
        self._texts += [said.text] if said.text else []
        if self._stream is not None:
            self._held += [*self._stream.begin(), *self._stream.finish_message()]
        self._query = search.query_in(call)
        if not self._query.strip():
            self._give_up(NO_QUERY)
            return None
        if self._stream is not None:
            self._held += self._stream.start_search(self._search_id(), self._query)
        self._phase = _Phase.SEARCH
        return WebSearch(self._query)

    def _ask_again(self, answer: Answer) -> Infer:
        call = search.call_in(self._said.calls)
        assert call is not None, "a search was called for"
        if self._stream is not None:
            self._held += self._stream.finish_search(self._search_id(), self._query)
        self._searches.append(search_call(self._search_id(), self._query))
        self._phase = _Phase.FOLLOW_UP
        self._begun = False
        self._job = search.asked_again(self._job, self._said, call, answer.value)
        return self._job

    def _search_id(self) -> str:
        return f"ws_{self._number}_{self._round}"

    def _give_up(self, text: str) -> None:
        ending = self._failed(502, text)
        if isinstance(ending, Refusal):
            self._own = ending
            raise ending
        self._held = ending

    def _failed(self, status: int, text: str) -> list[bytes] | Refusal:
        if self._stream is None:
            return Refusal(status, text)
        code = CODES.get(status, "api_error")
        return self.flush() + self._stream.fail(code, text, *self._tokens)

    def _told(self, refusal: Refusal) -> tuple[int, str]:
        """Status and words of a refusal, which mostly comes through Ollama's own client."""
        status = refusal.status
        signin = refusal.extra.get("signin_url")
        more = f"; sign in at {signin}" if signin and status == 401 else ""
        match self._phase:
            case _Phase.SEARCH if status == 401:
                return status, SOMETHING + more
            case _Phase.FOLLOW_UP if self._begun:
                return 502, refusal.message
            case _Phase.FOLLOW_UP:
                line = f"{status} {HTTPStatus(status).phrase}"
                return status, line + (more if status == 401 else f": {refusal.message}")
        return status, refusal.message + more


def _counted(done: Done) -> tuple[int, int]:
    return (done.usage.prompt_tokens, done.usage.tokens) if done.usage else (0, 0)
