"""Chat in OpenAI's dialect: `/v1/chat/completions`.

Source: compatibility specification 5, 14.3 and 15.

It must not import `anthropic`.
"""

import msgspec

from ollama_simulator.golang import decode, gojson
from ollama_simulator.golang.parse import refused
from ollama_simulator.model import Done, Event, Infer, Refusal, Rendered, Token, ToolCall
from ollama_simulator.wire import effort, logprobs, openai, tools
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.native import (
    BARE_JSON,
    check_top_logprobs,
    checked_name,
    model_required,
)
from ollama_simulator.wire.openai import (
    DONE,
    EMPTY,
    FINGERPRINT,
    NEVER,
    SSE,
    Counts,
    OpenAI,
    ending,
    spoken,
)
from ollama_simulator.wire.openai_request import CHAT, conversation, format_of, options


class Function(msgspec.Struct, frozen=True):
    """What is called."""

    name: str
    arguments: str


class Call(msgspec.Struct, frozen=True):
    """A call of a tool."""

    id: str
    index: int
    type: str
    function: Function


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """The message of a whole answer, or what a chunk adds to it."""

    role: str | msgspec.UnsetType = msgspec.UNSET
    content: str | msgspec.UnsetType = msgspec.UNSET
    reasoning: str = ""
    tool_calls: tuple[Call, ...] = ()


class Likely(msgspec.Struct, frozen=True):
    """How likely the tokens were."""

    content: tuple[logprobs.Entry, ...]


class WholeChoice(msgspec.Struct, frozen=True, omit_defaults=True):
    """The only choice of a whole answer."""

    index: int
    message: Said
    finish_reason: str | None
    logprobs: Likely | msgspec.UnsetType = msgspec.UNSET


class Debug(msgspec.Struct, frozen=True, omit_defaults=True):
    """The prompt that the model would have got."""

    rendered_template: str
    image_count: int = 0


class Completion(msgspec.Struct, frozen=True, omit_defaults=True):
    """A whole answer."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: tuple[WholeChoice, ...]
    usage: Counts
    debug: Debug | msgspec.UnsetType = msgspec.field(default=msgspec.UNSET, name="_debug_info")


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """The only choice of a chunk."""

    index: int
    delta: Said
    finish_reason: str | None
    logprobs: Likely | msgspec.UnsetType = msgspec.UNSET


class Chunk(msgspec.Struct, frozen=True, omit_defaults=True):
    """One frame of a stream."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: tuple[Choice, ...]
    usage: Counts | None = None


class ChatCompletions(OpenAI):
    """`POST /v1/chat/completions`."""

    proxied = True
    job: Infer

    def __init__(self, request: Request, wire: Wire) -> None:
        profile = wire.settings.wire
        body = decode.body(request.body, CHAT[profile], EMPTY)
        given = body.get("messages", [])
        if not given:
            raise refused("[] is too short - 'messages'")
        messages = conversation(given, wire.settings.wire)
        wanted = body["reasoning"].get("effort", "") if "reasoning" in body else None
        think = effort.think(
            body.get("reasoning_effort", "") if wanted is None else wanted, profile
        )
        check_top_logprobs(body.get("top_logprobs", 0))
        absent = model_required()
        self.job = Infer(
            checked_name(body.get("model", ""), absent, profile, unfit=absent),
            messages,
            tools=tools.tools(body.get("tools", ())),
            think=think,
            format=format_of(body.get("response_format", {})),
            options=options(body),
            logprobs=body.get("logprobs", False),
            top_logprobs=body.get("top_logprobs", 0),
            debug=body.get("_debug_render_only", False),
        )
        streamed = body.get("stream", False)
        # A mere load, and a mere prompt, are written in one go: with a length, not in chunks (5.5).
        self.stream = streamed and bool(messages) and not self.job.debug
        self.media = SSE if streamed else BARE_JSON
        self._include_usage = body.get("stream_options", {}).get("include_usage", False)
        self._wire = wire
        self._id = f"chatcmpl-{wire.ids.randrange(999)}"
        self._created: int | None = None
        self.called = False

    # --- a stream ---------------------------------------------------------------------------

    def encode(self, event: Event) -> list[bytes]:
        """The frames of one event (5.3)."""
        match event:
            case Token():
                return [self.piece(event)]
            case Done():
                return [self.end(event)]
            case _:
                raise AssertionError(f"a chat does not say {event}")

    def broken(self, refusal: Refusal) -> list[bytes]:
        """An empty piece without a model: the error itself is lost (14.3)."""
        return [self.frame(Said(content=""), model="")]

    def piece(self, event: Token | Done) -> bytes:
        """What one event says, thinking in a frame of its own."""
        likely = likely_of(event)
        calls = calls_of(event.calls)
        self.called = self.called or bool(calls)
        if event.thinking and (event.text or calls):
            thought = Said(self._role(), reasoning=event.thinking)
            said = Said(content=event.text, tool_calls=calls)
            return self.frame(thought, likely=likely) + self.frame(said)
        said = Said(self._role(), event.text, event.thinking, calls)
        return self.frame(said, likely=likely)

    def end(self, done: Done) -> bytes:
        """What the last event says, the reason, the counts if they were asked for, and the end."""
        says = done.text or done.thinking or done.calls or done.logprobs
        out = self.piece(done) if says or self._created is None else b""
        reason = done.reason or "stop"
        if reason == "stop" and self.called:
            reason = "tool_calls"
        out += self.frame(Said(), reason=reason)
        return out + self.counted(done) + DONE

    def counted(self, done: Done) -> bytes:
        """The frame of the counts, if they were asked for."""
        return self.frame(None, usage=Counts.of(done.usage)) if self._include_usage else b""

    def _role(self) -> str | msgspec.UnsetType:
        """The role stands in the first frame only."""
        return "assistant" if self._created is None else msgspec.UNSET

    def second(self) -> int:
        """All frames tell the second of the first."""
        if self._created is None:
            self._created = self._wire.wall_ns() // gojson.SECOND_NS
        return self._created

    def frame(
        self,
        delta: Said | None,
        *,
        reason: str | None = None,
        likely: Likely | msgspec.UnsetType = msgspec.UNSET,
        usage: Counts | None = None,
        model: str | None = None,
    ) -> bytes:
        """One frame; without a delta it has no choices."""
        return openai.frame(
            Chunk(
                id=self._id,
                object="chat.completion.chunk",
                created=self.second(),
                model=self.job.model if model is None else model,
                system_fingerprint=FINGERPRINT,
                choices=() if delta is None else (Choice(0, delta, reason, likely),),
                usage=usage,
            )
        )

    def why(self, done: Done | None, called: bool) -> str | None:
        """The reason of a whole answer."""
        if done is None:
            return None
        return "tool_calls" if called and done.reason == "stop" else done.reason

    # --- a whole answer -----------------------------------------------------------------------

    def collect(self, events: list[Event]) -> bytes:
        """One completion; for a mere load or prompt that should be streamed, its frames."""
        rendered = events[0] if events and isinstance(events[0], Rendered) else None
        debug = Debug(rendered.template, rendered.images) if rendered else msgspec.UNSET
        done = ending(events)
        if self.media == SSE:
            return self.end(done) if done else self.piece(Token(""))
        said = spoken(events)
        # Without tools only the calls of the last piece are kept (native specification, 5.2).
        heard = said if self.job.tools else said[-1:]
        calls = tuple(call for event in heard for call in calls_of(event.calls))
        if rendered or not said:
            message = Said("", "")
        else:
            text = "".join(event.text for event in said)
            thought = "".join(event.thinking for event in said)
            message = Said("assistant", text, thought, calls)
        likely = logprobs.entries(entry for event in said for entry in event.logprobs)
        choice = WholeChoice(
            0, message, self.why(done, bool(calls)), Likely(likely) if likely else msgspec.UNSET
        )
        completion = Completion(
            id=self._id,
            object="chat.completion",
            created=self._wire.wall_ns() // gojson.SECOND_NS if events else NEVER,
            model=self.job.model if events else "",
            system_fingerprint=FINGERPRINT,
            choices=(choice,),
            usage=Counts.of(done.usage if done else None),
            debug=debug,
        )
        return gojson.encode(completion) + b"\n"


def likely_of(event: Token | Done) -> Likely | msgspec.UnsetType:
    """How likely the tokens of an event were, if it tells."""
    return Likely(logprobs.entries(event.logprobs)) if event.logprobs else msgspec.UNSET


def calls_of(calls: tuple[ToolCall, ...]) -> tuple[Call, ...]:
    """Calls as they are printed."""
    return tuple(
        Call(call.id, call.index, "function", Function(call.name, call.arguments)) for call in calls
    )


ROUTES: tuple[Route, ...] = (Route("POST", "/v1/chat/completions", ChatCompletions, since="0.33"),)
