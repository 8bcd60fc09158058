"""Strings that match a regular expression.

Source: JSON Schema 2020-12, `pattern`; the grammar of ECMA-262's regular expressions.

Rules of this file:

1. What can't be said backwards (look-around, back references, properties of characters) makes no
   string: `matching` then gives None.
2. Repetitions without an end are repeated a few times only.

It must not import anything but its own package.
"""

import string
from collections.abc import Callable

from ollama_simulator.engine.conforming.draw import Draw, between, one

Maker = Callable[[Draw], str]

MORE = 3
"""How many more than the least an open repetition may have."""

_DIGITS = string.digits
_WORD = string.ascii_letters + string.digits + "_"
_SPACE = " \t"
_ALL = [chr(code) for code in range(32, 127)]
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f", "v": "\v", "0": "\0"}


class _Unknown(Exception):
    """A construct that isn't understood."""


def matching(pattern: str, draw: Draw) -> str | None:
    """A string that a pattern matches; None if the pattern isn't understood."""
    reader = _Reader(pattern)
    try:
        maker = reader.either()
        reader.end()
        return maker(draw)
    except (_Unknown, RecursionError, ValueError, OverflowError):
        return None


class _Reader:
    """Reads a pattern into makers of strings."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0

    def end(self) -> None:
        """There must be nothing left."""
        if self._at < len(self._text):
            raise _Unknown

    def either(self) -> Maker:
        """Alternatives."""
        makers = [self._sequence()]
        while self._eat("|"):
            makers.append(self._sequence())
        return lambda draw: one(makers, draw)(draw)

    def _sequence(self) -> Maker:
        makers: list[Maker] = []
        while self._at < len(self._text) and self._text[self._at] not in "|)":
            makers.append(self._repeated(self._atom()))
        return lambda draw: "".join(maker(draw) for maker in makers)

    def _atom(self) -> Maker:
        char = self._take()
        match char:
            case "^" | "$":
                return lambda _: ""
            case ".":
                return lambda draw: one(_WORD, draw)
            case "(":
                return self._group()
            case "[":
                return self._set()
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise _Unknown
        return lambda _: char

    def _group(self) -> Maker:
        if self._eat("?") and not self._eat(":"):
            self._eat("P")
            if not self._eat("<") or self._peek() in "=!":
                raise _Unknown
            self._at = self._text.index(">", self._at) + 1
        maker = self.either()
        if not self._eat(")"):
            raise _Unknown
        return maker

    def _escape(self) -> Maker:
        char = self._take()
        if char in "bB":
            return lambda _: ""
        if char.lower() in _CLASSES:
            chars = _class(char)
            return lambda draw: one(chars, draw)
        if char in "123456789kpP":
            raise _Unknown
        literal = self._literal(char)
        return lambda _: literal

    def _literal(self, char: str) -> str:
        """The character that an escape stands for."""
        if digits := {"x": 2, "u": 4}.get(char):
            code = self._text[self._at : self._at + digits]
            self._at += digits
            return chr(int(code, 16))
        return _ESCAPES.get(char, char)

    def _set(self) -> Maker:
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
        return lambda draw: one(chars, draw)

    def _member(self) -> str:
        char = self._take()
        if char != "\\":
            return char
        char = self._take()
        if char.lower() in _CLASSES:
            return "".join(_class(char))
        if char in "pP":
            raise _Unknown
        return "\b" if char == "b" else self._literal(char)

    def _repeated(self, maker: Maker) -> Maker:
        least, most = self._times()
        if (least, most) == (1, 1):
            return maker
        self._eat("?")  # Lazy or not: the same strings match.
        return lambda draw: "".join(maker(draw) for _ in range(between(least, most, draw)))

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
        if max(low, high) > 10_000:
            raise _Unknown
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
