"""Path `parser`: the parser of qwen3.5, which the models with one of their own have here.

Source: native specification 5.2 and the recordings `think/*-qwen3-*`, `tools/*-qwen3-*`.

Rules of this file:

1. The prompt has opened the thinking already; only the closing mark is in the output.
2. White space around marks belongs to nobody, so it is kept back until something else follows.
3. A call counts whatever its function is called: only the types of its arguments are looked up.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterable
from enum import Enum, auto

from ollama_simulator.engine.parsers import markup
from ollama_simulator.engine.parsers.parsed import NOTHING, Parsed, overlap
from ollama_simulator.model import Tool, ToolCall

OPENING = "<think>"
CLOSING = "</think>"
CALL = "<tool_call>"
CALL_END = "</tool_call>"


class _At(Enum):
    START = auto()
    OPENED = auto()
    """Behind a repeated opening mark, before the first thought."""
    THINKING = auto()
    CLOSED = auto()
    """Behind the end of thinking or of a call, before the first word."""
    TEXT = auto()
    CALL = auto()


class Qwen:
    """Splits thinking, text and calls."""

    def __init__(self, tools: Iterable[Tool], *, thinks: bool, sorts: bool = False) -> None:
        """`sorts`: whether the keys of arguments are sorted (0.13.5)."""
        self._types = {tool.name: markup.types(tool) for tool in tools}
        self._sorts = sorts
        self._at = _At.START if thinks else _At.TEXT
        self._kept = ""
        self._count = 0

    def add(self, text: str) -> Parsed:
        """Read on. Raises `Unparsable`."""
        self._kept += text
        said: list[str] = []
        thinking = ""
        calls: list[ToolCall] = []
        if self._at is _At.START:
            self._start()
        if self._at is _At.OPENED:
            self._kept = self._kept.lstrip()
            self._at = _At.THINKING if self._kept else _At.OPENED
        if self._at is _At.THINKING:
            thinking = self._until(CLOSING, _At.CLOSED)
        while self._at in (_At.CLOSED, _At.TEXT, _At.CALL):
            before = self._at
            if before is _At.CLOSED:
                self._kept = self._kept.lstrip()
                self._at = _At.TEXT if self._kept else before
            elif before is _At.TEXT:
                said.append(self._until(CALL, _At.CALL))
            elif CALL_END in self._kept:
                call, _, self._kept = self._kept.partition(CALL_END)
                self._at = _At.CLOSED
                calls.append(self._called(call))
            if self._at is before:
                break
        return Parsed("".join(said), thinking, tuple(calls))

    def end(self) -> Parsed:
        """What was kept back is white space, or the beginning of a mark: it is lost."""
        return NOTHING

    def _start(self) -> None:
        """See whether an opening mark is repeated at the beginning, as soon as that is clear."""
        begun = self._kept.lstrip()
        if begun.startswith(OPENING):
            self._kept = begun.removeprefix(OPENING)
            self._at = _At.OPENED
        elif not OPENING.startswith(begun):
            self._at = _At.THINKING

    def _until(self, mark: str, then: _At) -> str:
        """What stands before a mark, or before what may be the beginning of one."""
        text, found, rest = self._kept.partition(mark)
        if found:
            self._kept, self._at = rest, then
            return text.rstrip()
        sure = text[: len(text) - overlap(text, mark)].rstrip()
        self._kept = text[len(sure) :]
        return sure

    def _called(self, text: str) -> ToolCall:
        name, arguments = markup.call(text, self._types, sorts=self._sorts)
        self._count += 1
        return ToolCall(name, arguments, index=self._count - 1)
