"""Completions in OpenAI's dialect: `/v1/completions`.

Source: compatibility specification 6 and 14.3.

Rules of this file:

1. The keys of a chunk stand in another order than those of a whole answer: that is real.
2. Thinking has no place here: a piece of it is a chunk without text.

It must not import `anthropic`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ollama_simulator.golang import decode, gojson
from ollama_simulator.golang.decode import ANYTHING, FLAG, INT, TEXT, Float, Record
from ollama_simulator.golang.parse import Json, refused
from ollama_simulator.model import Done, Event, Infer, Refusal, Rendered, Token
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.native import BARE_JSON, check_top_logprobs, checked_name
from ollama_simulator.wire.openai import (
    DONE,
    EMPTY,
    FINGERPRINT,
    NEVER,
    SSE,
    Counts,
    OpenAI,
    ending,
    frame,
    spoken,
)

COMPLETION = Record(
    "openai.CompletionRequest",
    fields={
        **dict.fromkeys("model prompt suffix".split(), TEXT),
        **dict.fromkeys(
            "temperature top_p frequency_penalty presence_penalty".split(), Float("float32")
        ),
        **dict.fromkeys("max_tokens seed logprobs".split(), INT),
        "stop": ANYTHING,
        "stream": FLAG,
        "stream_options": Record("openai.StreamOptions", fields={"include_usage": FLAG}),
        "_debug_render_only": FLAG,
    },
)

_ZERO = Counts(0, 0, 0)


class Choice(msgspec.Struct, frozen=True):
    """The only choice."""

    text: str
    index: int
    finish_reason: str | None


class Completion(msgspec.Struct, frozen=True):
    """A whole answer."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: tuple[Choice, ...]
    usage: Counts


class Chunk(msgspec.Struct, frozen=True, omit_defaults=True):
    """One frame of a stream."""

    id: str
    object: str
    created: int
    choices: tuple[Choice, ...]
    model: str
    system_fingerprint: str
    usage: Counts | None = None


class Completions(OpenAI):
    """`POST /v1/completions`."""

    proxied = True
    job: Infer

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, COMPLETION, EMPTY)
        options = _options(body)
        alternatives = max(0, body.get("logprobs", 0))
        check_top_logprobs(alternatives)
        typed = body.get("model", "")
        absent = Refusal(404, f"model '{typed}' not found")
        self.job = Infer(
            checked_name(typed, absent, wire.settings.wire, unfit=absent),
            kind="generate",
            prompt=body.get("prompt", ""),
            suffix=body.get("suffix", ""),
            options=options,
            logprobs=alternatives > 0,
            top_logprobs=alternatives,
            debug=body.get("_debug_render_only", False),
        )
        streamed = body.get("stream", False)
        self.stream = streamed and not self.job.empty and not self.job.debug
        self.media = SSE if streamed else BARE_JSON
        self._include_usage = body.get("stream_options", {}).get("include_usage", False)
        self._wire = wire
        self._id = f"cmpl-{wire.ids.randrange(999)}"

    def encode(self, event: Event) -> list[bytes]:
        """The frames of one event (6.3)."""
        match event:
            case Token():
                return [self._frame(event.text)]
            case Done():
                return [self._end(event)]
            case _:
                raise AssertionError(f"a completion does not say {event}")

    def broken(self, refusal: Refusal) -> list[bytes]:
        """An empty piece without a model: the error itself is lost (14.3)."""
        return [self._frame("", model="")]

    def collect(self, events: list[Event]) -> bytes:
        """One completion; for a mere load or prompt that should be streamed, its frames."""
        done = ending(events)
        if self.media == SSE:
            return self._end(done) if done else self._frame("")
        text = "".join(event.text for event in spoken(events))
        said = bool(spoken(events)) or isinstance(events[0] if events else None, Rendered)
        completion = Completion(
            id=self._id,
            object="text_completion",
            created=self._second() if said else NEVER,
            model=self.job.model if said else "",
            system_fingerprint=FINGERPRINT,
            choices=(Choice(text, 0, done.reason if done else None),),
            usage=Counts.of(done.usage if done else None),
        )
        return gojson.encode(completion) + b"\n"

    def _end(self, done: Done) -> bytes:
        out = self._frame(done.text, done.reason)
        if self._include_usage:
            out += self._chunk((), self.job.model, Counts.of(done.usage))
        return out + DONE

    def _frame(self, text: str, reason: str | None = None, *, model: str | None = None) -> bytes:
        usage = _ZERO if self._include_usage else None
        name = self.job.model if model is None else model
        return self._chunk((Choice(text, 0, reason),), name, usage)

    def _chunk(self, choices: tuple[Choice, ...], model: str, usage: Counts | None) -> bytes:
        return frame(
            Chunk(
                id=self._id,
                object="text_completion",
                created=self._second(),
                choices=choices,
                model=model,
                system_fingerprint=FINGERPRINT,
                usage=usage,
            )
        )

    def _second(self) -> int:
        return self._wire.wall_ns() // gojson.SECOND_NS


def _options(body: Mapping[str, Any]) -> dict[str, Any]:
    """The native options of a completion (3.5)."""
    out: dict[str, Any] = {}
    if (stop := _stop(body.get("stop"))) is not None:
        out["stop"] = stop
    for theirs, ours in (("max_tokens", "num_predict"), ("seed", "seed")):
        if theirs in body:
            out[ours] = body[theirs]
    out["temperature"] = body.get("temperature", 1.0)
    for name in ("frequency_penalty", "presence_penalty"):
        out[name] = body.get(name, 0.0)
    out["top_p"] = body.get("top_p") or 1.0
    return out


def _stop(given: Json) -> list[str] | None:
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list):
        return None
    for item in given:
        if not isinstance(item, str):
            raise refused(f"invalid type for 'stop' field: {_go_type(item)}")
    return given


def _go_type(value: Json) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case list():
            return "[]interface {}"
        case dict():
            return "map[string]interface {}"
    return "float64"


ROUTES: tuple[Route, ...] = (Route("POST", "/v1/completions", Completions),)
