"""Reading the bodies of control requests, with errors that name the field and what would be right.

It must not import anything of this package but layer 0, `complaints` and `control.problems`.
"""

import difflib
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from ollama_simulator.complaints import field_of, with_choices
from ollama_simulator.control.problems import Culprit, pointer

T = TypeVar("T")


class BadBody(Exception):
    """A body that can't be taken. The text names the place and what would be right there."""

    def __init__(self, words: str, culprits: tuple[Culprit, ...] = ()) -> None:
        super().__init__(words)
        self.culprits = culprits
        """The same, place by place."""


def decode(body: bytes, kind: type[T], *, hints: dict[str, str], empty: T | None = None) -> T:
    """Read a JSON body, whatever its content type.

    `hints` maps a path in the document (`$.port`) to a phrase that says what belongs there.
    An empty body is `empty`, if that is given. Raises `BadBody`.
    """
    if not body.strip() and empty is not None:
        return empty
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise BadBody(_explain(str(error), hints), (culprit(str(error), hints),)) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        words = f"the body is not JSON: {error}"
        raise BadBody(words, (Culprit(words, pointer("$")),)) from None


def _explain(message: str, hints: dict[str, str]) -> str:
    found = re.search(r" - at `([^`]+)`$", message)
    place = found.group(1) if found else "$"
    missing = re.search(r"missing required field `([^`]+)`", message)
    field = f"{place}.{missing.group(1)}" if missing else place
    hint = hints.get(field) if _of_the_decoder(message) else None
    if found:
        message = with_choices(message[: found.start()], field_of(place)) + found.group(0)
    if hint and "matching regex" in message:
        return f"Expected {hint} - at `{place}`"
    return f"{message}; {field} must be {hint}" if hint else message


def _of_the_decoder(message: str) -> bool:
    """Whether a complaint is about a value's form: what a value's own checks find says enough."""
    return message.startswith(("Expected", "Invalid", "Object", "Str", "Length"))


def culprit(message: str, hints: Mapping[str, str] | None = None) -> Culprit:
    """What `msgspec` complains of, as a place and words."""
    words, _, place = message.partition(" - at `")
    place = place.removesuffix("`") or "$"
    if found := re.search(r"(?:unknown|missing required) field `([^`]+)`", words):
        place = f"{place}.{found[1]}"
    hint = (hints or {}).get(place) if _of_the_decoder(message) else None
    words = with_choices(words, field_of(place))
    return Culprit(f"{words}; it must be {hint}" if hint else words, pointer(place))


def about_field(message: str, kind: type[Any]) -> tuple[str, str]:
    """What `msgspec` complains of in a flat document of strings: the field, and the words."""
    words, _, place = message.partition(" - at `$.")
    name = place.removesuffix("`")
    if found := re.search(r"unknown field `([^`]+)`", words):
        name, names = found[1], [field.encode_name for field in msgspec.structs.fields(kind)]
        near = difflib.get_close_matches(name, names, n=1)
        there = f"did you mean {near[0]}?" if near else f"there are {', '.join(names) or 'none'}"
        return name, f"there is no such parameter; {there}"
    return name, re.sub(r"`(\w+)`", r"\1", words.partition(", got ")[0])
