"""Text that conforms to a request's `format`.

Source: native specification 3.4.

Rules of this file:

1. A pure function: the same format and the same draws give the same text.

It must not import anything but layer 0.
"""

from collections.abc import Callable

import msgspec

from ollama_simulator.golang.gojson import quote
from ollama_simulator.model import Origin, Refusal

Draw = Callable[[int], int]
"""`draw(n)` is a number from 0 up to n, n not included."""


def check(format: str) -> None:
    """Raise `Refusal` for the JSON of a `format` that asks for nothing that can be done."""
    asked = msgspec.json.decode(format)
    if asked not in (None, "", "json") and not isinstance(asked, dict):
        expected = 'expected "json" or a valid JSON Schema object'
        raise Refusal(500, f"invalid format: {quote(format)}; {expected}", Origin.RUNNER)


def text(format: str, draw: Draw) -> str:
    """JSON that conforms to a format that `check` lets pass."""
    return "{}"
