"""JSON, time stamps and quoted strings, printed as Go prints them.

Source: native specification 1.8, compatibility specification 2.8 and 17.

Rules of this file:

1. Keys stand in the order of the struct's fields; a field with a default is left out when it
   has that value (`omit_defaults`), which is Go's "omitempty".
2. Floats are not left to the encoder, which prints `1.0` and `1e-07`: whoever has some wraps
   their text in `msgspec.Raw`.

It must not import anything of this package.
"""

import functools
import math
import re
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

SECOND_NS = 1_000_000_000

_ESCAPES = {
    b"<": rb"\u003c",
    b">": rb"\u003e",
    b"&": rb"\u0026",
    "\u2028".encode(): rb"\u2028",
    "\u2029".encode(): rb"\u2029",
}
_SPECIAL = re.compile(b"|".join(_ESCAPES))
_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_SHORT = {
    "\a": r"\a",
    "\b": r"\b",
    "\f": r"\f",
    "\n": r"\n",
    "\r": r"\r",
    "\t": r"\t",
    "\v": r"\v",
    '"': r"\"",
    "\\": r"\\",
}


def encode(value: object) -> bytes:
    """A value as compact JSON that is safe inside HTML."""
    data = _encode(value)
    # These characters occur inside strings only, so the structure is not touched.
    return _SPECIAL.sub(lambda found: _ESCAPES[found.group()], data)


def encode_sorted(value: object) -> bytes:
    """The same, with the keys of every dict sorted, as Go prints its maps."""
    data = _encode_sorted(value)
    return _SPECIAL.sub(lambda found: _ESCAPES[found.group()], data)


def nanoseconds(seconds: float) -> int:
    """A duration as Go writes it."""
    return round(seconds * SECOND_NS)


def rfc3339(ns: int, zone: str = "UTC") -> str:
    """A time in nanoseconds since 1970, in a zone, with the zeros at its end trimmed."""
    seconds, fraction = divmod(ns, SECOND_NS)
    if zone == "UTC" and fraction:
        return f"{_second(seconds)}.{fraction:09}".rstrip("0") + "Z"
    shift, suffix = (0, "Z") if zone == "UTC" else _offset(seconds, zone)
    if not fraction:
        return _second(seconds + shift) + suffix
    digits = f"{fraction:09}".rstrip("0")
    return f"{_second(seconds + shift)}.{digits}{suffix}"


def instants(times: Iterable[int]) -> list[bytes]:
    """What `rfc3339` makes of each of many times, in UTC."""
    made: list[bytes] = []
    last: int | None = None
    begin = b""
    for ns in times:
        seconds, fraction = divmod(ns, SECOND_NS)
        if seconds != last:
            last, begin = seconds, _second(seconds).encode()
        if fraction:
            made.append((b"%b.%09d" % (begin, fraction)).rstrip(b"0") + b"Z")
        else:
            made.append(begin + b"Z")
    return made


def _offset(seconds: int, zone: str) -> tuple[int, str]:
    """How many seconds a zone's clocks are ahead at a time, and how that is written."""
    offset = (_EPOCH + timedelta(seconds=seconds)).astimezone(ZoneInfo(zone)).utcoffset()
    minutes = offset // timedelta(minutes=1) if offset else 0
    if not minutes:
        return 0, "Z"
    hours, rest = divmod(abs(minutes), 60)
    return minutes * 60, f"{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"


@functools.lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


_FLOAT = struct.Struct("<f")


def float64(x: float) -> str:
    """A 64-bit float, in the fewest digits that round-trip."""
    return _laid_out(x, repr(x), 1e-6)


def float32(x: float) -> str:
    """A number rounded to 32 bits, in the fewest digits that round-trip at that width."""
    x = narrow(x)
    # Few numbers need less than 7 digits, so only those are searched from the shortest on.
    tried = range(1, 7) if narrow(float(f"{x:.6g}")) == x else (7, 8, 9)
    digits = next(text for p in tried if narrow(float(text := f"{x:.{p}g}")) == x)
    return _laid_out(x, digits, _LEAST_32)


def narrow(x: float) -> float:
    """The nearest 32-bit float."""
    try:
        (rounded,) = _FLOAT.unpack(_FLOAT.pack(x))
    except OverflowError:
        return math.copysign(math.inf, x)
    return float(rounded)


_LEAST_32 = narrow(1e-6)


def _laid_out(x: float, digits: str, least: float) -> str:
    """Finite `x`, whose digits these are, in Go's layout: plain from `least` up to 1e21."""
    if x == 0 or least <= abs(x) < 1e21:
        text = f"{Decimal(digits):f}" if "e" in digits else digits
        return text.removesuffix(".0")
    mantissa, _, exponent = f"{Decimal(digits).normalize():e}".partition("e")
    return f"{mantissa}e{int(exponent):+d}"


def general(x: float) -> str:
    """A 64-bit float as Go's `%v` writes it: with an exponent from a million up."""
    digits = Decimal(repr(float(x))).normalize()
    exponent = digits.adjusted()
    if not digits or -4 <= exponent < 6:
        return f"{digits:f}"
    mantissa, _, _ = f"{digits:e}".partition("e")
    return f"{mantissa}e{exponent:+03d}"


def quote(text: str) -> str:
    """A string as Go's `%q` writes it."""
    return '"' + "".join(map(_quoted, text)) + '"'


def _quoted(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x20 or code == 0x7F:
        return rf"\x{code:02x}"
    return rf"\u{code:04x}" if code < 0x10000 else rf"\U{code:08x}"
