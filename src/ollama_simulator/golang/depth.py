"""JSON that is nested deeper than anybody reads.

Source: native specification 1.9.

Rules of this file:

1. Go bears 10,000 levels, Python's recursion far fewer. So what is deeper than `LEVELS` becomes
   null before it is read; no field of a request is that deep.
2. It looks at brackets and strings only: whether the text is sound, others say.

It must not import anything of this package.
"""

import re

LEVELS = 100
"""Levels that are kept."""

_STRING_OR_BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{}]', re.DOTALL)
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))


def deep(data: bytes) -> bool:
    """Whether a text may be nested deeper than `LEVELS`. A sound one that is, always says so."""
    if data.count(b"[") + data.count(b"{") <= LEVELS:
        return False
    # Without escaped quotes, every second part between quotes is outside of strings.
    bare = data.replace(rb"\\", b"").replace(rb"\"", b"") if b"\\" in data else data
    brackets = b"".join(bare.split(b'"')[::2]).translate(None, _OTHERS)
    # Each turn takes the innermost pairs away, and those that enclosed nothing else.
    for _ in range(LEVELS // 2):
        left = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if len(left) == len(brackets):
            return False
        brackets = left
    return True


def shallow(data: bytes) -> bytes:
    """A sound text without what is deeper than `LEVELS`."""
    kept: list[bytes] = []
    level = begin = 0
    for found in _STRING_OR_BRACKET.finditer(data):
        char = found.group()
        if char in (b"[", b"{"):
            level += 1
            if level == LEVELS + 1:
                kept.append(data[begin : found.start()])
        elif char in (b"]", b"}"):
            if level == LEVELS + 1:
                kept.append(b"null")
                begin = found.end()
            level -= 1
            if level == 0:
                break
    return b"".join((*kept, data[begin:]))
