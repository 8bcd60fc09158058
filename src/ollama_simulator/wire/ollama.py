"""Generation in Ollama's own dialect: `/api/chat` and `/api/generate`.

Source: native specification 3, 4.7, 4.8 and 5.

Rules of this file:

1. An answer is a line for each piece of text and a line with the numbers, or one object that
   says the same.
2. A mere load or unload is one object, whatever `stream` says.

It must not import another dialect.
"""

import zlib
from abc import abstractmethod
from hashlib import shake_256
from typing import Any

import msgspec

from ollama_simulator.golang import gojson
from ollama_simulator.golang.parse import plain
from ollama_simulator.model import Done, Event, Infer, Message, Refusal, Token
from ollama_simulator.wire import decode
from ollama_simulator.wire.codec import Request, Route, Wire
from ollama_simulator.wire.decode import ANYTHING, FLAG, INT, MAP, TEXT, Array, Record
from ollama_simulator.wire.native import (
    EMPTY,
    IMAGES,
    JSON,
    KEEP_ALIVE,
    OBJECT,
    SWITCHES,
    THINK,
    TOOL,
    Native,
    check_top_logprobs,
    checked_name,
    metrics,
    model_required,
)

NDJSON = "application/x-ndjson"

VOCABULARY = 128_000
"""The numbers of tokens in a `context` are below this."""

_COMMON = {
    **SWITCHES,
    "model": TEXT,
    "format": ANYTHING,
    "keep_alive": KEEP_ALIVE,
    "options": MAP,
    "think": THINK,
    "top_logprobs": INT,
}

_TOOL_CALL = Record(
    "api.ToolCall",
    own=True,
    fields={
        "id": TEXT,
        "function": Record(
            "api.ToolCallFunction",
            own=True,
            fields={"index": INT, "name": TEXT, "arguments": OBJECT},
        ),
    },
)

CHAT = Record(
    "api.ChatRequest",
    fields={
        **_COMMON,
        "messages": Array(
            "[]api.Message",
            item=Record(
                "api.Alias",
                own=True,
                fields={
                    **dict.fromkeys("role content thinking tool_name tool_call_id".split(), TEXT),
                    "images": IMAGES,
                    "tool_calls": Array("[]api.ToolCall", item=_TOOL_CALL),
                },
            ),
        ),
        "tools": Array("api.Tools", item=TOOL),
    },
)

GENERATE = Record(
    "api.GenerateRequest",
    fields={
        **_COMMON,
        **dict.fromkeys("prompt suffix system template".split(), TEXT),
        "context": Array("[]int", item=INT),
        "raw": FLAG,
        "images": IMAGES,
    },
)


class Said(msgspec.Struct, frozen=True):
    """The message of a line."""

    role: str
    content: str


class ChatLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a chat, or all of it."""

    model: str
    created_at: str
    message: Said
    done: bool
    done_reason: str = ""
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0


class GenerateLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a completion, or all of it."""

    model: str
    created_at: str
    response: str
    done: bool
    done_reason: str = ""
    context: tuple[int, ...] = ()
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0


class _Generation(Native):
    """What chat and generate share."""

    job: Infer

    def _prepare(self, body: dict[str, Any], job: Infer, wire: Wire) -> None:
        self.job = job
        self.stream = body.get("stream", True) and not job.empty
        self.media = NDJSON if self.stream else JSON
        self._wire = wire

    @abstractmethod
    def _line(self, text: str, done: Done | None) -> bytes:
        """A piece of text; with `done`, the last one, and the numbers."""

    def encode(self, event: Event) -> list[bytes]:
        """A line."""
        match event:
            case Token():
                return [self._line(event.text, None) + b"\n"]
            case Done():
                return [self._line("", event) + b"\n"]
            case _:
                raise AssertionError(f"a generation does not say {event}")

    def collect(self, events: list[Event]) -> bytes:
        """One object with the whole text and the numbers."""
        done = events[-1]
        assert isinstance(done, Done), "a generation that ends says so"
        text = "".join(event.text for event in events if isinstance(event, Token))
        return self._line(text, done)

    def _now(self) -> str:
        return gojson.rfc3339(self._wire.wall_ns())


class Chat(_Generation):
    """`POST /api/chat` (4.8)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, CHAT, EMPTY)
        check_top_logprobs(body.get("top_logprobs", 0))
        model = checked_name(body.get("model", ""), model_required())
        messages = tuple(
            Message(given.get("role", "").lower(), given.get("content", ""))
            for given in body.get("messages", ())
        )
        keep_alive = body.get("keep_alive")
        job = Infer(
            model,
            messages,
            options=plain(body.get("options", {})),
            keep_alive=keep_alive,
            uses_cache=True,
        )
        self._prepare(body, job, wire)

    def _line(self, text: str, done: Done | None) -> bytes:
        said = Said("assistant", text)
        if done is None:
            return gojson.encode(ChatLine(self.job.model, self._now(), said, False))
        numbers = metrics(done.usage)
        line = ChatLine(self.job.model, self._now(), said, True, done.reason, **numbers)
        return gojson.encode(line)


class Generate(_Generation):
    """`POST /api/generate` (4.7)."""

    def __init__(self, request: Request, wire: Wire) -> None:
        body = decode.body(request.body, GENERATE, EMPTY)
        check_top_logprobs(body.get("top_logprobs", 0))
        model = checked_name(body.get("model", ""), Refusal(404, "model '' not found"))
        system, prompt = body.get("system", ""), body.get("prompt", "")
        keep_alive = body.get("keep_alive")
        unload = not prompt and keep_alive == 0
        self._raw = body.get("raw", False)
        if not unload and self._raw and (system or body.get("template") or body.get("context")):
            raise Refusal(400, "raw mode does not support template, system, or context")
        job = Infer(
            model,
            kind="generate",
            prompt=prompt,
            system=system,
            options=plain(body.get("options", {})),
            keep_alive=keep_alive,
        )
        self._prepare(body, job, wire)
        self._pieces: list[str] = []

    def encode(self, event: Event) -> list[bytes]:
        """A line. The pieces are kept, for the context of the last one."""
        if isinstance(event, Token):
            self._pieces.append(event.text)
        return super().encode(event)

    def collect(self, events: list[Event]) -> bytes:
        """One object with the whole text, the context and the numbers."""
        self._pieces = [event.text for event in events if isinstance(event, Token)]
        return super().collect(events)

    def _line(self, text: str, done: Done | None) -> bytes:
        if done is None:
            return gojson.encode(GenerateLine(self.job.model, self._now(), text, False))
        numbers = metrics(done.usage)
        line = GenerateLine(
            self.job.model, self._now(), text, True, done.reason, self._context(done), **numbers
        )
        return gojson.encode(line)

    def _context(self, done: Done) -> tuple[int, ...]:
        """Numbers for the tokens of prompt and answer: as many as there are, made up, and the
        same each time."""
        if done.usage is None or self._raw:
            return ()
        seen = self.job.prompt
        drawn = shake_256(seen.encode()).digest(3 * done.usage.prompt_tokens)
        prompt = (int.from_bytes(drawn[at : at + 3]) % VOCABULARY for at in range(0, len(drawn), 3))
        answer = (zlib.crc32(piece.encode()) % VOCABULARY for piece in self._pieces)
        return (*prompt, *answer)


ROUTES = (
    Route("POST", "/api/chat", Chat),
    Route("POST", "/api/generate", Generate),
)
