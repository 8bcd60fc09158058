"""Path `harmony`: the channels of the gpt-oss family.

Source: native specification 5.2 and the recordings `think/*-gptoss-*`, `tools/gptoss-*`.

Rules of this file:

1. The prompt has begun the first message already: its header is what the output begins with.
   Where an answer is to be continued, that is the prompt's, too.
2. What a message to a tool says is gathered, of several messages in one, and read at the end.

It must not import anything but layer 0 and its own package.
"""

import re
import string
from collections.abc import Iterable
from enum import Enum, auto

from ollama_simulator.engine.answer.parsers.parsed import NOTHING, Parsed, Unparsable, overlap
from ollama_simulator.golang.printed import printed
from ollama_simulator.golang.unmarshal import NotJson, arguments
from ollama_simulator.model import Message, Tool, ToolCall

START = "<|start|>"
MESSAGE = "<|message|>"
END = "<|end|>"
CHANNEL = "<|channel|>"
CONSTRAIN = "<|constrain|>"
FUNCTIONS = "functions."
ROLE = "assistant"
"""What the header of the first message begins with, in the prompt."""

_CHANNEL = re.compile(re.escape(CHANNEL) + r"(\S*)")
BUILT_IN = ("browser.open", "browser.search", "browser.find", "python")
"""Functions that the model knows by names that no other function may have."""


class _At(Enum):
    OUTSIDE = auto()
    """Between two messages."""
    HEADER = auto()
    TEXT = auto()
    THINKING = auto()
    CALL = auto()


class Harmony:
    """Splits thinking, text and the call."""

    def __init__(
        self, tools: Iterable[Tool], last: Message | None = None, *, sorts: bool = False
    ) -> None:
        """`last` is the end of the conversation, which the output continues if it is an answer.

        `sorts`: whether the keys of arguments are sorted (0.13.5).
        """
        self._names = _spoken(tools)
        self._sorts = sorts
        self._at = _At.HEADER
        self._kept = ROLE
        if last is not None and last.role == ROLE and (last.content or last.thinking):
            self._at = _At.TEXT if last.content else _At.THINKING
            self._kept = ""
        self._function = ""
        self._arguments: list[str] = []

    def add(self, text: str) -> Parsed:
        """Read on."""
        self._kept += text
        said: dict[_At, list[str]] = {_At.TEXT: [], _At.THINKING: [], _At.CALL: self._arguments}
        while True:
            before = self._at
            if before is _At.OUTSIDE:
                if START in self._kept:
                    self._kept = self._kept.partition(START)[2]
                    self._at = _At.HEADER
            elif before is _At.HEADER:
                if MESSAGE in self._kept:
                    header, _, self._kept = self._kept.partition(MESSAGE)
                    self._at = self._addressed(header)
                    continue
            else:
                said[before].append(self._message())
            if self._at is before:
                return Parsed("".join(said[_At.TEXT]), "".join(said[_At.THINKING]))

    def end(self) -> Parsed:
        """The call, if there is one. Raises `Unparsable`."""
        if not self._function:
            return NOTHING
        raw = "".join(self._arguments)
        try:
            value = arguments(raw)
        except NotJson as wrong:
            raise Unparsable(f"error parsing tool call: raw='{raw}', err={wrong}") from None
        name = self._function.removeprefix(FUNCTIONS)
        made = printed(value, keep_order=not self._sorts)
        return Parsed(calls=(ToolCall(self._names.get(name, name), made),))

    def _addressed(self, header: str) -> _At:
        """Whom a message is for."""
        header = header.replace(CONSTRAIN, f" {CONSTRAIN}")
        found = _CHANNEL.search(header)
        channel = found[1] if found else ""
        words = _CHANNEL.sub("", header, count=1).split()
        named = (word[3:] for word in words[:2] if word.startswith("to="))
        tool = next(filter(None, named), "")
        if tool and channel in ("analysis", "commentary"):
            self._function = tool
            return _At.CALL
        return _At.THINKING if channel == "analysis" else _At.TEXT

    def _message(self) -> str:
        """What is said of a message, up to its end."""
        text, end, rest = self._kept.partition(END)
        if end:
            self._kept, self._at = rest, _At.OUTSIDE
            return text
        cut = len(text) - overlap(text, END)
        self._kept = text[cut:]
        return text[:cut]


def speakable(name: str) -> str:
    """The name by which the model knows a function."""
    if name in BUILT_IN:
        return name
    name = "".join(map(_allowed, name)) or "unnamed"
    return f"_{name}" if name[0] in string.digits else name


def _allowed(char: str) -> str:
    if char in " -.":
        return "_"
    return char if char.isalpha() or char.isdecimal() or char in "_$" else ""


def _spoken(tools: Iterable[Tool]) -> dict[str, str]:
    """The tools' names by those that the model knows them by."""
    names: dict[str, str] = {}
    for tool in filter(lambda tool: tool.name, tools):
        name = alone = speakable(tool.name)
        count = 2
        while name in names and name not in BUILT_IN:
            name, count = f"{alone}_{count}", count + 1
        names[name] = tool.name
    return names
