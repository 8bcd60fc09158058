"""The objects that `/api/chat` and `/api/generate` answer with, in the order of their keys.

Source: native specification 4.7, 4.8, 5.2 and 5.8.

Rules of this file:

1. A struct is one of Ollama's: its fields in order; one with a default is left out when it has
   that value.
2. What most lines don't have costs them nothing.

It must not import another dialect.
"""

import functools
from collections.abc import Iterable, Sequence

import msgspec

from ollama_simulator.flow import Frame
from ollama_simulator.golang import gojson
from ollama_simulator.model import Logprob, Rendered, ToolCall

KEPT = 4096
"""Texts that are kept as JSON, at most."""
NEVER = "0001-01-01T00:00:00Z"
"""The time of what was never said."""


class Function(msgspec.Struct, frozen=True):
    """What is called."""

    index: int
    name: str
    arguments: msgspec.Raw


class Call(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A call of a tool. It has no type."""

    id: str = ""
    function: Function


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """The message of a line."""

    role: str
    content: str
    thinking: str = ""
    tool_calls: tuple[Call, ...] = ()


class Likelihood(msgspec.Struct, frozen=True, omit_defaults=True):
    """How likely a token was, and others in its place."""

    token: str
    logprob: msgspec.Raw
    bytes: tuple[int, ...] = ()
    top_logprobs: tuple["Likelihood", ...] = ()


class DebugInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """The prompt that the model would have got."""

    rendered_template: str
    image_count: int = 0


class ChatLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a chat, or all of it."""

    model: str
    created_at: str
    message: Said
    done: bool
    done_reason: str = ""
    debug_info: DebugInfo | None = msgspec.field(default=None, name="_debug_info")
    logprobs: tuple[Likelihood, ...] = ()
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0


class GenerateLine(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One line of a completion, or all of it."""

    model: str
    created_at: str
    response: str
    thinking: str = ""
    done: bool
    done_reason: str = ""
    context: tuple[int, ...] = ()
    total_duration: int = 0
    load_duration: int = 0
    prompt_eval_count: int = 0
    prompt_eval_duration: int = 0
    eval_count: int = 0
    eval_duration: int = 0
    tool_calls: tuple[Call, ...] = ()
    debug_info: DebugInfo | None = msgspec.field(default=None, name="_debug_info")
    logprobs: tuple[Likelihood, ...] = ()


class TextLine:
    """A line of mere text, which most lines are: only the time and the text are made anew."""

    __slots__ = ("_before", "_begin", "_behind")

    def __init__(self, model: str, before: str, behind: str) -> None:
        """What stands before and behind the text, as JSON."""
        self._begin = f'{{"model":{_quoted(model)},"created_at":"'.encode()
        self._before = f'",{before}'.encode()
        self._behind = behind

    def line(self, text: str, ns: int) -> bytes:
        """The line of a text at a time of day."""
        return self._at(ns) + _ends(self._behind, b"")[text]

    def lines(self, texts: Sequence[str], times: Sequence[int], frame: Frame) -> list[bytes]:
        """The lines of texts in their frames, each at its time of day; these are in order."""
        before, behind = frame
        ends = list(map(_ends(self._behind, behind).__getitem__, texts))
        if times and times[0] == times[-1]:
            begin = self._at(times[0])
            more = len(begin) - len(behind)
            begins = {size: before[size + more] + begin for size in set(map(len, ends))}
            return [begins[len(end)] + end for end in ends]
        start, middle, join = self._begin, self._before, b"".join
        more = len(start) + len(middle) - len(behind)
        return [
            join((before[len(time) + len(end) + more], start, time, middle, end))
            for time, end in zip(gojson.instants(times), ends, strict=True)
        ]

    def _at(self, ns: int) -> bytes:
        """How a line begins at a time of day."""
        return b"%b%b%b" % (self._begin, gojson.rfc3339(ns).encode(), self._before)


class _Ends(dict[str, bytes]):
    """Texts as JSON, each with what stands behind it. Most are words that were said before."""

    def __init__(self, behind: bytes) -> None:
        super().__init__()
        self._behind = behind

    def __missing__(self, text: str) -> bytes:
        if len(self) >= KEPT:
            self.clear()
        end = self[text] = gojson.encode(text) + self._behind
        return end


@functools.cache
def _ends(behind: str, frame: bytes) -> _Ends:
    """Those of all lines of a kind in a frame."""
    return _Ends(f"{behind}\n".encode() + frame)


def _quoted(text: str) -> str:
    return gojson.encode(text).decode()


def calls(made: Iterable[ToolCall]) -> tuple[Call, ...]:
    """Calls of tools as they are printed."""
    return tuple(
        Call(
            id=call.id,
            function=Function(call.index, call.name, msgspec.Raw(call.arguments.encode())),
        )
        for call in made
    )


def likelihoods(given: Iterable[Logprob]) -> tuple[Likelihood, ...]:
    """Log probabilities as they are printed."""
    return tuple(
        Likelihood(
            entry.token,
            msgspec.Raw(gojson.float64(entry.logprob).encode()),
            tuple(entry.token.encode("utf-8", "replace")),
            likelihoods(entry.top),
        )
        for entry in given
    )


def debug_info(rendered: Rendered) -> DebugInfo:
    """A rendered prompt as it is printed."""
    return DebugInfo(rendered.template, rendered.images)
