"""What Go's decoder says of a text that is not JSON.

Source: native specification 1.9, compatibility specification 2.2.

Rules of this file:

1. It is asked only where a fast parser has failed, or keeps too little: it looks for words and
   places, not for values.
2. It looks at the first value only, byte by byte as Go does, and uses no recursion.

It must not import anything but `gojson`.
"""

import re
from collections.abc import Iterator

from ollama_simulator.golang.gojson import quote

DEEPEST = 10_000
"""Levels of nesting that Go's decoder bears."""

CUT = "unexpected EOF"
END = "unexpected end of JSON input"
TOO_DEEP = "exceeded max depth"

_SPACE = re.compile(rb"[ \t\r\n]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_DIGITS = re.compile(rb"[0-9]*")
_LITERALS = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}
_ESCAPED = b'bfnrt\\/"'
_HEX = b"0123456789abcdefABCDEF"


class _Wrong(Exception):
    """The text ends the search: it is the complaint."""


def complaint(data: bytes) -> str | None:
    """The complaint about the first JSON value of a text that is not blank; None if it is fine."""
    try:
        _Scanner(data).value()
    except _Wrong as wrong:
        return str(wrong)
    return None


def trailing(data: bytes) -> str | None:
    """The complaint about what stands behind the first value of a sound text; None if nothing."""
    scanner = _Scanner(data)
    scanner.value()
    return scanner.rest()


def members(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The keys of a sound JSON object, with their quotes, and the values, all as written."""
    return _Scanner(data).members()


def whole_complaint(data: bytes) -> str | None:
    """The complaint of who wants one JSON value and nothing else; None if that is what it is."""
    scanner = _Scanner(data)
    try:
        scanner.value()
        scanner.end()
    except _Wrong as wrong:
        return END if str(wrong) == CUT else str(wrong)
    return None


class _Scanner:
    """A place in a text. Each method reads one thing and stands behind it, or raises."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def value(self) -> None:
        """A value of any kind, with all that is in it."""
        closers: list[int] = []  # of the arrays and objects that are open
        while True:
            char = self._next()
            if char in b"[{":
                closers.append(ord("]") if char == ord("[") else ord("}"))
                if len(closers) > DEEPEST:
                    raise self._unexpected(TOO_DEEP)
                if self._next() != closers[-1]:
                    self._at -= 1
                    if char == ord("{"):
                        self._key()
                    continue
                closers.pop()
            else:
                self._scalar(char)
            while closers:
                char = self._next()
                if char == ord(","):
                    if closers[-1] == ord("}"):
                        self._key()
                    break
                if char != closers[-1]:
                    inside = "array element" if closers[-1] == ord("]") else "object key:value pair"
                    raise self._unexpected(f"after {inside}")
                closers.pop()
            else:
                return

    def rest(self) -> str | None:
        """The complaint about what follows here, where nothing should."""
        self._skip(_SPACE)
        if self._at == len(self._data):
            return None
        self._take()
        return str(self._unexpected("after top-level value"))

    def members(self) -> Iterator[tuple[bytes, bytes]]:
        """The keys and values of the object that begins here."""
        self._next()
        if self._next() == ord("}"):
            return
        self._at -= 1
        while True:
            self._skip(_SPACE)
            key = self._at
            self._key()
            colon = self._at - 1
            self._skip(_SPACE)
            begin = self._at
            self.value()
            yield self._data[key:colon].rstrip(), self._data[begin : self._at]
            if self._next() == ord("}"):
                return

    def end(self) -> None:
        """Nothing but blanks."""
        self._skip(_SPACE)
        if self._at < len(self._data):
            self._take()
            raise self._unexpected("after top-level value")

    def _key(self) -> None:
        if self._next() != ord('"'):
            raise self._unexpected("looking for beginning of object key string")
        self._string()
        if self._next() != ord(":"):
            raise self._unexpected("after object key")

    def _scalar(self, char: int) -> None:
        if char == ord('"'):
            self._string()
        elif char in _LITERALS:
            self._literal(_LITERALS[char])
        elif char in b"-0123456789":
            self._number(char)
        else:
            raise self._unexpected("looking for beginning of value")

    def _string(self) -> None:
        while True:
            self._skip(_PLAIN)
            char = self._take()
            if char == ord('"'):
                return
            if char != ord("\\"):
                raise self._unexpected("in string literal")
            char = self._take()
            if char == ord("u"):
                for _ in range(4):
                    if self._take() not in _HEX:
                        raise self._unexpected(r"in \u hexadecimal character escape")
            elif char not in _ESCAPED:
                raise self._unexpected("in string escape code")

    def _literal(self, word: bytes) -> None:
        for expected in word[1:]:
            if self._take() != expected:
                where = f"in literal {word.decode()} (expecting '{chr(expected)}')"
                raise self._unexpected(where)

    def _number(self, char: int) -> None:
        if char == ord("-"):
            char = self._digit("in numeric literal")
        if char != ord("0"):
            self._skip(_DIGITS)
        if self._peek() == b".":
            self._at += 1
            self._digit("after decimal point in numeric literal")
            self._skip(_DIGITS)
        if self._peek() in (b"e", b"E"):
            self._at += 1
            if self._peek() in (b"+", b"-"):
                self._at += 1
            self._digit("in exponent of numeric literal")
            self._skip(_DIGITS)

    def _digit(self, where: str) -> int:
        char = self._take()
        if char not in b"0123456789":
            raise self._unexpected(where)
        return char

    def _next(self) -> int:
        self._skip(_SPACE)
        return self._take()

    def _take(self) -> int:
        if self._at == len(self._data):
            raise _Wrong(CUT)
        self._at += 1
        return self._data[self._at - 1]

    def _peek(self) -> bytes:
        return self._data[self._at : self._at + 1]

    def _skip(self, pattern: re.Pattern[bytes]) -> None:
        found = pattern.match(self._data, self._at)
        assert found is not None, "every pattern here matches nothing, too"
        self._at = found.end()

    def _unexpected(self, where: str) -> _Wrong:
        """The complaint about the byte just taken."""
        char = chr(self._data[self._at - 1])
        shown = {"'": r"\'", '"': '"'}.get(char) or quote(char)[1:-1]
        return _Wrong(f"invalid character '{shown}' {where}")
