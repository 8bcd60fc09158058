"""How long a model shall stay loaded: the values of `keep_alive`.

Source: native specification 3.2.

Rules of this file:

1. A duration is in seconds; `inf` is for ever, and a negative one is over before it begins.
2. Strings are read as Go reads durations.

It must not import anything but layer 0.
"""

import math
import re

from ollama_simulator.model import Origin, Refusal

LONGEST_NS = 2**63 - 1
"""Go's longest duration, about 292 years."""

_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # MICRO SIGN
    "μs": 1_000,  # GREEK SMALL LETTER MU
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART = re.compile(r"([0-9]*)(\.[0-9]*)?([^.0-9]*)")


def from_number(seconds: float) -> float:
    """A number of seconds as it is meant."""
    if seconds < 0:
        return math.inf
    # Go's conversion overflows into the past: the model goes with its last request.
    if seconds * 1e9 >= LONGEST_NS:
        return -(2**63) / 1e9
    # Less than a nanosecond is nothing.
    return seconds if seconds * 1e9 >= 1 else 0.0


def from_text(text: str) -> float:
    """A duration like `1h30m`. Raises `Refusal`."""
    sign, rest = (text[:1], text[1:]) if text[:1] in ("+", "-") else ("", text)
    if rest == "0":
        return 0.0
    total = 0
    while True:
        part = _PART.match(rest)
        assert part is not None, "the pattern matches nothing, too"
        whole, fraction, unit = part.groups(default="")
        if not whole and fraction in ("", "."):
            raise _refused(f"invalid duration {_quoted(text)}")
        if not unit:
            raise _refused(f"missing unit in duration {_quoted(text)}")
        if unit not in _UNITS_NS:
            raise _refused(f"unknown unit {_quoted(unit)} in duration {_quoted(text)}")
        # More digits than these overflow, or are less than a nanosecond.
        scale = _UNITS_NS[unit]
        total += int(whole.lstrip("0")[:20] or 0) * scale
        digits = fraction[1:19]
        total += int(digits or 0) * scale // 10 ** len(digits)
        if total > LONGEST_NS:
            raise _refused(f"invalid duration {_quoted(text)}")
        rest = rest[part.end() :]
        if not rest:
            return math.inf if sign == "-" and total else total / 1e9


def _refused(message: str) -> Refusal:
    return Refusal(400, f"time: {message}", Origin.DECODE)


def _quoted(text: str) -> str:
    """As Go's library for time quotes: by bytes."""
    out = ""
    for byte in text.encode():
        char = chr(byte)
        if byte < 0x20 or byte >= 0x80:
            out += rf"\x{byte:02x}"
        else:
            out += "\\" + char if char in '"\\' else char
    return f'"{out}"'
