"""What fmt's Sprint and Sprintf write.

Source: the documentation of Go's fmt.

Rules of this file:

1. A verb that doesn't fit its value is written as Go's complaint, never raised.

It must not import anything but layer 0 and its own package.
"""

import re
from collections.abc import Callable, Sequence

from ollama_simulator.engine.render.gotemplate.values import (
    Listed,
    Record,
    Spelled,
    Value,
    address,
    plain,
    points,
    settled,
    type_of,
)
from ollama_simulator.golang.gojson import quote

_VERB = re.compile(
    r"%(?P<flags>[-+# 0]*)(?P<width>\d+)?(?P<dot>\.(?P<precision>\d*))?(?P<verb>.)?", re.DOTALL
)

LARGEST = 1_000_000


def sprint(values: Sequence[Value]) -> str:
    """The values, with blanks between two neighbours neither of which is a string."""
    out: list[str] = []
    for i, value in enumerate(values):
        if i and not isinstance(value, str) and not isinstance(values[i - 1], str):
            out.append(" ")
        out.append(plain(value))
    return "".join(out)


def sprintln(values: Sequence[Value]) -> str:
    """The values with blanks between all of them, and a newline."""
    return " ".join(map(plain, values)) + "\n"


def sprintf(pattern: str, values: Sequence[Value]) -> str:
    """The values in their places in a pattern."""
    left = [settled(value) for value in values]
    for found in _VERB.finditer(pattern):
        if _too_large(found["width"]) or _too_large(found["precision"]):
            # Go reads no further, and misses the verb.
            pattern = pattern[: found.start()] + "%"
            break

    def replaced(found: re.Match[str]) -> str:
        verb = found["verb"]
        if verb is None:
            return "%!(NOVERB)"
        if verb == "%":
            return "%"
        if not left:
            return f"%!{verb}(MISSING)"
        return _formatted(found, left.pop(0))

    text = _VERB.sub(replaced, pattern)
    if left:
        extra = ", ".join("<nil>" if v is None else f"{type_of(v)}={plain(v)}" for v in left)
        text += f"%!(EXTRA {extra})"
    return text


def _too_large(digits: str | None) -> bool:
    """Whether Go takes no such number: it looks at what it has before each digit."""
    return digits is not None and int(digits[:-1] or 0) > LARGEST


def _formatted(found: re.Match[str], value: Value) -> str:
    flags, verb = found["flags"], found["verb"]
    precision = None if found["dot"] is None else int(found["precision"] or 0)
    if verb == "T":
        return _padded("<nil>" if value is None else type_of(value), found)
    for kind, verbs in _VERBS.items():
        if isinstance(value, kind) and verb in verbs:
            text = verbs[verb](value, precision)
            if "+" in flags and kind in (int, float) and verb in "dvfFgGeE" and text[0] != "-":
                text = "+" + text
            return _padded(text, found, numeric=kind in (int, float))
        if isinstance(value, kind):
            break
    if verb == "v" or (verb == "s" and isinstance(value, Record | Spelled | Listed)):
        return _padded(plain(value, names="+" in flags), found)
    match value:
        case None:
            return f"%!{verb}(<nil>)"
        case list():
            return f"[{' '.join(_inside(found, item, i) for i, item in enumerate(value))}]"
        case dict():
            pairs = (
                (_inside(found, key, 0), _inside(found, value[key], 0)) for key in sorted(value)
            )
            return f"map[{' '.join(':'.join(pair) for pair in pairs)}]"
    return f"%!{verb}({type_of(value)}={plain(value)})"


def _inside(found: re.Match[str], value: Value, place: int) -> str:
    if points(value):
        verb = found["verb"]
        return address(place) if verb == "v" else f"%!{verb}({type_of(value)}={plain(value)})"
    return "<nil>" if value is None else _formatted(found, value)


def _padded(text: str, found: re.Match[str], *, numeric: bool = False) -> str:
    width = int(found["width"] or 0)
    if "-" in found["flags"]:
        return text.ljust(width)
    if "0" in found["flags"]:
        return text.zfill(width) if numeric else text.rjust(width, "0")
    return text.rjust(width)


_Written = Callable[[Value, int | None], str]


def _cut(value: str, precision: int | None) -> str:
    return value if precision is None else value[:precision]


def _bytes(value: str, precision: int | None) -> str:
    return _cut(value, precision).encode("utf-8", "replace").hex()


def _whole(kind: str) -> _Written:
    return lambda value, precision: (
        f"{'-' if value < 0 else ''}{format(abs(value), kind).zfill(precision or 0)}"
    )


def _real(kind: str, usual: int | None) -> _Written:
    def written(value: float, precision: int | None) -> str:
        if precision is None and usual is None:
            return plain(value)
        return f"{value:.{usual if precision is None else precision}{kind}}"

    return written


_TEXT: dict[str, _Written] = {
    "v": _cut,
    "s": _cut,
    "q": lambda value, precision: quote(_cut(value, precision)),
    "x": _bytes,
    "X": lambda value, precision: _bytes(value, precision).upper(),
}
_WHOLE: dict[str, _Written] = {
    **{verb: _whole(verb) for verb in "dxXob"},
    "v": _whole("d"),
    "c": lambda value, _: chr(value) if 0 <= value <= 0x10FFFF else "\ufffd",
    "q": lambda value, _: f"'{chr(value)}'" if 0 <= value <= 0x10FFFF else "'\ufffd'",
    "U": lambda value, _: f"U+{value:04X}",
}
_REAL: dict[str, _Written] = {
    "v": _real("g", None),
    "g": _real("g", None),
    "G": _real("G", None),
    "f": _real("f", 6),
    "F": _real("F", 6),
    "e": _real("e", 6),
    "E": _real("E", 6),
}
_TRUTH: dict[str, _Written] = {"v": lambda value, _: plain(value), "t": lambda v, _: plain(v)}
_VERBS: dict[type, dict[str, _Written]] = {
    bool: _TRUTH,
    int: _WHOLE,
    float: _REAL,
    str: _TEXT,
}
