"""Strings that match a regular expression.

Source: JSON Schema 2020-12, `pattern`; the grammar of ECMA-262's regular expressions.

Rules of this file:

1. What can't be said backwards (look-around, back references, properties of characters) makes no
   string: `matching` then gives None.
2. Repetitions without an end are repeated a few times only.
3. A pattern that may ask for more than `LONGEST` characters makes no string either.

It must not import anything but its own package.
"""

import functools
import string
from collections.abc import Callable, Sequence

import msgspec

from ollama_simulator.engine.conforming.draw import Draw, between, one

MORE = 3
"""How many more than the least an open repetition may have."""
LONGEST = 20_000
"""Characters of a string that a pattern may be able to ask for."""
LONGEST_PATTERN = 10_000
"""Characters of a pattern."""

_DIGITS = string.digits
_WORD = string.ascii_letters + string.digits + "_"
_SPACE = " \t"
_ALL = [chr(code) for code in range(32, 127)]
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}


class _Unknown(Exception):
    """A construct that isn't understood."""


class _Maker(msgspec.Struct, frozen=True):
    """What makes strings of a part of a pattern."""

    make: Callable[[Draw], str]
    size: int
    """Characters that it may have to make, and at least 1."""


def matching(pattern: str, draw: Draw) -> str | None:
    """A string that a pattern matches; None if the pattern isn't understood."""
    maker = _read(pattern)
    try:
        return None if maker is None else maker.make(draw)
    except RecursionError:
        return None


@functools.lru_cache(maxsize=64)
def _read(pattern: str) -> _Maker | None:
    """What makes strings of a pattern; None if it isn't understood."""
    if len(pattern) > LONGEST_PATTERN:
        return None
    reader = _Reader(pattern)
    try:
        maker = reader.either()
        reader.end()
    except (_Unknown, RecursionError, ValueError, OverflowError):
        return None
    return maker


def _literal(text: str) -> _Maker:
    return _Maker(lambda _: text, 1)


def _any(chars: Sequence[str]) -> _Maker:
    return _Maker(lambda draw: one(chars, draw), 1)


class _Reader:
    """Reads a pattern into makers of strings."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def end(self) -> None:
        """There must be nothing left."""
        if self._at < len(self._text):
            raise _Unknown

    def either(self) -> _Maker:
        """Alternatives."""
        makers = [self._sequence()]
        while self._eat("|"):
            makers.append(self._sequence())
        size = max(maker.size for maker in makers)
        return _Maker(lambda draw: one(makers, draw).make(draw), size)

    def _sequence(self) -> _Maker:
        makers: list[_Maker] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            makers.append(self._repeated(self._atom()))
        size = max(1, sum(maker.size for maker in makers))
        return _Maker(lambda draw: "".join(maker.make(draw) for maker in makers), size)

    def _atom(self) -> _Maker:
        char = self._take()
        match char:
            case "^" | "$":
                return _literal("")
            case ".":
                return _any(_WORD)
            case "(":
                return self._group()
            case "[":
                return self._set()
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise _Unknown
        return _literal(char)

    def _group(self) -> _Maker:
        if self._eat("?") and not self._eat(":"):
            self._eat("P")
            if not self._eat("<") or self._peek() in "=!":
                raise _Unknown
            self._at = self._text.index(">", self._at) + 1
        maker = self.either()
        if not self._eat(")"):
            raise _Unknown
        return maker

    def _escape(self) -> _Maker:
        char = self._take()
        if char in "bB":
            return _literal("")
        if char.lower() in _CLASSES:
            return _any(_class(char))
        if char in "123456789kpP":
            raise _Unknown
        return _literal(self._escaped(char))

    def _escaped(self, char: str) -> str:
        """The character that an escape stands for."""
        if digits := {"x": 2, "u": 4}.get(char):
            code = self._text[self._at : self._at + digits]
            self._at += digits
            return chr(int(code, 16))
        return _ESCAPES.get(char, char)

    def _set(self) -> _Maker:
        negated = self._eat("^")
        chars: list[str] = []
        while not self._eat("]"):
            first = self._member()
            if len(first) == 1 and self._peek() == "-" and self._peek(1) != "]":
                self._at += 1
                last = self._member()
                if len(last) != 1 or ord(last) < ord(first):
                    raise _Unknown
                # No more than a few hundred are needed of a range as wide as a script.
                stop = min(ord(last), ord(first) + 500)
                chars.extend(map(chr, range(ord(first), stop + 1)))
            else:
                chars.extend(first)
        if negated:
            chars = [char for char in _ALL if char not in chars]
        if not chars:
            raise _Unknown
        return _any(chars)

    def _member(self) -> str:
        char = self._take()
        if char != "\\":
            return char
        char = self._take()
        if char.lower() in _CLASSES:
            return "".join(_class(char))
        if char in "pP":
            raise _Unknown
        return "\b" if char == "b" else self._escaped(char)

    def _repeated(self, maker: _Maker) -> _Maker:
        least, most = self._times()
        if (least, most) == (1, 1):
            return maker
        self._eat("?")  # Lazy or not: the same strings match.
        size = max(1, most) * maker.size
        if size > LONGEST:
            raise _Unknown
        return _Maker(
            lambda draw: "".join(maker.make(draw) for _ in range(between(least, most, draw))), size
        )

    def _times(self) -> tuple[int, int]:
        if self._eat("*"):
            return 0, MORE
        if self._eat("+"):
            return 1, 1 + MORE
        if self._eat("?"):
            return 0, 1
        if not self._eat("{"):
            return 1, 1
        end = self._text.index("}", self._at)
        least, comma, most = self._text[self._at : end].partition(",")
        self._at = end + 1
        low = int(least or 0)
        high = low if not comma else int(most) if most else low + MORE
        return low, high

    def _take(self) -> str:
        if self._at == len(self._text):
            raise _Unknown
        self._at += 1
        return self._text[self._at - 1]

    def _peek(self, ahead: int = 0) -> str:
        return self._text[self._at + ahead : self._at + ahead + 1]

    def _eat(self, char: str) -> bool:
        if self._peek() != char:
            return False
        self._at += 1
        return True


def _class(name: str) -> list[str]:
    chars = _CLASSES[name.lower()]
    return [char for char in _ALL if char not in chars] if name.isupper() else list(chars)
