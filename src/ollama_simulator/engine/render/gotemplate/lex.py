"""The words of a template.

Source: the documentation of Go's text/template, and what the package says of mistakes.

Rules of this file:

1. All words are found at once; the first mistake is the last word, and the parser reports it if it
   gets that far, as Go does.
2. Text around an action is trimmed here, so nobody else knows of trim markers.
3. Complex numbers are mistakes, unlike with Go: no prompt has use for them.

It must not import anything but layer 0.
"""

import re
from collections.abc import Callable
from enum import Enum, auto

import msgspec

from ollama_simulator.golang.gojson import quote

_SPACE = " \t\r\n"
_SPACES = re.compile(r"[ \t\r\n]+")
_CLOSER = re.compile(r"\}\}|[ \t\r\n]-\}\}")
_QUOTED = re.compile(r'"(?:\\[^\n]|[^\\"\n])*"')
_CHARACTER = re.compile(r"'(?:\\[^\n]|[^\\'\n])*'")
_RAW = re.compile(r"`[^`]*`")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*|0[bB][01_]*"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)


class Kind(Enum):
    """What sort of word it is."""

    TEXT = auto()
    LEFT = auto()
    RIGHT = auto()
    SPACE = auto()
    ASSIGN = auto()
    DECLARE = auto()
    PIPE = auto()
    OPEN = auto()
    CLOSE = auto()
    CHAR = auto()
    STRING = auto()
    RAW_STRING = auto()
    CHARACTER = auto()
    NUMBER = auto()
    BOOL = auto()
    IDENTIFIER = auto()
    FIELD = auto()
    VARIABLE = auto()
    EOF = auto()
    ERROR = auto()
    DOT = auto()
    KEYWORD = auto()


KEYWORDS = frozenset("block break continue define else end if nil range template with".split())
_SINGLE = {"=": Kind.ASSIGN, "|": Kind.PIPE, "(": Kind.OPEN, ")": Kind.CLOSE}
_STRINGS = {
    '"': (_QUOTED, Kind.STRING, "unterminated quoted string"),
    "`": (_RAW, Kind.RAW_STRING, "unterminated raw quoted string"),
    "'": (_CHARACTER, Kind.CHARACTER, "unterminated character constant"),
}


class Word(msgspec.Struct, frozen=True):
    """A word of a template, and where it begins."""

    kind: Kind
    text: str
    at: int
    line: int

    def __str__(self) -> str:
        """The word as it is shown in a complaint."""
        match self.kind:
            case Kind.EOF | Kind.ERROR:
                return self.text
            case Kind.DOT | Kind.KEYWORD:
                return f"<{self.text}>"
        if len(self.text.encode("utf-8", "replace")) > 10:
            return quote(self.text[:10]) + "..."
        return quote(self.text)


class _Wrong(Exception):
    """The rest is no template: what is wrong, and where the word began."""


def words(text: str) -> list[Word]:
    """All words of a template; the last is of the kind EOF or ERROR."""
    return _Lexer(text).run()


def is_alphanumeric(char: str) -> bool:
    """Whether a character may stand in a name."""
    return char == "_" or char.isalpha() or char.isdecimal()


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0
        self._words: list[Word] = []
        self._depth = 0

    def run(self) -> list[Word]:
        try:
            while self._at < len(self._text):
                self._plain()
            self._add(Kind.EOF, "EOF", self._at)
        except _Wrong as wrong:
            message, start = wrong.args
            self._add(Kind.ERROR, message, start)
        return self._words

    def _add(self, kind: Kind, text: str, start: int) -> None:
        self._line += self._text.count("\n", self._counted, start)
        self._counted = max(self._counted, start)
        self._words.append(Word(kind, text, start, self._line))

    def _plain(self) -> None:
        """Text up to the next action, and that action."""
        start = self._at
        left = self._text.find("{{", start)
        end = len(self._text) if left < 0 else left
        trimmed = left >= 0 and self._trims(left + 2)
        plain = self._text[start:end]
        if trimmed:
            plain = plain.rstrip(_SPACE)
        if plain:
            self._add(Kind.TEXT, plain, start)
        self._at = end
        if left < 0:
            return
        self._at += 4 if trimmed and self._text.startswith("/*", left + 4) else 2
        if self._text.startswith("/*", self._at):
            self._comment()
            return
        self._add(Kind.LEFT, "{{", left)
        if trimmed:
            self._at += 2
        self._depth = 0
        self._action()

    def _trims(self, at: int) -> bool:
        marked = self._text[at : at + 2]
        return len(marked) == 2 and marked[0] == "-" and marked[1] in _SPACE

    def _comment(self) -> None:
        end = self._text.find("*/", self._at + 2)
        if end < 0:
            raise _Wrong("unclosed comment", self._at)
        closer = _CLOSER.match(self._text, end + 2)
        if closer is None:
            raise _Wrong("comment ends before closing delimiter", self._at)
        self._close(closer.group(), closer.end())

    def _close(self, closer: str, end: int) -> None:
        self._at = end
        if "-" in closer and (blank := _SPACES.match(self._text, end)):
            self._at = blank.end()

    def _action(self) -> None:
        """The words up to the end of an action, that included."""
        while True:
            if closer := _CLOSER.match(self._text, self._at):
                if self._depth:
                    raise _Wrong("unclosed left paren", self._at)
                start = closer.end() - 2
                self._close(closer.group(), closer.end())
                self._add(Kind.RIGHT, "}}", start)
                return
            self._word()

    def _word(self) -> None:
        text, start = self._text, self._at
        if start == len(text):
            raise _Wrong("unclosed action", start)
        char = text[start]
        if blank := _SPACES.match(text, start):
            end = blank.end()
            # The last one belongs to a closing delimiter with a trim marker.
            self._take(Kind.SPACE, end - 1 if text.startswith("-}}", end) else end)
        elif char in _SINGLE:
            self._depth += {"(": 1, ")": -1}.get(char, 0)
            if self._depth < 0:
                raise _Wrong("unexpected right paren", start)
            self._take(_SINGLE[char], start + 1)
        elif char == ":":
            if text[start + 1 : start + 2] != "=":
                raise _Wrong("expected :=", start)
            self._take(Kind.DECLARE, start + 2)
        elif char in _STRINGS:
            pattern, kind, wrong = _STRINGS[char]
            found = pattern.match(text, start)
            if found is None:
                raise _Wrong(wrong, start)
            self._take(kind, found.end())
        elif char == "$" or (char == "." and not text[start + 1 : start + 2].isdecimal()):
            self._name(start + 1, self._dotted if char == "." else lambda _: Kind.VARIABLE)
        elif char in "+-." or "0" <= char <= "9":
            self._number()
        elif is_alphanumeric(char):
            self._name(start, _named)
        elif char.isascii() and char.isprintable():
            self._take(Kind.CHAR, start + 1)
        else:
            raise _Wrong(f"unrecognized character in action: {_code(char)}", start)

    def _take(self, kind: Kind, end: int) -> None:
        self._add(kind, self._text[self._at : end], self._at)
        self._at = end

    def _name(self, end: int, kind: Callable[[str], Kind]) -> None:
        text = self._text
        while end < len(text) and is_alphanumeric(text[end]):
            end += 1
        ends = end == len(text) or text[end] in _SPACE + ".,|:)(" or text.startswith("}}", end)
        if not ends:
            raise _Wrong(f"bad character {_code(text[end])}", self._at)
        self._take(kind(text[self._at : end]), end)

    @staticmethod
    def _dotted(word: str) -> Kind:
        return Kind.DOT if word == "." else Kind.FIELD

    def _number(self) -> None:
        end = self._digits(self._at)
        if self._text[end : end + 1] in ("+", "-"):
            # A complex number would be written so; there are none here.
            raise self._bad_number(self._digits(end))
        self._take(Kind.NUMBER, end)

    def _digits(self, start: int) -> int:
        """The end of the number that begins there."""
        found = _NUMBER.match(self._text, start)
        assert found is not None, "the pattern matches nothing, too"
        end = found.end()
        if end < len(self._text) and is_alphanumeric(self._text[end]):
            raise self._bad_number(end + 1)
        return end

    def _bad_number(self, end: int) -> _Wrong:
        return _Wrong(f"bad number syntax: {quote(self._text[self._at : end])}", self._at)


def _named(word: str) -> Kind:
    if word in KEYWORDS:
        return Kind.KEYWORD
    return Kind.BOOL if word in ("true", "false") else Kind.IDENTIFIER


def _code(char: str) -> str:
    shown = f" '{char}'" if char.isprintable() else ""
    return f"U+{ord(char):04X}{shown}"
