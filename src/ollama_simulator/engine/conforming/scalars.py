"""Strings and numbers that conform to a schema.

Source: JSON Schema 2020-12, validation; draft 4 for bounds that are switched to exclusive.

It must not import anything but its own package and `engine.text`.
"""

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from ollama_simulator.engine.conforming.draw import Draw, between, one
from ollama_simulator.engine.conforming.pattern import matching
from ollama_simulator.engine.text import WORDS

Schema = Mapping[str, Any]

LONGEST = 20_000
"""Characters that a string has at most, whatever a schema asks for."""
_TRIES = 20
_SPAN = 100
"""How far from its one bound a number may lie."""


def words(draw: Draw, least: int = 1, most: int = 4) -> str:
    """A few words of the vocabulary."""
    return " ".join(one(WORDS, draw) for _ in range(between(least, most, draw)))


def _digits(count: int, draw: Draw, alphabet: str = "0123456789abcdef") -> str:
    return "".join(one(alphabet, draw) for _ in range(count))


def _date(draw: Draw) -> str:
    return f"{2000 + draw(40)}-{1 + draw(12):02d}-{1 + draw(28):02d}"


def _time(draw: Draw) -> str:
    return f"{draw(24):02d}:{draw(60):02d}:{draw(60):02d}Z"


def _uuid(draw: Draw) -> str:
    start, variant = f"{_digits(8, draw)}-{_digits(4, draw)}-4{_digits(3, draw)}", one("89ab", draw)
    return f"{start}-{variant}{_digits(3, draw)}-{_digits(12, draw)}"


def _host(draw: Draw) -> str:
    return f"{one(WORDS, draw)}.example"


def _uri(draw: Draw) -> str:
    return f"https://{_host(draw)}/{one(WORDS, draw)}"


def _email(draw: Draw) -> str:
    return f"{one(WORDS, draw)}@{_host(draw)}"


def _path(draw: Draw) -> str:
    return f"/{one(WORDS, draw)}/{one(WORDS, draw)}"


FORMATS: dict[str, Callable[[Draw], str]] = {
    "date": _date,
    "time": _time,
    "date-time": lambda draw: f"{_date(draw)}T{_time(draw)}",
    "duration": lambda draw: f"P{1 + draw(9)}DT{1 + draw(23)}H",
    "email": _email,
    "idn-email": _email,
    "hostname": _host,
    "idn-hostname": _host,
    "ipv4": lambda draw: f"192.0.2.{draw(256)}",
    "ipv6": lambda draw: f"2001:db8::{1 + draw(0xFFFE):x}",
    "uri": _uri,
    "url": _uri,
    "iri": _uri,
    "uri-reference": _path,
    "iri-reference": _path,
    "uri-template": _uri,
    "json-pointer": _path,
    "relative-json-pointer": lambda draw: f"{draw(3)}{_path(draw)}",
    "regex": lambda draw: f"^{one(WORDS, draw)}$",
    "uuid": _uuid,
}
"""What a string looks like, by the schema's `format`; others are as if there were none."""


def text(schema: Schema, draw: Draw) -> str:
    """A string."""
    least = min(int(schema.get("minLength", 0)), LONGEST)
    most = min(int(schema.get("maxLength", max(least, LONGEST))), LONGEST)
    maker = _maker(schema, least, most)
    for _ in range(_TRIES):
        made = maker(draw)
        if made is not None and least <= len(made) <= most:
            return made
    return _stretched(made or words(draw), least, most, draw)


def _maker(schema: Schema, least: int, most: int) -> Callable[[Draw], str | None]:
    if isinstance(pattern := schema.get("pattern"), str):
        return lambda draw: matching(pattern, draw)
    if maker := FORMATS.get(str(schema.get("format"))):
        return maker
    return lambda draw: _stretched(words(draw), least, most, draw)


def _stretched(made: str, least: int, most: int, draw: Draw) -> str:
    while len(made) < least:
        made += f" {one(WORDS, draw)}"
    # A blank at the end would be lost to clients that trim.
    cut = made[:most]
    return cut if cut == cut.rstrip() else f"{cut[:-1]}."


def number(schema: Schema, draw: Draw, *, whole: bool) -> int | float:
    """A number; without a fraction if it is to be whole."""
    low, open_low = _bound(schema, "minimum", "exclusiveMinimum", max)
    high, open_high = _bound(schema, "maximum", "exclusiveMaximum", min)
    step = _step(schema, whole=whole, tight=_tight(low, high))
    if low is None and high is None:
        low, high = Fraction(0), Fraction(_SPAN)
    elif high is None:
        assert low is not None
        high = low + max([Fraction(_SPAN), step])
    elif low is None:
        low = high - max([Fraction(_SPAN), step])
    first = math.floor(low / step) + 1 if open_low else math.ceil(low / step)
    last = math.ceil(high / step) - 1 if open_high else math.floor(high / step)
    value = between(first, max(first, last), draw) * step
    return int(value) if value.denominator == 1 and whole else _float(value)


def _float(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 and abs(value) >= 2**53 else float(value)


def _tight(low: Fraction | None, high: Fraction | None) -> Fraction:
    """How far apart the bounds are."""
    return Fraction(_SPAN) if low is None or high is None else max(high - low, Fraction(0))


def _step(schema: Schema, *, whole: bool, tight: Fraction) -> Fraction:
    """What the number is a multiple of."""
    step = Fraction(1) if whole else Fraction(1, 100)
    if not whole and 0 < tight < 1:
        step = tight / 100
    multiple = schema.get("multipleOf")
    if not multiple or multiple < 0:
        return step
    asked = Fraction(str(multiple))
    if not whole:
        return asked
    # The least common multiple with 1.
    return Fraction(asked.numerator)


def _bound(
    schema: Schema, plain: str, exclusive: str, tighter: Callable[[list[Fraction]], Fraction]
) -> tuple[Fraction | None, bool]:
    """The tighter one of two bounds, and whether it is exclusive."""
    inner, outer = schema.get(plain), schema.get(exclusive)
    if outer is True:  # draft 4
        return (None if inner is None else Fraction(str(inner))), True
    if outer is None or outer is False:
        return (None if inner is None else Fraction(str(inner))), False
    limit = Fraction(str(outer))
    if inner is None:
        return limit, True
    other = Fraction(str(inner))
    return tighter([limit, other]), limit == tighter([limit, other])
