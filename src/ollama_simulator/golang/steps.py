"""How much of a body Go's JSON decoder reads before it knows enough.

Source: native specification 1.1 and 1.9.

Rules of this file:

1. The decoder reads in growing steps until the first value is whole, or can't be any more.

It must not import anything of this package but `gosyntax`.
"""

import msgspec

from ollama_simulator.golang.gosyntax import CUT, complaint

_FIRST = 512
"""Bytes of the first step. Each buffer is twice the one before, and so much more."""
_EASY = 64 * 1024
"""Bytes up to which it is looked at each time whether they are enough."""

_SKIPPING = msgspec.json.Decoder(msgspec.Raw)
"""Looks at a value without making anything of it."""


def enough(data: bytes) -> bool:
    """Whether the decoder needs nothing behind these bytes."""
    start = data.lstrip(b" \t\r\n")[:1]
    if not start:
        return False
    try:
        _SKIPPING.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        if "truncated" in str(error):
            return False
        # What msgspec minds may be nothing to Go: a depth, or a second value.
        return complaint(data) != CUT
    # Go sees the end of anything but an array or an object only by what follows it.
    return start in b"[{" or data[-1:] in b" \t\r\n"


def taken(data: bytes, most: int) -> int:
    """How many of a body's bytes the decoder takes, if it takes at most `most`; else all."""
    step = _FIRST
    while step * 2 + _FIRST <= most:
        step = step * 2 + _FIRST
    return step if 0 < step <= most and enough(data[:step]) else len(data)


class Pieces:
    """A body that comes in pieces, looked at not oftener than it pays."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._looked = 0

    def add(self, data: bytes) -> None:
        """Take one more."""
        self._pieces.append(data)
        self._size += len(data)

    def joined(self) -> bytes:
        """All that came."""
        self._pieces = [b"".join(self._pieces)]
        return self._pieces[0]

    def enough(self) -> bool:
        """Whether the decoder needs nothing behind what came, as far as was looked."""
        if _EASY < self._size < 2 * self._looked:
            return False
        self._looked = self._size
        return enough(self.joined())
