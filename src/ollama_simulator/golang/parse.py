"""The first JSON value of a body, as Go's decoder finds it.

Source: native specification 1.9, compatibility specification 2.2.

Rules of this file:

1. What follows the first value is ignored; the last of two equal keys wins.
2. What is no text becomes U+FFFD; what is no JSON raises a `Refusal` with Go's words.
3. Numbers stay as they were written, because Go shows them in its complaints.

It must not import a dialect.
"""

import codecs
import json
import math
import re
from typing import Any

import msgspec

from ollama_simulator.golang.depth import deep, shallow
from ollama_simulator.golang.gosyntax import CUT, TOO_DEEP, complaint, members, trailing
from ollama_simulator.model import Origin, Refusal

Json = Any
"""None, bool, str, list, dict with str keys, or a number: `msgspec.Raw` with its digits as sent."""

_ENDS = "unexpected end of JSON input"
_BLANK = " \t\r\n"

# Two halves of a character, a lone half, or any other escape, so that `\\ud800` is none.
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|\\."
)


def _as_go_does(error: UnicodeError) -> tuple[str, int]:
    """Each byte that is no text becomes a character, not each run of them."""
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd" * (error.end - error.start), error.end


REPLACE = "ollama_simulator.go"
"""How to decode bytes that should be text."""

codecs.register_error(REPLACE, _as_go_does)


def _last_wins(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """An object's keys in the order of their last appearance, so that the last one wins."""
    out: dict[str, Json] = {}
    for key, value in pairs:
        out.pop(key, None)
        out[key] = value
    return out


def _number(digits: str) -> msgspec.Raw:
    return msgspec.Raw(digits.encode())


def _constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(
    parse_int=_number,
    parse_float=_number,
    parse_constant=_constant,
    object_pairs_hook=_last_wins,
)


def parse(data: bytes, empty: str) -> Json:
    """The first JSON value of a body. `empty` is what is said of a blank one."""
    if deep(data):
        if wrong := complaint(data):
            raise refused(wrong)
        data = shallow(data)
    text = _text(data).lstrip(_BLANK)
    if not text:
        raise refused(empty)
    if "\\u" in text:
        text = _ESCAPE.sub(lambda found: r"\ufffd" if found["lone"] else found.group(), text)
    try:
        value: Json = _decoder.raw_decode(text)[0]
    except (ValueError, RecursionError):
        # What is cut off within many levels is no sound text, so it isn't found to be deep.
        raise refused(complaint(data) or TOO_DEEP) from None
    # Of a number alone Python takes as much as is one, where Go asks for the rest: `1.`
    if isinstance(value, msgspec.Raw) and (wrong := complaint(data)):
        raise refused(wrong)
    return value


def parse_all(text: str) -> Json:
    """A text that is one JSON value and nothing else, as Go reads what is no stream."""
    data = text.encode("utf-8", "replace")
    try:
        value = parse(data, _ENDS)
    except Refusal as refusal:
        raise refused(_ENDS if refusal.message == CUT else refusal.message) from None
    if wrong := trailing(data):
        raise refused(wrong)
    return value


def as_sent(data: bytes, name: str) -> str:
    """How a value was written in a body that `parse` has read as an object with this key."""
    found = b""
    for key, value in members(data):
        if json.loads(_text(key)).lower() == name:
            found = value
    return _text(found)


def _text(data: bytes) -> str:
    return data.decode("utf-8", REPLACE)


def refused(message: str) -> Refusal:
    """What is said of a request that can't be read."""
    return Refusal(400, message, Origin.DECODE)


def kind(value: Json) -> str:
    """Go's word for a kind of JSON."""
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "object"
    return "number"


def number(value: msgspec.Raw) -> float:
    """A number's value; infinite when it is too large."""
    return float(bytes(value))


def too_large(value: Json) -> str | None:
    """The first number anywhere in a value that is too large for a float, as it was sent."""
    match value:
        case msgspec.Raw():
            return bytes(value).decode() if math.isinf(number(value)) else None
        case list():
            found = map(too_large, value)
        case dict():
            found = map(too_large, value.values())
        case _:
            return None
    return next(filter(None, found), None)


def plain(value: Json) -> Any:
    """A value with its numbers as int, or as float where they have a point or an exponent."""
    match value:
        case msgspec.Raw():
            digits = bytes(value).decode()
            return (
                int(digits) if digits.lstrip("-").isdigit() and len(digits) < 20 else float(digits)
            )
        case list():
            return [plain(item) for item in value]
        case dict():
            return {key: plain(item) for key, item in value.items()}
    return value
