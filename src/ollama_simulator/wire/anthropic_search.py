"""The web search built into `/v1/messages`.

Source: compatibility specification 10.6.

Rules of this file:

1. From the first call of a search on, nothing that the model says is sent until the end; in a
   stream, what it said before has been sent.
2. A search that fails is no error: the message says so in place of all that was found.

It must not import another dialect.
"""

from collections.abc import Sequence
from enum import Enum, auto

import msgspec

from ollama_simulator.model import Answer, Done, Event, Found, Infer, Job, Token, WebSearch
from ollama_simulator.wire import search
from ollama_simulator.wire.answer import Whole, whole
from ollama_simulator.wire.anthropic_shapes import (
    Block,
    Counts,
    call_block,
    failed_block,
    found_block,
    search_block,
    text_block,
    thinking_block,
)
from ollama_simulator.wire.anthropic_stream import stop_reason


class Content(msgspec.Struct, frozen=True):
    """What a message holds, and how it ends."""

    blocks: tuple[Block, ...]
    stop_reason: str
    counts: Counts


def content(said: Whole) -> Content:
    """What a message holds that repeats what the model said."""
    blocks = []
    if said.thinking:
        blocks.append(thinking_block(said.thinking))
    if said.text:
        blocks.append(text_block(said.text))
    blocks += [call_block(call, call.arguments) for call in said.calls]
    reason = stop_reason(said.reason, called=bool(said.calls))
    return Content(tuple(blocks), reason, Counts(said.prompt_tokens, said.tokens))


class _Phase(Enum):
    """What the engine is doing."""

    ANSWER = auto()
    SEARCH = auto()
    FOLLOW_UP = auto()


class Search:
    """The searches of one message."""

    def __init__(self, message_id: str, job: Infer) -> None:
        self.outcome: Content | None = None
        """What the message holds after a search, however that went."""
        self._id = "srvtoolu_" + message_id.removeprefix("msg_")
        self._job = job
        self._phase = _Phase.ANSWER
        self._heard: list[Event] = []
        self._said = Whole()
        self._query = ""
        self._round = 0
        self._blocks: list[Block] = []
        self._counts = Counts(0, 0)

    def takes(self, event: Event) -> bool:
        """Whether an event of a stream is not for the client. It is kept, then."""
        first = self._phase is _Phase.ANSWER and not self._heard
        if first and isinstance(event, Token | Done) and search.call_in(event.calls) is None:
            return False
        self._heard.append(event)
        return True

    def next_job(self, events: Sequence[Event]) -> Job | None:
        """What is to be done next; None at the end. `events` are those of a job whose events were
        not offered one by one."""
        heard, self._heard = [*self._heard, *events], []
        match self._phase:
            case _Phase.ANSWER:
                said = whole(heard)
                if search.call_in(said.calls) is None or (not events and not said.ended):
                    return None
                return self._go_on(said)
            case _Phase.SEARCH:
                (answer,) = heard
                assert isinstance(answer, Answer), "a search has one answer"
                return self._ask_again(answer.value)
            case _Phase.FOLLOW_UP:
                return self._go_on(whole(heard))

    def fail(self) -> None:
        """Give up: the job under way was refused. Raises nothing."""
        self._give_up("unavailable" if self._phase is _Phase.SEARCH else "api_error")

    @property
    def under_way(self) -> bool:
        """Whether the model has called for a search."""
        return self._phase is not _Phase.ANSWER

    def _go_on(self, said: Whole) -> Job | None:
        self._counts = Counts(
            self._counts.input_tokens + said.prompt_tokens,
            self._counts.output_tokens + said.tokens,
        )
        self._said = said
        call = search.call_in(said.calls)
        if call is None:
            last = content(said)
            self._end((*self._blocks, *last.blocks), last.stop_reason)
            return None
        self._query = search.query_in(call)
        self._round += 1
        if self._round > search.MOST:
            last_id = self._round_id()
            used_up = failed_block(last_id, "max_uses_exceeded")
            self._end((*self._blocks, search_block(last_id, self._query), used_up), "end_turn")
            return None
        if not self._query:
            self._give_up("invalid_request")
            return None
        self._phase = _Phase.SEARCH
        return WebSearch(self._query)

    def _ask_again(self, found: tuple[Found, ...]) -> Infer:
        call = search.call_in(self._said.calls)
        assert call is not None, "a search was called for"
        id = self._round_id()
        self._blocks += [search_block(id, self._query), found_block(id, found)]
        self._phase = _Phase.FOLLOW_UP
        self._job = search.asked_again(self._job, self._said, call, found)
        return self._job

    def _round_id(self) -> str:
        return self._id if self._round == 1 else f"{self._id}_{self._round}"

    def _give_up(self, code: str) -> None:
        self._end((search_block(self._id, self._query), failed_block(self._id, code)), "end_turn")

    def _end(self, blocks: tuple[Block, ...], reason: str) -> None:
        self.outcome = Content(blocks, reason, self._counts)
