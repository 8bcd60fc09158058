"""Path `parser`: the parser of qwen3.5, which the models with one of their own have here.

Source: native specification 5.2 and the recordings `think/*-qwen3-*`, `tools/*-qwen3-*`.

Rules of this file:

1. The prompt has opened the thinking already; only the closing mark is in the output. A call
   ends it, too.
2. White space before marks belongs to nobody, so it is kept back until something else follows.
   That behind the end of thinking never counts, that behind a call only if it comes with it.
3. In thinking, what may be a mark is kept back before a call is looked for: even a whole mark of
   a call waits for the next token.
4. A call counts whatever its function is called: only the types of its arguments are looked up.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterable
from enum import Enum, auto

from ollama_simulator.engine.answer.parsers import markup
from ollama_simulator.engine.answer.parsers.parsed import NOTHING, SPACE, Parsed, overlap
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
    """Behind the end of thinking, before the first word."""
    TEXT = auto()
    CALL = auto()


class Qwen:
    """Splits thinking, text and calls."""

    def __init__(self, tools: Iterable[Tool], *, thinks: bool, sorts: bool = False) -> None:
        """`sorts`: whether the keys of arguments are sorted (0.13.5)."""
        self._types: dict[str, markup.Types] = {}
        for tool in tools:
            self._types.setdefault(tool.name, markup.types(tool))
        self._sorts = sorts
        self._at = _At.START if thinks else _At.TEXT
        self._kept = ""
        self._count = 0

    def add(self, text: str) -> Parsed:
        """Read on. Raises `Unparsable`."""
        self._kept += text
        said: list[str] = []
        calls: list[ToolCall] = []
        if self._at is _At.START:
            self._start()
        if self._at is _At.OPENED:
            self._skip(_At.THINKING)
        thinking = self._thought() if self._at is _At.THINKING else ""
        if self._at is _At.CLOSED:
            self._skip(_At.TEXT)
        while self._at in (_At.TEXT, _At.CALL):
            before = self._at
            if before is _At.TEXT:
                said.append(self._until(CALL, _At.CALL))
            elif CALL_END in self._kept:
                call, _, rest = self._kept.partition(CALL_END)
                self._kept, self._at = rest.lstrip(SPACE), _At.TEXT
                calls.append(self._called(call))
            if self._at is before:
                break
        return Parsed("".join(said), thinking, tuple(calls))

    def end(self) -> Parsed:
        """What was kept back is white space, or the beginning of a mark: it is lost."""
        return NOTHING

    def _start(self) -> None:
        """See whether an opening mark is repeated at the beginning, as soon as that is clear."""
        begun = self._kept.lstrip(SPACE)
        if begun.startswith(OPENING):
            self._kept = begun.removeprefix(OPENING)
            self._at = _At.OPENED
        elif not OPENING.startswith(begun):
            self._at = _At.THINKING

    def _skip(self, then: _At) -> None:
        """Drop white space up to the first other character."""
        self._kept = self._kept.lstrip(SPACE)
        self._at = then if self._kept else self._at

    def _thought(self) -> str:
        """What is thought before the end of thinking, or before what may be that end."""
        if CLOSING in self._kept:
            return self._until(CLOSING, _At.CLOSED)
        if self._kept.endswith(CALL):
            return self._sure(len(CALL))
        unsure = max(overlap(self._kept, CLOSING), overlap(self._kept, CALL))
        thought, call, rest = self._kept.partition(CALL)
        if unsure or not call:
            return self._sure(unsure)
        self._kept, self._at = call + rest.lstrip(SPACE), _At.TEXT
        return thought.rstrip(SPACE)

    def _until(self, mark: str, then: _At) -> str:
        """What stands before a mark, or before what may be the beginning of one."""
        text, found, rest = self._kept.partition(mark)
        if found:
            self._kept, self._at = rest, then
            return text.rstrip(SPACE)
        return self._sure(overlap(text, mark))

    def _sure(self, unsure: int) -> str:
        """What was kept, but for so many characters at its end and the white space before them."""
        text = self._kept
        sure = text[: len(text) - unsure].rstrip(SPACE)
        self._kept = text[len(sure) :]
        return sure

    def _called(self, text: str) -> ToolCall:
        name, arguments = markup.call(text, self._types, sorts=self._sorts)
        self._count += 1
        return ToolCall(name, arguments, index=self._count - 1)
