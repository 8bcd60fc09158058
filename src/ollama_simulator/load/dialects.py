"""The dialects in which a workload can be asked: requests, and what lines of answers say.

Source: native specification 2 and 3; OpenAI's streams as in `wire`.

Rules of this file:

1. Every request asks for a stream: only a stream has a first token and gaps.
2. Of an answer no more is understood than is measured.

It must not import anything of this package.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec


class Said(NamedTuple):
    """A message of a conversation."""

    role: str
    content: str


class Question(msgspec.Struct, frozen=True):
    """One request, whatever the dialect."""

    model: str
    messages: tuple[Said, ...]
    answered: int
    """Tokens that the answer may have."""
    num_ctx: int | None = None


class Line(msgspec.Struct, frozen=True):
    """What a line of an answer says."""

    text: str = ""
    """What goes into the conversation."""
    speaks: bool = False
    """Whether it is a piece of the answer: text, thinking or a call of a tool."""
    done: bool = False
    """Whether it ends the answer."""
    error: str | None = None
    asked: int | None = None
    """Tokens of the prompt."""
    answered: int | None = None
    """Tokens of the answer."""


class Dialect(Protocol):
    """A way to ask."""

    path: str

    def body(self, question: Question) -> bytes:
        """The body of the request."""

    def read(self, line: bytes) -> Line | None:
        """A line without its end; None if it says nothing. Raises `msgspec.MsgspecError` for
        one that is no line of this dialect."""


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None
    thinking: str | None = None
    tool_calls: Sequence[Any] | None = None
    reasoning: str | None = None


class _Native(msgspec.Struct, frozen=True):
    message: _Message = _Message()
    response: str = ""
    thinking: str = ""
    done: bool = False
    error: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Message = _Message()


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(msgspec.Struct, frozen=True):
    choices: Sequence[_Choice] = ()
    usage: _Usage | None = None
    error: Any = None


_native = msgspec.json.Decoder(_Native)
_chunk = msgspec.json.Decoder(_Chunk)


def _read_native(line: bytes) -> Line | None:
    if not line.strip():
        return None
    found = _native.decode(line)
    text = (found.message.content or "") + found.response
    speaks = bool(text or found.thinking or found.message.thinking or found.message.tool_calls)
    return Line(text, speaks, found.done, found.error, found.prompt_eval_count, found.eval_count)


def _options(question: Question) -> dict[str, int]:
    options = {"num_predict": question.answered}
    if question.num_ctx is not None:
        options["num_ctx"] = question.num_ctx
    return options


class NativeChat:
    """`/api/chat`."""

    path = "/api/chat"

    def body(self, question: Question) -> bytes:
        messages = [message._asdict() for message in question.messages]
        return msgspec.json.encode(
            {"model": question.model, "messages": messages, "options": _options(question)}
        )

    def read(self, line: bytes) -> Line | None:
        return _read_native(line)


class NativeGenerate:
    """`/api/generate`: the conversation is one prompt, a paragraph for each message."""

    path = "/api/generate"

    def body(self, question: Question) -> bytes:
        prompt = "\n\n".join(message.content for message in question.messages)
        return msgspec.json.encode(
            {"model": question.model, "prompt": prompt, "options": _options(question)}
        )

    def read(self, line: bytes) -> Line | None:
        return _read_native(line)


class OpenAiChat:
    """`/v1/chat/completions`. It knows no `num_ctx`."""

    path = "/v1/chat/completions"

    def body(self, question: Question) -> bytes:
        return msgspec.json.encode(
            {
                "model": question.model,
                "messages": [message._asdict() for message in question.messages],
                "max_tokens": question.answered,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
        )

    def read(self, line: bytes) -> Line | None:
        field, _, value = line.strip().partition(b":")
        value = value.strip()
        if field != b"data":
            # Blank lines end events; comments keep connections alive. An error that a server
            # writes as a bare line of JSON is one all the same.
            return _bare(line)
        if value == b"[DONE]":
            return Line(done=True)
        chunk = _chunk.decode(value)
        usage = chunk.usage or _Usage()
        error = None if chunk.error is None else _words(chunk.error)
        delta = chunk.choices[0].delta if chunk.choices else _Message()
        speaks = bool(delta.content or delta.reasoning or delta.thinking or delta.tool_calls)
        return Line(
            delta.content or "", speaks, False, error, usage.prompt_tokens, usage.completion_tokens
        )


def _bare(line: bytes) -> Line | None:
    if not line.startswith(b"{"):
        return None
    error = _chunk.decode(line).error
    return None if error is None else Line(error=_words(error))


def _words(error: Any) -> str:
    match error:
        case str(message) | {"message": str(message)}:
            return message
    return msgspec.json.encode(error).decode()


DIALECTS: dict[str, Dialect] = {
    "chat": NativeChat(),
    "generate": NativeGenerate(),
    "openai": OpenAiChat(),
}
"""By the names that options have for them."""
