"""Differences between the recorded answers and those that came.

Rules of this file:

1. Everything is compared: how it ended, status line, headers with order and case, framing,
   chunk boundaries, body, and what the socket did afterwards if that is recorded.
2. A difference shows the surroundings of the first byte that differs.

It must not import anything of this package but `recording` and `normal`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime

import msgspec

from ollama_simulator.golden.normal import normal
from ollama_simulator.golden.recording import Header, Reply

TOLERANCE_S, TOLERANCE = 3.0, 0.01
"""How far the time to a model's expiry may be off: seconds, and as a part of it."""
_EXPIRES = re.compile(rb'"expires_at":"([^"]*)"')
SOON_MS = 50.0
"""Times below twice that are not compared."""
AROUND = 60
"""Bytes shown of a text that differs, from shortly before the first difference."""


class Difference(msgspec.Struct, frozen=True):
    """One thing that is not as recorded."""

    what: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.what}: expected {self.expected}, got {self.actual}"


def differences(expected: Sequence[Reply], actual: Sequence[Reply]) -> list[Difference]:
    """All differences between two series of replies on one connection."""
    found = []
    if len(expected) != len(actual):
        found.append(Difference("number of answers", str(len(expected)), str(len(actual))))
    for number, (wanted, got) in enumerate(zip(expected, actual, strict=False), 1):
        of = f" of answer {number}" if len(expected) > 1 else ""
        for each in [*_one(normal(wanted), normal(got)), *_expiry(wanted, got)]:
            found.append(msgspec.structs.replace(each, what=each.what + of))
    return found


def too_soon(what: str, expected_ms: float | None, actual_ms: float | None) -> list[Difference]:
    """Something came before half of the recorded time had passed, so it wasn't waited for.

    That something came later proves nothing: the machine may be slower.
    """
    if expected_ms is None or actual_ms is None or actual_ms >= expected_ms / 2 - SOON_MS:
        return []
    return [Difference(f"time to the {what}", f"{expected_ms:.0f} ms", f"{actual_ms:.0f} ms")]


def _one(expected: Reply, actual: Reply) -> list[Difference]:
    found = []
    if expected.status_line != actual.status_line:
        found.append(
            Difference("status line", repr(expected.status_line), repr(actual.status_line))
        )
    found += _headers(expected, actual)
    if expected.framing != actual.framing:
        found.append(Difference("framing", expected.framing, actual.framing))
    found += _chunks(expected, actual)
    if expected.body != actual.body:
        found.append(_bytes("body", expected.body, actual.body))
    if expected.ended != actual.ended:
        found.append(Difference("end", expected.ended, actual.ended))
    if expected.after is not None and expected.after != actual.after:
        found.append(Difference("connection afterwards", expected.after, str(actual.after)))
    return found


def _expiry(expected: Reply, actual: Reply) -> list[Difference]:
    """How long after the answer loaded models expire: the one thing that times tell."""
    wanted, got = _lifetimes(expected), _lifetimes(actual)
    same = len(wanted) == len(got) and all(
        abs(one - two) <= max(TOLERANCE_S, one * TOLERANCE)
        for one, two in zip(wanted, got, strict=True)
    )
    return [] if same else [Difference("seconds to expiry", str(wanted), str(got))]


def _lifetimes(reply: Reply) -> list[int]:
    """Seconds from the answer's `Date` to each `expires_at`."""
    dates = [value for name, value in reply.headers if name == "Date"]
    times = [time.decode() for time in _EXPIRES.findall(reply.body)]
    try:
        now = parsedate_to_datetime(dates[0])
        return sorted(round((datetime.fromisoformat(t) - now).total_seconds()) for t in times)
    except (IndexError, ValueError, TypeError):
        return []


def _headers(expected: Reply, actual: Reply) -> list[Difference]:
    if expected.headers == actual.headers:
        return []
    if sorted(expected.headers) == sorted(actual.headers):
        return [
            Difference(
                "order of headers",
                ", ".join(name for name, _ in expected.headers),
                ", ".join(name for name, _ in actual.headers),
            )
        ]
    wanted, got = Counter(expected.headers), Counter(actual.headers)
    return [Difference("headers", _listed(wanted - got), _listed(got - wanted))]


def _listed(headers: Counter[Header]) -> str:
    return ", ".join(f"{name}: {value}" for name, value in headers.elements()) or "none"


def _chunks(expected: Reply, actual: Reply) -> list[Difference]:
    """Where the chunks end; what is in them is compared as the body."""
    if expected.chunks == actual.chunks or expected.body != actual.body:
        return []
    wanted, got = ([len(chunk) for chunk in each.chunks] for each in (expected, actual))
    return [Difference("chunk boundaries", f"chunks of {wanted} bytes", f"of {got}")]


def _bytes(what: str, expected: bytes, actual: bytes) -> Difference:
    pairs = zip(expected, actual, strict=False)
    shorter = min(len(expected), len(actual))
    first = next((at for at, (one, two) in enumerate(pairs) if one != two), shorter)
    start = max(0, first - AROUND // 3)
    return Difference(f"{what} at byte {first}", _cut(expected, start), _cut(actual, start))


def _cut(text: bytes, start: int) -> str:
    piece = text[start : start + AROUND]
    shown = piece.decode("utf-8", "backslashreplace")
    return f"{'…' if start else ''}{shown!r}{'…' if start + AROUND < len(text) else ''}"
