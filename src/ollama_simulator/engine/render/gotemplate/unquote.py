"""Strings, characters and numbers of a template, from how they are written.

Source: the specification of the Go language, and what strconv accepts.

It must not import anything but layer 0.
"""

import re

from ollama_simulator.golang.gojson import quote

_ESCAPE = re.compile(
    r"\\(?:x(?P<x>[0-9a-fA-F]{2})|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})"
    r"|(?P<o>[0-7]{3})|(?P<c>.))",
    re.DOTALL,
)
_PLAIN = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92}
_UNDERSCORES = re.compile(
    r"[+-]?(?:0[xXoObB]_?)?(?:[0-9a-fA-F.eEpP+-]|(?<=[0-9a-fA-F])_(?=[0-9a-fA-F]))*"
)
_INTEGER = re.compile(r"[+-]?(?:0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9][0-9]*)")
_MOST = 2**63


def string(text: str) -> str:
    """The string that is written so. Raises `ValueError` with Go's words."""
    if text[0] == "`":
        return text[1:-1].replace("\r", "")
    return _unescaped(text[1:-1], '"')


def character(text: str) -> int:
    """The number of the character that is written so. Raises `ValueError` with Go's words."""
    inside = text[1:-1]
    if not inside:
        raise ValueError("invalid syntax")
    value = _unescaped(inside, "'")
    if len(value) != 1:
        raise ValueError(f"malformed character constant: {text}")
    return ord(value)


def number(text: str) -> int | float:
    """The number that is written so. Raises `ValueError` with Go's words."""
    if text.endswith("i") or not _UNDERSCORES.fullmatch(text):
        raise ValueError(f"illegal number syntax: {quote(text)}")
    digits = text.replace("_", "")
    if _INTEGER.fullmatch(digits):
        unsigned = digits.lstrip("+-")
        octal = len(unsigned) > 1 and unsigned[0] == "0" and unsigned.isdigit()
        value = int(unsigned, 8 if octal else 0) * (-1 if digits[0] == "-" else 1)
        if -_MOST <= value < 2 * _MOST:
            return value
        raise ValueError(f"integer overflow: {quote(text)}")
    try:
        if digits.lower().lstrip("+-").startswith("0x"):
            if "p" not in digits.lower():
                raise ValueError
            return float.fromhex(digits)
        real = float(digits)
    except ValueError:
        raise ValueError(f"illegal number syntax: {quote(text)}") from None
    if not set(digits) & set(".eE"):
        raise ValueError(f"integer overflow: {quote(text)}")
    return real


def _unescaped(inside: str, delimiter: str) -> str:
    def replaced(found: re.Match[str]) -> str:
        if (char := found["c"]) is not None:
            if char != delimiter and char not in _PLAIN:
                raise ValueError("invalid syntax")
            return delimiter if char == delimiter else chr(_PLAIN[char])
        if octal := found["o"]:
            return _byte(int(octal, 8))
        if pair := found["x"]:
            return _byte(int(pair, 16))
        code = int(found["u"] or found["U"], 16)
        if code > 0x10FFFF or 0xD800 <= code < 0xE000:
            raise ValueError("invalid syntax")
        return chr(code)

    text = _ESCAPE.sub(replaced, inside)
    # Bytes written one by one may make up a character.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _byte(value: int) -> str:
    if value > 255:
        raise ValueError("invalid syntax")
    return chr(value) if value < 128 else chr(0xDC00 + value)
