"""Path `template`: calls of tools, found by the mark before them and by the names of the tools.

Source: native specification 5.2 and the recordings `tools/gotmpl-*`.

Rules of this file:

1. What follows the mark is never text: a call of an unknown function, or one whose arguments
   don't parse, is swallowed.
2. Where the mark is only the brace or bracket of a JSON value, an answer that begins with
   something else has no calls, and what turns out to be no call is text after all.

It must not import anything but layer 0 and its own package.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, auto
from typing import Any

from ollama_simulator.engine.answer.parsers.parsed import NOTHING, SPACE, Parsed, overlap
from ollama_simulator.golang.printed import printed
from ollama_simulator.golang.unmarshal import NotJson, unmarshal
from ollama_simulator.model import Tool, ToolCall

BARE = {"{": "}", "[": "]"}
"""Marks that are part of the JSON, with their ends."""


class _NoArguments(Exception):
    """An object names its function and nothing else: that is no call."""


class _At(Enum):
    TEXT = auto()
    CALLS = auto()
    DONE = auto()


class Calls:
    """Finds calls in an answer."""

    def __init__(self, mark: str, tools: Iterable[Tool], *, sorts: bool = False) -> None:
        """`sorts`: whether the keys of arguments are sorted (0.13.5)."""
        self._mark = mark
        self._names = [tool.name for tool in tools]
        self._sorts = sorts
        self._at = _At.TEXT
        self._kept = ""
        self._count = 0

    def add(self, text: str) -> Parsed:
        """Read on."""
        if self._at is _At.DONE:
            return Parsed(text)
        self._kept += text
        before = ""
        if self._at is _At.TEXT:
            before, marked = self._before()
            if not marked:
                return Parsed(before)
        calls = tuple(self._calls())
        if self._closed():
            self._at = _At.DONE
            before, self._kept = self._kept, ""
        return Parsed(before, "", calls)

    def end(self) -> Parsed:
        """What turned out to be no call."""
        return Parsed(self._kept) if self._mark in BARE and not self._count else NOTHING

    def _before(self) -> tuple[str, bool]:
        """The text before the mark, as far as it can be told, and whether calls begin now."""
        text, mark, _ = self._kept.partition(self._mark)
        cut = len(text) if mark else len(text) - overlap(text, self._mark)
        text, self._kept = self._kept[:cut], self._kept[cut:]
        if self._mark in BARE and text.strip(SPACE):
            self._at = _At.DONE
            text, self._kept = text + self._kept, ""
            return text, False
        if mark:
            self._at = _At.CALLS
        return text, bool(mark)

    def _calls(self) -> Iterable[ToolCall]:
        while (name := self._name()) is not None:
            try:
                found = _arguments(name, self._kept)
            except _NoArguments:
                return
            if found is None:
                return
            arguments, end = found
            self._kept = self._kept[max(end, self._kept.index(name) + len(name)) :]
            yield ToolCall(name, printed(arguments, keep_order=not self._sorts), index=self._count)
            self._count += 1

    def _name(self) -> str | None:
        """The tool that is named first; None while the end may be the beginning of a name."""
        if not self._kept or any(overlap(self._kept, name) for name in self._names):
            return None
        named = [name for name in self._names if name in self._kept]
        return min(named, key=lambda name: (self._kept.index(name), -len(name)), default=None)

    def _closed(self) -> bool:
        """Whether a bare JSON value is at its end."""
        closing = BARE.get(self._mark)
        if closing is None:
            return False
        depth = 0
        for _, char in _unquoted(self._kept):
            depth += (char == self._mark) - (char == closing)
            if char == closing and depth == 0:
                return True
        return False


def _arguments(name: str, text: str) -> tuple[dict[str, Any], int] | None:
    """The arguments in the first object of a text that is JSON, and where it ends."""
    start, depth = -1, 0
    for i, char in _unquoted(text):
        if char == "{":
            start = i if depth == 0 else start
            depth += 1
        elif char == "}":
            depth = max(0, depth - 1)
            if depth == 0 and start >= 0:
                try:
                    value = unmarshal(text[start : i + 1])
                except NotJson:
                    start = -1
                    continue
                found = _inside(name, value)
                return (value if found is None else found), i
    return None


def _unquoted(text: str) -> Iterator[tuple[int, str]]:
    """The characters of a text that are not within quotes, each with its place."""
    quoted = escaped = False
    for i, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == '"':
            quoted = not quoted
        elif not quoted:
            yield i, char


def _inside(name: str, value: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments within an object that names its function; None where none does.

    Raises `_NoArguments`.
    """
    if "name" in value:
        for key in ("arguments", "parameters"):
            if (found := _object(value.get(key))) is not None:
                return found
        raise _NoArguments
    if (found := _object(value.get(name))) is not None:
        return found
    for child in value.values():
        for item in child if isinstance(child, list) else (child,):
            if isinstance(item, dict) and (found := _inside(name, item)) is not None:
                return found
    return None


def _object(value: Any) -> dict[str, Any] | None:
    """An object, also one that is written as a string."""
    if isinstance(value, str):
        try:
            value = unmarshal(value)
        except NotJson:
            return None
    return value if isinstance(value, dict) else None
