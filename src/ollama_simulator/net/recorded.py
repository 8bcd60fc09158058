"""What is kept of a request's head when it is recorded: all of any that anybody sends.

A head may have a megabyte, and records stay for long. So of a large one only the beginning is kept.

It must not import anything of this package.
"""

from collections.abc import Sequence

LARGEST = 16 * 1024
"""Bytes of a head that are kept."""
MOST = 100
"""Headers that are kept."""

Recorded = tuple[str, tuple[tuple[str, str], ...]]
"""A target, and headers."""


def recorded(target: str, headers: Sequence[tuple[str, str]]) -> Recorded:
    """The beginning of a head. What is left out is told as its last header, whose name is empty,
    as no client's can be."""
    room = LARGEST - len(target)
    kept: list[tuple[str, str]] = []
    for name, value in headers[:MOST]:
        room -= len(name)
        if room <= 0:
            break
        kept.append((name, value[:room]))
        room -= len(value)
    first = target[:LARGEST]
    missing = len(target) + _size(headers) - len(first) - _size(kept)
    return first, (*kept, ("", f"{missing} bytes more")) if missing else tuple(kept)


def _size(headers: Sequence[tuple[str, str]]) -> int:
    return sum(len(name) + len(value) for name, value in headers)
