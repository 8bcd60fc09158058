"""Parts of a JSON text, as they were written.

Source: compatibility specification 9.2 and 10.7; Go's `json.RawMessage`.

Rules of this file:

1. It is asked only about texts that were parsed before, so nothing in them is wrong.
2. Keys match in any case, and the last one wins.

It must not import anything but `parse`.
"""

import json
import re
from collections.abc import Iterator

from ollama_simulator.golang import parse

_SPACE = re.compile(r"[ \t\r\n]*")
_skip = json.JSONDecoder().raw_decode

# A string as it is, or white space between two things.
_COMPACTED = re.compile(r'(?P<string>"(?:[^"\\]|\\.)*")|[ \t\r\n]+', re.DOTALL)


def text_of(data: bytes) -> str:
    """The text of a body, with what is no text replaced."""
    return data.decode("utf-8", parse.REPLACE)


def member(text: str, key: str) -> str | None:
    """The value of a key in an object; None if there is none, or if the text is no object."""
    found = None
    for name, value in _members(text):
        if name.lower() == key:
            found = value
    return found


def elements(text: str) -> list[str]:
    """The items of an array; none if the text is no array."""
    at = _after_space(text, 0)
    if text[at : at + 1] != "[":
        return []
    found = []
    at = _after_space(text, at + 1)
    while text[at] != "]":
        end = _skip(text, at)[1]
        found.append(text[at:end])
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)
    return found


def compact(text: str) -> str:
    """A text without white space, its strings and numbers as they are."""
    return _COMPACTED.sub(lambda found: found["string"] or "", text)


def _members(text: str) -> Iterator[tuple[str, str]]:
    at = _after_space(text, 0)
    if text[at : at + 1] != "{":
        return
    at = _after_space(text, at + 1)
    while text[at] != "}":
        name, end = _skip(text, at)
        at = _after_space(text, _after_space(text, end) + 1)
        end = _skip(text, at)[1]
        yield name, text[at:end]
        at = _after_space(text, end)
        if text[at] == ",":
            at = _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None, "the pattern matches nothing, too"
    return found.end()
