"""Reads a stream of server-sent events as a strict client does.

Source: WHATWG HTML, 9.2.6, "Interpreting an event stream".

Rules of this file:

1. An event without its blank line was never sent: what is left over at the end is dropped.

It must not import anything of this package.
"""

import codecs
import re
from collections.abc import Iterator
from typing import NamedTuple

_LINE = re.compile(rb"\r\n|\n|\r")


class Event(NamedTuple):
    """One event that a client is told of."""

    data: str
    kind: str = "message"
    """Its `event:` field."""


def events(body: bytes) -> list[Event]:
    """The events of a stream that has ended."""
    return list(_events(body))


def _events(body: bytes) -> Iterator[Event]:
    *lines, _ = _LINE.split(body.removeprefix(codecs.BOM_UTF8))
    data: list[str] = []
    kind = ""
    for line in lines:
        if not line:
            if data:
                yield Event("\n".join(data), kind or "message")
            data, kind = [], ""
            continue
        name, _, value = line.partition(b":")
        text = value.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            data.append(text)
        elif name == b"event":
            kind = text
