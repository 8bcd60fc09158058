"""Generation in Ollama's own dialect: `/api/chat` and `/api/generate`.

Source: native specification 3, 4.7, 4.8 and 5.

Rules of this file:

1. An answer is a line for each event, or one object that says the same.
2. A mere load or unload and a rendered prompt are one object, whatever `stream` says.
3. Whatever needs the model is checked by the engine.

It must not import another dialect.
"""

import functools
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

from ollama_simulator.flow import Frame
from ollama_simulator.golang import decode, gojson
from ollama_simulator.model import Done, Event, Infer, Logprob, Refusal, Rendered, Token
from ollama_simulator.settings import Profile
from ollama_simulator.wire import tools
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.native import (
    EMPTY,
    JSON,
    Native,
    check_top_logprobs,
    checked_name,
    metrics,
    model_required,
)
from ollama_simulator.wire.ollama_lines import (
    NEVER,
    ChatLine,
    GenerateLine,
    Said,
    TextLine,
    calls,
    debug_info,
    likelihoods,
)
from ollama_simulator.wire.ollama_request import CHAT, GENERATE, common, message

NDJSON = "application/x-ndjson"
LONGEST_KEPT = 1024
"""Bytes of a body up to which it is kept what it asks for: probes and load generators ask for the
same again and again."""
MOST_KEPT = 256
"""How many bodies these are."""

Read = tuple[Infer, bool]
"""What a body asks for, and whether it wants a stream."""


class _Generation(Native):
    """What chat and generate share."""

    job: Infer
    _around_text: ClassVar[tuple[str, str]]
    """What stands between the time and the text of a line, and behind the text."""

    def __init__(self, request: Request, wire: Wire) -> None:
        data = request.body
        read = _kept if len(data) <= LONGEST_KEPT else _read
        self.job, stream = read(type(self)._read, data, wire.settings.wire)
        job = self.job
        self.stream = stream and not job.empty and not job.debug
        self.media = NDJSON if self.stream else JSON
        self._model = job.model
        self._wall_ns = wire.wall_ns
        self._text = TextLine(job.model, *self._around_text)

    @staticmethod
    @abstractmethod
    def _read(data: bytes, profile: Profile) -> Read:
        """Read a body. Raises `Refusal`."""

    def encode(self, event: Event) -> list[bytes]:
        """A line."""
        if isinstance(event, Token):
            if event.thinking or event.calls or event.logprobs:
                return [self._token(event) + b"\n"]
            return [self._text.line(event.text, self._wall_ns())]
        assert isinstance(event, Done), f"a generation does not say {event}"
        return [self._line([event]) + b"\n"]

    def encode_ahead(
        self, texts: Sequence[str], times: Sequence[int], frame: Frame
    ) -> list[bytes] | None:
        """A line for each."""
        return self._text.lines(texts, times, frame)

    def collect(self, events: list[Event]) -> bytes:
        """One object with all that was said, and the numbers of the last event."""
        said = [event for event in events if isinstance(event, Token | Done)]
        if said:
            return self._line(said)
        match events:
            case [Rendered() as rendered]:
                return self._debug(rendered)
            case []:
                return self._nothing()
            case _:
                raise AssertionError(f"a generation does not say {events}")

    def _now(self) -> str:
        return gojson.rfc3339(self._wall_ns())

    @abstractmethod
    def _token(self, token: Token) -> bytes:
        """A line of its own for a piece that is not mere text."""

    @abstractmethod
    def _line(self, said: Sequence[Token | Done]) -> bytes:
        """All that these events say; with the numbers, if the last one is the end."""

    @abstractmethod
    def _debug(self, rendered: Rendered) -> bytes:
        """The prompt that the model would have got."""

    @abstractmethod
    def _nothing(self) -> bytes:
        """A generation that broke off before it began."""


def _read(read: Callable[[bytes, Profile], Read], data: bytes, profile: Profile) -> Read:
    return read(data, profile)


_kept = functools.lru_cache(MOST_KEPT)(_read)


def _text(said: Iterable[Token | Done]) -> str:
    return "".join(event.text for event in said)


def _thinking(said: Iterable[Token | Done]) -> str:
    return "".join(event.thinking for event in said)


def _ending(last: Token | Done) -> dict[str, Any]:
    if isinstance(last, Token):
        return {"done": False}
    return {"done": True, "done_reason": last.reason, **metrics(last.usage)}


def _logprobs(said: Iterable[Token | Done]) -> tuple[Logprob, ...]:
    return tuple(entry for event in said for entry in event.logprobs)


class Chat(_Generation):
    """`POST /api/chat` (4.8)."""

    _around_text = ('"message":{"role":"assistant","content":', '},"done":false}')

    @staticmethod
    def _read(data: bytes, profile: Profile) -> Read:
        body = decode.body(data, CHAT[profile], EMPTY)
        check_top_logprobs(body.get("top_logprobs", 0))
        absent = model_required()
        model = checked_name(body.get("model", ""), absent, profile, unfit=absent)
        job = Infer(
            model,
            tuple(map(message, body.get("messages", ()))),
            tools=tools.tools(body.get("tools", ())),
            uses_cache=True,
            **common(body, data),
        )
        return job, body.get("stream", True)

    def _token(self, token: Token) -> bytes:
        return self._line([token])

    def _line(self, said: Sequence[Token | Done]) -> bytes:
        last = said[-1]
        # Without tools only the calls of the last piece are kept (5.2).
        made = [call for event in said for call in event.calls] if self.job.tools else last.calls
        return gojson.encode(
            ChatLine(
                self._model,
                self._now(),
                Said("assistant", _text(said), _thinking(said), calls(made)),
                logprobs=likelihoods(_logprobs(said)),
                **_ending(last),
            )
        )

    def _debug(self, rendered: Rendered) -> bytes:
        info = debug_info(rendered)
        return gojson.encode(ChatLine(self._model, self._now(), Said("", ""), False, "", info))

    def _nothing(self) -> bytes:
        return gojson.encode(ChatLine("", NEVER, Said("", ""), False))


class Generate(_Generation):
    """`POST /api/generate` (4.7)."""

    _around_text = ('"response":', ',"done":false}')

    @staticmethod
    def _read(data: bytes, profile: Profile) -> Read:
        body = decode.body(data, GENERATE[profile], EMPTY)
        check_top_logprobs(body.get("top_logprobs", 0))
        typed = body.get("model", "")
        absent = Refusal(404, f"model '{typed}' not found")
        job = Infer(
            checked_name(typed, absent, profile, unfit=absent),
            kind="generate",
            prompt=body.get("prompt", ""),
            suffix=body.get("suffix", ""),
            system=body.get("system", ""),
            template=body.get("template", ""),
            context=None if (said := body.get("context")) is None else tuple(said),
            raw=body.get("raw", False),
            images=tuple(body.get("images", ())),
            **common(body, data),
        )
        return job, body.get("stream", True)

    def _token(self, token: Token) -> bytes:
        return gojson.encode(
            GenerateLine(
                model=self._model,
                created_at=self._now(),
                response=token.text,
                thinking=token.thinking,
                done=False,
                logprobs=likelihoods(token.logprobs) if token.logprobs else (),
            )
        )

    def _line(self, said: Sequence[Token | Done]) -> bytes:
        last = said[-1]
        done = last if isinstance(last, Done) else None
        return gojson.encode(
            GenerateLine(
                model=self._model,
                created_at=self._now(),
                response=_text(said),
                thinking=_thinking(said),
                context=done.context if done else (),
                tool_calls=calls(done.calls) if done else (),
                logprobs=likelihoods(_logprobs(said)),
                **_ending(last),
            )
        )

    def _debug(self, rendered: Rendered) -> bytes:
        return gojson.encode(
            GenerateLine(
                model=self._model,
                created_at=self._now(),
                response="",
                done=False,
                debug_info=debug_info(rendered),
            )
        )

    def _nothing(self) -> bytes:
        return gojson.encode(GenerateLine(model="", created_at=NEVER, response="", done=False))


ROUTES = (
    Route("POST", "/api/chat", Chat),
    Route("POST", "/api/generate", Generate),
)
