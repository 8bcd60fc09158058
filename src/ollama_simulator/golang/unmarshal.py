"""A text that is one JSON value and nothing else, as Go's `json.Unmarshal` reads it.

Source: native specification 7, compatibility specification 2.8.

It must not import a dialect.
"""

from typing import Any

from ollama_simulator.golang import parse
from ollama_simulator.golang.gosyntax import whole_complaint

NOT_AN_OBJECT = "Value looks like object, but can't find closing '}' symbol"
"""What Ollama's reader of arguments says of any other value."""


class NotJson(ValueError):
    """The text can't be read. It says why, in Go's words."""


def unmarshal(text: str) -> Any:
    """The value of a text, its numbers as int or float. Raises `NotJson`."""
    data = text.encode("utf-8", "replace")
    if wrong := whole_complaint(data):
        raise NotJson(wrong)
    value = parse.parse(data, "")
    if (digits := parse.too_large(value)) is not None:
        raise NotJson(f"json: cannot unmarshal number {digits} into Go value of type float64")
    return parse.plain(value)


def arguments(text: str) -> dict[str, Any] | None:
    """The arguments of a call; `null` stays that. Raises `NotJson`."""
    value = unmarshal(text)
    if value is not None and not isinstance(value, dict):
        raise NotJson(NOT_AN_OBJECT)
    return value
